"""What differs between Git and the parameter store, over HTTP: shown, published, requested."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_core.roles import Role
from tests.served_system import CONFIGS, ServedSystem
from tests.workspace_fakes import write_config


@pytest.fixture
def served(tmp_path: Path) -> Iterator[ServedSystem]:
    """A service whose folder holds what was deployed, but another size of a/one, and a new e/five."""
    for name, config in (CONFIGS | {"a_one": {"size": 2}, "e_five": {"size": 5}}).items():
        write_config(tmp_path, name.replace("_", "/"), json.dumps(config), environment="test")
    made = ServedSystem(root=tmp_path)
    yield made
    made.close()


def test_the_difference_is_shown(served: ServedSystem) -> None:
    """Place by place, for a viewer."""
    shown = served.get("/config/diff").json()
    assert shown["added"] == ["e/five"]
    (changed,) = shown["changed"]
    assert changed["address"] == "a/one"
    assert changed["differences"][0]["pointer"] == "/size"


def test_it_is_published(served: ServedSystem) -> None:
    """A dry run writes nothing; then both are written by the caller's name; then there is nothing left."""
    dry = served.post("/publications", {"dry_run": True}).json()
    assert (dry["written"], served.config("a/one")) == (["a/one", "e/five"], {"size": 1})
    done = served.post("/publications")
    assert (done.status_code, done.json()["versions"]) == (200, {"a/one": 2, "e/five": 1})
    assert served.config("a/one") == {"size": 2}
    event = list(served.log.events(action="config_publish"))[-1]
    assert (event.user, event.source) == ("operator@example.org", "api")
    assert served.post("/publications").json()["written"] == []


def test_the_policy_judges_it(served: ServedSystem) -> None:
    """What needs an approval is not published, but may be requested as a change."""
    served.policy = {"require_approval": True}
    object.__setattr__(served.service, "workspace", served.workspace)
    refused = served.post("/publications")
    assert (refused.status_code, refused.json()["code"]) == (409, "approval-needed")
    asked = served.post("/request-publication", {"reason": "release 12"})
    assert (asked.status_code, asked.json()["status"]) == (202, "awaiting_approval")
    place = asked.headers["location"]
    assert served.get(place).json()["reason"] == "release 12"
    assert served.post(f"{place}/approve", {}, Role.APPROVER).status_code == 200
    assert [flow for flow, _, _ in served.runs.started] == ["change-run"]
    assert served.config("a/one") == {"size": 1}


def test_nothing_to_request(served: ServedSystem) -> None:
    """Once all is published, there is nothing to request."""
    served.post("/publications")
    answer = served.post("/request-publication")
    assert (answer.status_code, answer.json()["code"]) == (409, "nothing-to-publish")


def test_an_invalid_config_stops_all_of_it(served: ServedSystem, tmp_path: Path) -> None:
    """Its finding names the file; nothing is written."""
    write_config(tmp_path, "b/two", "{", environment="test")
    for answer in (
        served.post("/publications"),
        served.post("/request-publication"),
        served.get("/config/diff"),
    ):
        assert answer.status_code == 422
        assert "b/two" in answer.text
    assert served.config("a/one") == {"size": 1}
