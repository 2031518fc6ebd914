"""The four journeys of docs/architecture.md pass the functions that are drawn there, in that order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from karma_api.dispatch import answer
from karma_api.exchange import Incoming
from karma_api.routes import ROUTES
from karma_core.roles import Role
from karma_core.use_cases.changes.drain import carry_on
from tests.change_system import run_order
from tests.journeys import passed
from tests.served_system import ServedSystem

GROW = {"component": "a/one", "proposed_change": {"size": 2}}
TEXT = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")


def drawn(title: str) -> list[str]:
    """The functions of a journey's picture, as dotted names in the order of its arrows."""
    section = TEXT.split(f"### {title}\n", 1)[1].split("```mermaid", 1)[1].split("```", 1)[0]
    files = dict(re.findall(r"participant (\w+) as (\S+)\.py", section))
    arrows = re.findall(r"->>(\w+): ([\w.]+)", section)
    return [f"{files[name].replace('/', '.')}.{function}" for name, function in arrows]


def ask(system: ServedSystem, name: str, role: Role, body: Any = None, **path: str) -> Any:
    """The answer of a route's handler, asked in this thread."""
    route = next(route for route in ROUTES if route.name == name)
    placeholders = {key: value for key, value in path.items() if f"{{{key}}}" in route.path}
    incoming = Incoming(
        headers={**system.headers(role), "content-type": "application/json"},
        path=placeholders,
        query=tuple((key, value) for key, value in path.items() if key not in placeholders),
        body=json.dumps(body).encode() if body is not None else b"",
    )
    outgoing = answer(system.services, route, incoming)
    assert outgoing.status < 300, outgoing.body
    return json.loads(outgoing.body)


def require_passed(title: str, names: list[str]) -> None:
    """Every function of the picture is among the calls, each behind the one before it."""
    wanted = drawn(title)
    assert len(wanted) >= 6
    assert [name for name in wanted if name not in names] == []
    calls = iter(names)
    assert [name for name in wanted if name not in calls] == []


@pytest.fixture
def system() -> Iterator[ServedSystem]:
    """Four components, deployed; a change of one waits for an approval."""
    made = ServedSystem()
    made.policy.update(require_approval=True)
    yield made
    made.close()


def test_a_plan(system: ServedSystem) -> None:
    """A plan of everything, where a config has been changed."""
    system.configure(a_one={"size": 5})
    names = passed(lambda: ask(system, "plan-make", Role.OPERATOR, {"everything": True}))
    require_passed("A plan", names)


def test_a_change() -> None:
    """Requested and approved over the API, carried out by a run."""
    system = ServedSystem()
    system.policy.update(require_approval=True)
    seen: Mapping[str, Any] = {}

    def go() -> None:
        nonlocal seen
        seen = ask(
            system, "request-change", Role.OPERATOR, {"component": "a/one", "proposed_change": {"size": 2}}
        )
        ask(system, "change-approve", Role.APPROVER, {}, change_id=seen["change_id"])
        carry_on(system.workspace, seen["change_id"], run_order)

    names = passed(go)
    assert system.change(seen["change_id"]).status == "applied"
    require_passed("A change", names)
    system.close()


def test_a_config_value(tmp_path: Path) -> None:
    """From a file in Git to the apply of what reads it."""
    system = ServedSystem(root=tmp_path)
    configs = {"a/one": {"size": 9}, "b/two": {"a_nickname": "one"}, "c/three": {"b_nickname": "two"}}
    for address, config in {**configs, "d/four": {"size": 4}}.items():
        file = tmp_path / "iac" / "test" / address / "config.json"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(config), "utf-8")

    def go() -> None:
        ask(system, "publication", Role.APPROVER, {})
        system.deploy()

    names = passed(go)
    require_passed("A config value, from Git to the apply of its consumer", names)
    system.close()


def test_an_event(system: ServedSystem) -> None:
    """Made, masked, chained, and what a component is like because of it."""

    def go() -> None:
        ask(system, "request-change", Role.OPERATOR, GROW)
        ask(system, "why", Role.VIEWER, component="a/one")

    require_passed("From an event to `why`", passed(go))
