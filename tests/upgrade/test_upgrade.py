"""An upgrade of Karma alone applies nothing: a project that version 0.1 deployed, under the code of today."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.bootstrap import open_workspace
from karma_adapters.settings import read_settings
from karma_core.roles import Role
from karma_core.use_cases.tokens import recognise
from tests.e2e.command_line import Karma
from tests.upgrade.make import PLACE

FIXTURE = Path(__file__).parent / "embedded-0.1.tar.gz"


class Upgraded:
    """The unpacked project, the command line of today, and what the maker noted of its life."""

    def __init__(self, folder: Path) -> None:
        with tarfile.open(FIXTURE) as packed:
            packed.extractall(folder, filter="data")
        self.root = folder / "project"
        for path in (self.root / ".karma/modules").rglob("module.json"):
            path.write_text(path.read_text().replace(PLACE, str(folder)))
        self.karma = Karma(self.root, env="prod")
        self.facts: dict[str, str] = json.loads((self.root / "facts.json").read_text())

    def actions(self, *words: str, code: int = 0) -> dict[str, str]:
        """Address → action of a plan."""
        planned = self.karma.json("plan", *words, code=code)
        return {c["address"]: c["action"] for c in planned["components"]}


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Upgraded:
    """Read by several tests, changed by the last ones."""
    return Upgraded(tmp_path_factory.mktemp("upgraded"))


def test_nothing_is_to_be_done(upgraded: Upgraded) -> None:
    """Whatever became of fingerprints, paths, stores and policies: every component is as it should be."""
    planned = upgraded.karma.json("plan", "--all", "--detailed-exitcode")
    assert planned["status"] == "no-changes"
    assert {c["action"] for c in planned["components"]} == {"no-op"}
    assert [f["code"] for f in planned["findings"]] == []
    assert upgraded.karma.json("deploy", "--all", "--auto-approve")["status"] == "succeeded"
    applied = upgraded.karma.json("log", "grep", "--action", "terraform_apply")
    assert {event["run_id"] for event in applied} <= set(_runs_of_the_fixture(upgraded))


def _runs_of_the_fixture(upgraded: Upgraded) -> list[Any]:
    """Runs that the maker noted."""
    return json.loads((upgraded.root / "facts.json").read_text())["runs"]


def test_its_log_and_its_past_can_be_read(upgraded: Upgraded) -> None:
    """The chain verifies, and every kind of document that was kept is shown."""
    assert upgraded.karma.json("log", "verify")["problems"] == []
    shown = {
        name: upgraded.karma.json("change", "show", upgraded.facts[name])["status"]
        for name in ("applied", "rolled_back", "rejected")
    }
    assert shown == {"applied": "rolled_back", "rolled_back": "applied", "rejected": "rejected"}
    waiting = upgraded.karma.json("change", "show", upgraded.facts["waiting"])
    assert waiting["status"] in {"awaiting_approval", "expired"}  # it waits for so many hours
    assert len(upgraded.karma.json("change", "list")) == 4
    assert upgraded.karma.json("graph", "build")["status"] == "unchanged"
    assert upgraded.karma.json("why", "app", "shop")


def test_its_tokens_count(upgraded: Upgraded) -> None:
    """With the roles that they were made with."""
    token = recognise(open_workspace(read_settings(upgraded.root), "prod"), upgraded.facts["token"])
    assert token is not None
    assert (token.user, token.role) == ("ann", Role.ADMIN)


def test_a_change_goes_through(upgraded: Upgraded) -> None:
    """A new network reaches its consumers, by apply and by reload."""
    waiting = upgraded.facts["waiting"]
    if upgraded.karma.json("change", "show", waiting)["status"] == "awaiting_approval":
        upgraded.karma.json("change", "cancel", waiting)  # it holds a part of the cone
    patch = upgraded.root / "patch.json"
    patch.write_text(json.dumps({"cidr": "198.51.100.0/24"}))
    done = upgraded.karma.json("propose-change", "net", "core", "--input", str(patch), "--auto-approve")
    patch.unlink()
    assert done["status"] == "applied"
    assert {c["address"]: c["action"] for c in done["plan"]["components"]} == {
        "net/core": "update",
        "app/shop": "update",
        "app/old": "update",
        "agent/edge": "reload",
    }
    assert upgraded.karma.json("log", "verify")["problems"] == []
    assert set(upgraded.actions("--all").values()) == {"no-op"}


def test_what_was_deployed_can_be_destroyed(upgraded: Upgraded) -> None:
    """From the module and the config of its last apply; its policy protects something, so it waits first."""
    waiting = upgraded.karma.json("destroy", "app", "old", "--auto-approve", code=4)["change_id"]
    upgraded.karma.json("change", "approve", waiting)
    assert upgraded.karma.json("apply", waiting)["status"] == "applied"
    assert "app/old" not in {d["address"] for d in _deployed(upgraded)}


def _deployed(upgraded: Upgraded) -> list[dict[str, Any]]:
    """What a destroy of everything would destroy."""
    planned: list[dict[str, Any]] = upgraded.karma.json("plan", "--all", "--destroy")["components"]
    return planned
