"""Many processes that ask for changes at once, against one environment with real Terraform."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.boxes import config, make_project
from tests.e2e.command_line import ROOT, Karma, environment

CLIENTS = 50 if os.environ.get("KARMA_SOAK") == "1" else 8
CONFIGS: dict[str, dict[str, Any]] = {
    "box/one": {},
    "box/two": {"box_nickname": "one"},
    "box/three": {"box_nickname": "one"},
    "box/alone": {},
}
ADDRESSES = sorted(CONFIGS)


def start(karma: Karma, number: int) -> subprocess.Popen[str]:
    """Start a client."""
    address = ADDRESSES[number % len(ADDRESSES)]
    words = ["-m", "tests.e2e.change_client", str(karma.project), karma.env, address, str(number)]
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        env=environment(karma.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_all_finish_none_twice_in_the_order_of_acceptance(tmp_path: Path) -> None:
    """Every change is applied once; overlapping ones in the order in which they were accepted."""
    karma = make_project(tmp_path, CONFIGS)
    clients = [start(karma, number) for number in range(CLIENTS)]
    ended = []
    for client in clients:
        out, err = client.communicate(timeout=1700)
        assert client.returncode == 0, err[-3000:]
        ended.append(json.loads(out))
    assert [e for e in ended if e["status"] != "applied"] == []
    changes = [karma.json("change", "show", e["change_id"]) for e in ended]
    numbers = {c["change_id"]: c["number"] for c in changes}
    assert len(set(numbers.values())) == CLIENTS

    events = karma.json("log", "list", "--limit", "100000")
    written = [e for e in events if (e["action"], e["status"]) == ("config_write", "succeeded")]
    assert Counter(e["change_id"] for e in written) == dict.fromkeys(numbers, 1)
    for address in ("box/two", "box/three", "box/alone"):
        held = {"box/one", address} if address != "box/alone" else {address}
        order = [numbers[e["change_id"]] for e in written if e["component"] in held]
        assert order == sorted(order), address
    applied = Counter(
        (e["component"], e["change_id"])
        for e in events
        if (e["action"], e["status"], bool(e["change_id"])) == ("terraform_apply", "succeeded", True)
    )
    assert set(applied.values()) == {1}
    kept = [key for address in ADDRESSES for key in config(karma, address) if key.startswith("by_")]
    assert sorted(kept) == sorted(f"by_{number}" for number in range(CLIENTS))
    assert karma.json("log", "verify")["verified"] is True
    assert karma.json("deploy", "--all", "--auto-approve")["status"] == "succeeded"
