"""Orders on a real Prefect server: a run's parameters are believed where an order stands behind them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import prefect_database
from tests.e2e.command_line import Karma, environment

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
def test_a_run_acts_as_its_order_says_and_as_nobody_else(tmp_path: Path) -> None:
    """A name in a form is a label; an order is for its parameters and its first run; a command gives one."""
    karma = Karma(tmp_path, env="dev")
    karma.json("init")
    karma.json("config", "publish")
    karma.json("graph", "build")
    with (tmp_path / "karma.toml").open("a") as settings:
        settings.write('\n[policy]\nrequesters = ["ann"]\n')
    token = karma.json("token", "create", "ann", "--role", "approver")["token"]
    prefect_database.prepare(tmp_path / ".karma" / "prefect")
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.order_flow", str(tmp_path)],
        cwd=ROOT,
        env=environment({"KARMA_TOKEN": token}),
        capture_output=True,
        text=True,
        timeout=220,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines == [
        {"code": "identity-unproven"},
        {"code": "order-not-vouched"},
        {"code": "order-not-vouched"},
        {"code": "order-not-vouched"},
        {"status": "approved"},
        {"code": "order-not-vouched"},
        {"status": "succeeded"},
    ]
    (change,) = karma.json("change", "list")
    shown = karma.json("change", "show", change["change_id"])
    assert (shown["asked_by"], shown["proof"], shown["source"]) == ("ann", "token", "cli")
    events = karma.json("log", "list", "--limit", "500")
    denied = [e["inputs"]["code"] for e in events if (e["action"], e["status"]) == ("access", "denied")]
    assert denied == ["identity-unproven", *["order-not-vouched"] * 4]
    deploys = [(e["user"], e["source"]) for e in events if e["action"] == "deploy" and not e["change_id"]]
    assert set(deploys) == {("ann", "cli")}
