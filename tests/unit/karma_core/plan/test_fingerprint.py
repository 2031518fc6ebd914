"""Fingerprints are compared by the algorithm that made them: a later algorithm makes nothing stale."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from karma_core.component_types import TypeDefinition
from karma_core.plan import fingerprint
from karma_core.plan.explain import explain
from karma_core.plan.fingerprint import ALGORITHMS, Algorithm, Inputs
from karma_core.plan.judge import Verdict, judge
from karma_core.plan.spread import Seen
from karma_core.records import Applied
from karma_core.use_cases.graph.build import build_graph
from tests.memory_system import System, statuses

LABELS = {
    "config": "sha256:c",
    "module": "sha256:m",
    "terraform": "terraform 1.11.4",
    "region": "eu-central-1",
    "prefix": "/iac",
    "variables": "sha256:v",
}
INPUTS = Inputs(labels=LABELS, keys={"net/core": {"id": "hmac:1"}})
BY_FIRST = "fp1:c024b6b65baa29368148108546e7a798d0c0cbcbae9f9184fd805eb14718e7d6"
"""The fingerprint that Karma 0.1 gives these inputs."""


def applied(inputs: Inputs) -> Applied:
    """The record that a deploy of these inputs leaves."""
    return Applied(
        address="app/web", fingerprint=inputs.fingerprint, generation=1, run_id="r", at="", config={},
        config_version=1, module="sha256:m", inputs=inputs.labels, keys=inputs.keys, edges=("net/core",),
    )  # fmt: skip


class Second(Algorithm, frozen=True, kw_only=True):
    """An algorithm of another form, too: it would give every component another fingerprint."""

    def fingerprint(self, inputs: Inputs) -> str:
        """As a later version of Karma might make it."""
        return super().fingerprint(Inputs(labels={**inputs.labels, "salt": "2"}, keys=inputs.keys))


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Karma whose new records are written by a second algorithm, which counts one label more."""
    later = Second(version=2, labels=ALGORITHMS[1].labels | {"engine", "salt"})
    monkeypatch.setattr(fingerprint, "ALGORITHMS", {**ALGORITHMS, 2: later})
    monkeypatch.setattr(fingerprint, "VERSION", 2)


def verdict(now: Inputs, record: Applied) -> tuple[Verdict, str]:
    """What is to be done with the component, and why."""
    made = judge("app/web", now, record, TypeDefinition(), Seen())
    return made.verdict, made.reason


def algorithms(system: System) -> dict[str, str]:
    """Address → the algorithm of its applied record."""
    return {
        record.address: record.fingerprint.partition(":")[0] for record in system.state.all_applied().values()
    }


def statuses_in_graph(system: System) -> dict[str, str]:
    """Address → what the stored graph says of the component."""
    snapshot = system.graph.load("test")
    assert snapshot is not None
    return {node.address: str(node.status) for node in snapshot.graph.nodes}


def test_the_first_algorithm_never_changes() -> None:
    """A stored fingerprint of it, written down here, is the one that it gives today."""
    assert ALGORITHMS[1].fingerprint(INPUTS) == BY_FIRST


def test_it_counts_exactly_the_labels_that_components_have() -> None:
    """A label that is in no algorithm would decide nothing; adding one takes a new algorithm."""
    system = System(types="a")
    system.configure(a_one={"x": 1})
    system.deploy()
    record = system.state.applied("a/one")
    assert record is not None
    assert set(record.inputs) == ALGORITHMS[fingerprint.VERSION].labels


@pytest.mark.usefixtures("second")
def test_an_upgrade_of_the_algorithm_alone_runs_nothing() -> None:
    """The new algorithm gives another fingerprint and counts more, and the old record still counts."""
    record = replace(applied(INPUTS), fingerprint=ALGORITHMS[1].fingerprint(INPUTS))
    now = Inputs(labels={**LABELS, "engine": "terraform"}, keys=INPUTS.keys)
    assert now.fingerprint.startswith("fp2:")
    assert now.fingerprint != record.fingerprint
    assert now.matches(record.fingerprint)
    assert fingerprint.causes(now, record) == ()
    assert verdict(now, record) == (Verdict.UNCHANGED, "nothing that decides its deployment changed")
    assert not any(part.differs for part in explain(now, record))


@pytest.mark.usefixtures("second")
def test_after_an_upgrade_a_change_names_what_changed_and_nothing_else() -> None:
    """The label that only the new algorithm counts is no cause, and no cause of its own against a cut-off."""
    record = replace(applied(INPUTS), fingerprint=ALGORITHMS[1].fingerprint(INPUTS))
    labels = {**LABELS, "engine": "terraform"}
    moved = Inputs(labels=labels, keys={"net/core": {"id": "hmac:2"}})
    assert fingerprint.causes(moved, record) == ("net/core: id changed",)
    assert not fingerprint.has_own_cause(moved, record)
    edited = Inputs(labels={**labels, "config": "sha256:d"}, keys=INPUTS.keys)
    assert fingerprint.causes(edited, record) == ("config changed",)
    assert fingerprint.has_own_cause(edited, record)


@pytest.mark.usefixtures("second")
def test_a_record_of_the_new_algorithm_is_compared_by_the_new_one() -> None:
    """What the old one did not count is a difference from then on."""
    record = applied(Inputs(labels={**LABELS, "engine": "terraform"}, keys=INPUTS.keys))
    other = Inputs(labels={**LABELS, "engine": "tofu"}, keys=INPUTS.keys)
    assert record.fingerprint.startswith("fp2:")
    assert fingerprint.causes(other, record) == ("engine changed",)


@pytest.mark.usefixtures("second")
def test_a_fleet_that_an_earlier_algorithm_recorded_stays_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan, deploy and graph say so; the next apply of a component writes the new algorithm's record."""
    system = System(types="a b")
    with monkeypatch.context() as earlier:
        earlier.setattr(fingerprint, "VERSION", 1)
        system.configure(a_one={"x": 1}, b_two={"a_nickname": "one"})
        system.deploy()
    calls = len(system.terraform.calls)
    assert set(statuses(system.deploy()).values()) == {"unchanged"}
    assert len(system.terraform.calls) == calls
    system.configure(a_new={"x": 1})  # else the build would find nothing to judge
    build_graph(system.workspace)
    assert statuses_in_graph(system) == {"a/new": "absent", "a/one": "current", "b/two": "current"}
    system.configure(a_one={"x": 2})
    assert set(statuses(system.deploy()).values()) == {"applied"}
    assert set(algorithms(system).values()) == {"fp2"}


@pytest.mark.parametrize("unknown", ["fp9:0000000000000000", "fp1:0000000000000000", "f", ""])
def test_what_no_known_algorithm_made_is_no_equal(unknown: str) -> None:
    """A record of a newer Karma, or a damaged one, runs the component and says why."""
    record = replace(applied(INPUTS), fingerprint=unknown)
    why = f"its applied fingerprint {unknown[:12]}… cannot be compared"
    assert fingerprint.causes(INPUTS, record) == (why,)
