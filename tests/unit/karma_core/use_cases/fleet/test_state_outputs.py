"""Outputs in states, as their consumers' fingerprints see them: from records, runs and plans."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core.plan.fingerprint import ABSENT, UNKNOWN
from karma_core.plan.runtime import planned_outputs
from karma_core.records import PlannedOutputs, PlannedRuntime
from karma_core.use_cases.fleet.state_outputs import StateOutputs, output_digests
from tests.unit.graph.environments import applied

RECORD = replace(applied("net/core", {}), outputs=output_digests({"id": 1, "name": "n", "none": None}, str))
KEYS = ("cidr", "outputs.id", "outputs.size")


def outputs() -> StateOutputs:
    """Those of net/core, which was applied."""
    return StateOutputs({"net/core": RECORD}.get)


def test_a_record_tells_what_the_state_has() -> None:
    """No output of null, which Terraform does not keep; keys of the runtime are not looked at."""
    assert RECORD.outputs == {"id": "1", "name": "n"}
    assert outputs().key_digests("net/core", KEYS, str) == {"outputs.id": "1", "outputs.size": ABSENT}
    assert outputs().key_digests("net/new", KEYS, str) == {"outputs.id": ABSENT, "outputs.size": ABSENT}


def test_what_a_run_learns_counts_from_then_on() -> None:
    """For single outputs, and for all as one."""
    made = outputs()
    before = made.key_digests("net/core", None, str)
    made.learn("net/core", {"id": "1", "name": "m"})
    assert made.key_digests("net/core", KEYS, str)["outputs.id"] == "1"
    assert list(before) == ["outputs"]
    assert made.key_digests("net/core", None, str) != before


@pytest.mark.parametrize(
    ("planned", "keys", "digests", "unknown"),
    [
        (
            PlannedOutputs(known={"id": 1, "size": None}),
            KEYS,
            {"outputs.id": "1", "outputs.size": ABSENT},
            (),
        ),
        (
            PlannedOutputs(known={}, unknown={"id": True}),
            KEYS,
            {"outputs.id": UNKNOWN, "outputs.size": ABSENT},
            ("outputs.id",),
        ),
        (
            PlannedOutputs(known={"id": {"a": None}}, unknown={"id": {"a": True}}),
            ("outputs.id",),
            {"outputs.id": UNKNOWN},
            ("outputs.id",),
        ),
        (
            PlannedOutputs(known={"size": 2}, unknown={"name": True}),
            None,
            {"outputs": UNKNOWN},
            ("outputs.name",),
        ),
        (None, KEYS, {"outputs.id": UNKNOWN, "outputs.size": UNKNOWN}, ("outputs.id", "outputs.size")),
        (None, ("outputs",), {"outputs": UNKNOWN}, ("outputs",)),
    ],
)
def test_a_plan_goes_before_what_is_there(
    planned: PlannedOutputs | None, keys: Any, digests: dict[str, str], unknown: tuple[str, ...]
) -> None:
    """As far as it knows, until it is forgotten; None stands for a plan that is deferred."""
    made = outputs()
    foreseen = planned_outputs(planned) if planned is not None else PlannedRuntime(unknown=True)
    made.foresee("net/core", foreseen)
    assert made.key_digests("net/core", keys, str) == digests
    assert made.unknown("net/core", keys) == unknown
    made.forget_plans()
    assert made.key_digests("net/core", ("outputs.id",), str) == {"outputs.id": "1"}
    assert made.unknown("net/core", keys) == ()


def test_what_is_sensitive_of_a_plan_is_told() -> None:
    """As far as it is known: it is masked wherever it shows."""
    made = outputs()
    planned = PlannedOutputs(known={"id": 1, "token": "t"}, unknown={"key": True}, sensitive=("key", "token"))
    made.foresee("net/core", planned_outputs(planned))
    assert made.planned_secrets("net/core") == {"token": "t"}
    assert made.planned_secrets("net/other") == {}
