"""A lost Terraform state and a lost runtime by command line: exit codes, messages, acceptance."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.e2e.boxes import make_project
from tests.e2e.command_line import Karma, statuses


@pytest.fixture
def karma(tmp_path: Path) -> Karma:
    """box/one ← box/two, deployed."""
    return make_project(tmp_path, {"box/one": {"size": 1}, "box/two": {"box_nickname": "one"}})


def _codes(findings: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(finding["code"], finding["component"]) for finding in findings}


def test_a_lost_state_until_it_is_accepted(karma: Karma) -> None:
    """Every command says it by its exit code and its words, and `doctor --accept` ends it."""
    (karma.state / "tfstate/box/one/terraform.tfstate").unlink()
    made = karma.json("plan", "--all", code=3)
    assert ("state-lost", "box/one") in _codes(made["findings"])
    assert made["status"] == "blocked"
    assert statuses(karma.json("deploy", "--all", "--auto-approve", code=3))["box/one"] == "blocked"
    assert statuses(karma.json("drift", "box/one", code=1)) == {"box/one": "state-lost"}
    assert ("state-lost", "box/one") in _codes(karma.json("graph", "validate", code=3)["findings"])
    checks = karma.json("doctor", code=1)["checks"]
    (lost,) = [check for check in checks if check["name"] == "terraform states"]
    assert lost["status"] == "failed"
    assert "karma doctor --accept state:box/one" in lost["next_step"]
    ended = karma.json("destroy", "--all", "--auto-approve", code=3)
    assert statuses(ended) == {"box/one": "blocked", "box/two": "destroyed"}
    refused = karma.refuses("doctor", "--accept", "weather:box/one", code=2)
    assert "state" in refused.error["why"]
    accepted = karma.json("doctor", "--accept", "state:box/one")
    assert (accepted["kind"], accepted["name"], accepted["doubt"]) == ("state", "box/one", "state-lost")
    assert accepted["now"] == "none"
    planned = {c["address"]: c["action"] for c in karma.json("plan", "--all")["components"]}
    assert planned == {"box/one": "create", "box/two": "create"}
    karma.json("deploy", "--all", "--auto-approve")
    assert karma.run("plan", "--all", "--detailed-exitcode").code == 0


def test_a_lost_runtime_is_a_change(karma: Karma) -> None:
    """`plan --detailed-exitcode` is 2, and the deploy that follows brings it back."""
    with sqlite3.connect(karma.state / "parameters.sqlite") as store:
        name = "/dev/box/one/runtime"
        before = store.execute("SELECT value FROM parameter WHERE name = ?", (name,)).fetchone()
        store.execute("DELETE FROM parameter WHERE name = ?", (name,))
    planned = karma.json("plan", "--all", "--detailed-exitcode", code=2)
    assert ("runtime-lost", "box/one") in _codes(planned["findings"])
    assert planned["summary"]["change"] == 0
    assert statuses(karma.json("deploy", "--all", "--auto-approve")) == {
        "box/one": "applied",
        "box/two": "unchanged",
    }
    with sqlite3.connect(karma.state / "parameters.sqlite") as store:
        assert store.execute("SELECT value FROM parameter WHERE name = ?", (name,)).fetchone() == before
