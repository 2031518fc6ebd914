"""Events of the log are made in one place, with everything that belongs to them."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

from karma_core.events import event_of, log_event
from tests.memory_system import System

ROOT = Path(__file__).parents[3]


def test_an_event_says_who_acts_for_which_change_and_why() -> None:
    """Environment, time, actor, change and cause come from the workspace, unless they are given."""
    workspace = System().workspace
    actor = replace(workspace.actor, user="ann", source="ui", change_id="change-1", cause="event-1")
    workspace = replace(workspace, actor=actor)
    event = event_of(workspace, "drift", "found", "a/one", inputs={"n": 1}, cause=None)
    assert (event.environment, event.user, event.source) == ("test", "ann", "ui")
    assert (event.action, event.status, event.component) == ("drift", "found", "a/one")
    assert (event.change_id, event.cause, event.inputs) == ("change-1", "event-1", {"n": 1})
    assert event_of(workspace, "drift", "found", cause="event-2").cause == "event-2"


def test_a_logged_event_is_found_by_its_id() -> None:
    """The id is what later events name as their cause."""
    workspace = System().workspace
    event_id = log_event(workspace, "access", "denied", user="bob")
    kept = workspace.log.event(event_id)
    assert kept is not None
    assert (kept.user, kept.seq) == ("bob", 1)


def test_no_other_module_makes_events() -> None:
    """A hand-made event would forget the change or the cause. The sinks read stored ones back."""
    makers = set()
    for package in (
        "karma_core",
        "karma_adapters",
        "karma_api",
        "karma_lambda",
        "karma_cli",
        "flows",
        "tasks",
    ):
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_text("utf-8"))
            calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
            imported = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom) and node.module == "karma_core.records"
                for alias in node.names
            }
            if "Event" in imported and any(isinstance(f, ast.Name) and f.id == "Event" for f in calls):
                makers.add(str(path.relative_to(ROOT)))
    assert makers == {"karma_core/events.py"}
