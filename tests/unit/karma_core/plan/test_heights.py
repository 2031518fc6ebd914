"""When a Terraform state is the one that an applied record knows, and what it is otherwise."""

from __future__ import annotations

import pytest

from karma_core.plan.heights import compare
from karma_core.records import StateHeight

RECORDED = StateHeight(lineage="one", serial=4, resources=2)


def height(lineage: str = "one", serial: int = 4, resources: int = 2) -> StateHeight:
    """A present state."""
    return StateHeight(lineage=lineage, serial=serial, resources=resources)


@pytest.mark.parametrize(
    ("present", "code", "said"),
    [
        (None, "state-lost", "gone"),
        (height(serial=5, resources=0), "state-lost", "empty"),
        (height(lineage="two"), "state-lost", "foreign"),
        (height(lineage="two", serial=9, resources=0), "state-lost", "foreign"),
        (height(serial=3), "state-older", "older"),
        (height(serial=3, resources=0), "state-older", "older"),
    ],
)
def test_what_must_not_be_relied_on(present: StateHeight | None, code: str, said: str) -> None:
    """Gone, empty, foreign and older states, each with what it is and what the record knows."""
    fault = compare(RECORDED, present)
    assert fault is not None
    assert fault.code == code
    assert said in fault.why
    assert "serial 4 with 2 resources" in fault.why


@pytest.mark.parametrize("present", [height(), height(serial=5), height(serial=9, resources=1)])
def test_what_went_on_is_fine(present: StateHeight) -> None:
    """The same lineage and a serial that is no lower: the rest is drift's business."""
    assert compare(RECORDED, present) is None


def test_a_serial_has_one_content() -> None:
    """With the same serial another content is damage or an edit by hand; an old record says nothing."""
    recorded = StateHeight(lineage="one", serial=4, resources=2, digest="sha256:a")
    fault = compare(recorded, StateHeight(lineage="one", serial=4, resources=2, digest="sha256:b"))
    assert fault is not None
    assert fault.code == "state-altered"
    assert compare(recorded, StateHeight(lineage="one", serial=5, resources=2, digest="sha256:b")) is None
    assert compare(RECORDED, StateHeight(lineage="one", serial=4, resources=2, digest="sha256:b")) is None


def test_a_run_that_began_may_have_emptied_it() -> None:
    """Only a state that has come further since; one that is gone, foreign or older is no run's work."""
    assert compare(RECORDED, height(serial=5, resources=0), begun=True) is None
    for present in (None, height(resources=0), height(lineage="two", serial=5), height(serial=3)):
        assert compare(RECORDED, present, begun=True) is not None


def test_a_state_that_never_had_anything_may_be_empty() -> None:
    """A module of outputs alone."""
    nothing = StateHeight(lineage="one", serial=1, resources=0)
    assert compare(nothing, nothing) is None
