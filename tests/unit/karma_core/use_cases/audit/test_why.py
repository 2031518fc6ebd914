"""From an event back to its trigger, and forward to what it caused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from karma_core.errors import NotFound
from karma_core.records import Event
from karma_core.use_cases.audit import causes
from karma_core.use_cases.audit.why import ABOVE, Step, consequences, why
from karma_core.use_cases.configs import publish_event
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.record import Selection
from tests.stored_system import StoredSystem

CONSUMES = {"b": {"consumes": {"a": ["size"]}}, "c": {"propagation": "reload", "reload": {"command": ["x"]}}}


@pytest.fixture
def system(tmp_path: Path) -> Iterator[StoredSystem]:
    """`b/two` reads `size` of `a/one`."""
    made = StoredSystem(tmp_path, CONSUMES)
    made.publish(a_one={"size": 1}, b_two={"a_nickname": "one"})
    made.deploy()
    yield made
    made.close()


def said(steps: Sequence[Step]) -> list[tuple[int, str, str | None, str]]:
    """(depth, action, component, status) of each step; what is missing as an action `?`."""
    return [
        (s.depth, s.event.action, s.event.component, s.event.status)
        if s.event
        else (s.depth, "?", None, s.missing)
        for s in steps
    ]


def test_from_a_consumer_back_to_the_publish(system: StoredSystem) -> None:
    """A changed config is followed to the consumer's run: publish, deploy, apply, runtime, apply."""
    system.publish(a_one={"size": 2})
    system.deploy()
    steps = why(system.workspace, "b/two")
    assert said(steps) == [
        (0, "runtime_publish", "b/two", "succeeded"),
        (1, "terraform_apply", "b/two", "succeeded"),
        (2, "terraform_apply", "b/two", "started"),
        (3, "runtime_publish", "a/one", "succeeded"),
        (4, "terraform_apply", "a/one", "succeeded"),
        (5, "terraform_apply", "a/one", "started"),
        (6, "deploy", None, "started"),
        (6, "config_publish", None, "succeeded"),
        (7, "config_publish", None, "started"),
    ]
    reasons = {(s.event.action, s.event.component, s.event.status): s.because for s in steps if s.event}
    assert reasons["terraform_apply", "b/two", "started"] == "a/one: size changed"
    assert reasons["runtime_publish", "a/one", "succeeded"] == "it was applied; changed: size"
    assert reasons["terraform_apply", "a/one", "started"] == "config changed"
    assert reasons["deploy", None, "started"] == "ann asked for it (cli)"
    parents = {s.event.id: s.parent for s in steps if s.event}
    assert all(parent is None or parent in parents for parent in parents.values())


def test_the_version_is_matched_and_not_the_time(system: StoredSystem) -> None:
    """A later publish of the same component is not the cause of an earlier deploy."""
    system.publish(a_one={"size": 2})
    system.deploy()
    system.publish(a_one={"size": 3})
    writers = [
        s.event for s in why(system.workspace, "a/one") if s.event and s.event.action == "config_publish"
    ]
    assert writers[0].inputs["versions"] == [{"component": "a/one", "version": 2}]


def test_a_producer_of_an_earlier_run_is_found(system: StoredSystem) -> None:
    """The consumer's run names only the deploy; what it took up was published by a run before."""
    system.publish(a_one={"size": 2})
    system.terraform.failures["b/two"] = "apply"
    system.deploy()
    system.terraform.failures.clear()
    system.deploy(Selection(targets=("b/two",)))
    steps = why(system.workspace, "b/two")
    third = [s for s in said(steps) if s[0] == 3]
    assert third == [(3, "deploy", None, "started"), (3, "runtime_publish", "a/one", "succeeded")]


def test_what_was_taken_up_before_is_no_cause_again(system: StoredSystem) -> None:
    """The consumer's own change leads to its publish alone, not to what was taken up before."""
    system.publish(a_one={"size": 2})
    system.deploy()
    system.publish(b_two={"a_nickname": "one", "own": 1})
    system.deploy()
    third = [s for s in said(why(system.workspace, "b/two")) if s[0] == 3]
    assert third == [(3, "deploy", None, "started"), (3, "config_publish", None, "succeeded")]


def test_what_is_reached_twice_is_told_once(tmp_path: Path) -> None:
    """In a diamond both branches lead to one deploy; the second time it only says so."""
    system = StoredSystem(tmp_path, CONSUMES)
    system.publish(
        a_one={"size": 1}, b_l={"a_nickname": "one"}, b_r={"a_nickname": "one"},
        d_end={"b_nicknames": ["l", "r"]},
    )  # fmt: skip
    system.deploy()
    steps = why(system.workspace, "d/end")
    ids = [s.event.id for s in steps if s.event and s.because != ABOVE]
    assert len(ids) == len(set(ids))
    assert {s.event.component for s in steps if s.event and s.event.action == "runtime_publish"} == {
        "a/one", "b/l", "b/r", "d/end",
    }  # fmt: skip
    assert any(s.because == ABOVE for s in steps)
    system.close()


def test_a_reload_has_causes_like_an_apply(tmp_path: Path) -> None:
    """The producer's new runtime set it off."""
    system = StoredSystem(tmp_path, CONSUMES)
    system.publish(a_one={"size": 1}, c_agent={"a_nickname": "one"})
    system.deploy()
    system.publish(a_one={"size": 2})
    system.deploy()
    assert said(why(system.workspace, "c/agent"))[:3] == [
        (0, "reload", "c/agent", "succeeded"),
        (1, "reload", "c/agent", "started"),
        (2, "runtime_publish", "a/one", "succeeded"),
    ]
    system.close()


def test_a_drift_goes_on_to_the_last_apply(system: StoredSystem) -> None:
    """The check found it; what it differs from was applied by that run."""
    system.terraform.outside["a/one"] = {"size": 9}
    check_drift(system.workspace)
    steps = why(system.workspace, "a/one")
    assert said(steps)[:3] == [
        (0, "drift", "a/one", "drifted"),
        (1, "drift_check", None, "started"),
        (1, "terraform_apply", "a/one", "succeeded"),
    ]
    assert "who changed it is not in this log" in steps[0].because


def test_missing_links_are_said(system: StoredSystem) -> None:
    """A cause that the log does not hold, none where there should be one, and an unknown writer."""
    workspace = system.workspace
    event = Event(
        id="x1", timestamp=workspace.now(), action="terraform_apply", environment="test", component="a/one",
        user="ann", source="cli", status="started", inputs={"config_version": 77}, cause="gone",
    )  # fmt: skip
    workspace.log.append(event)
    assert [s.missing for s in why(workspace, "a/one")[1:]] == [
        "the log holds no event gone, which is named as the cause",
        "the log does not say who wrote version 77 of the config of a/one",
    ]
    workspace.log.append(
        Event(
            id="x2", timestamp=workspace.now(), action="runtime_publish", environment="test",
            component="a/one", user="ann", source="cli", status="succeeded",
        )
    )  # fmt: skip
    assert said(why(workspace, "a/one"))[1] == (1, "?", None, "the event names no cause")


def test_what_was_never_applied_begins_at_its_publish(tmp_path: Path) -> None:
    """And what the log has never heard of is an error."""
    system = StoredSystem(tmp_path)
    system.publish(a_one={"size": 1})
    for walk in (why, consequences):
        assert said(walk(system.workspace, "a/one"))[0] == (0, "config_publish", None, "succeeded")
        with pytest.raises(NotFound, match="knows nothing about a/two"):
            walk(system.workspace, "a/two")
    system.close()


def test_versions_of_many_configs_are_an_artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what an event may name, the walk reads them from there."""
    monkeypatch.setattr(publish_event, "_NAMED_ADDRESSES", 1)
    system = StoredSystem(tmp_path)
    system.publish(a_one={"size": 1}, a_two={"size": 1})
    system.deploy()
    steps = why(system.workspace, "a/two")
    writers = [s.event for s in steps if s.event and s.event.action == "config_publish"]
    assert "versions" not in writers[0].inputs
    assert causes.Causes(system.workspace).written_versions(writers[0]) == {"a/one": 1, "a/two": 1}
    system.close()


def test_forward_to_everything_that_followed(system: StoredSystem) -> None:
    """The producer's apply, its runtime, and the consumer's apply under it; not the run's own end."""
    system.publish(a_one={"size": 2})
    system.deploy()
    assert said(consequences(system.workspace, "a/one")) == [
        (0, "terraform_apply", "a/one", "started"),
        (1, "terraform_apply", "a/one", "succeeded"),
        (2, "runtime_publish", "a/one", "succeeded"),
        (3, "terraform_apply", "b/two", "started"),
        (4, "terraform_apply", "b/two", "succeeded"),
        (5, "runtime_publish", "b/two", "succeeded"),
    ]


def test_forward_across_runs(system: StoredSystem) -> None:
    """A consumer that took it up in a later run follows from it, once."""
    system.publish(a_one={"size": 2})
    system.terraform.failures["b/two"] = "plan"
    system.deploy()
    system.terraform.failures.clear()
    system.deploy()
    system.publish(b_two={"a_nickname": "one", "own": 1})
    system.deploy()
    followed = [
        s
        for s in said(consequences(system.workspace, "a/one"))
        if s[1:] == ("terraform_apply", "b/two", "started")
    ]
    assert followed == [(3, "terraform_apply", "b/two", "started")]
