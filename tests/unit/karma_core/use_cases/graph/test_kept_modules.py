"""What a build keeps: a process that has none builds and compares as the builder does, or says why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from karma_core.changes.states import State
from karma_core.errors import BadInput, Refused
from karma_core.inference.facts import ModuleFacts
from karma_core.inference.read import read_module
from karma_core.model import Build, GraphData, Severity
from karma_core.records import Module
from karma_core.state_places import StateFolder
from karma_core.use_cases.changes.graph_update import update_graph
from karma_core.use_cases.fleet.outdated_secrets import HMAC_KEY
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.history import difference
from karma_core.use_cases.graph.kept_modules import (
    KIND,
    SUMMARY,
    SUMMARY_KIND,
    UNKNOWN,
    KeptModules,
    by_kept_modules,
)
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from karma_core.workspace import StoredEnvironment
from tests.change_system import ChangeSystem, request
from tests.memory.terraform import MemoryModules
from tests.memory_system import ALL

READS = (
    'data "aws_ssm_parameter" "a" { name = "${var.iac_prefix}/a/${var.config.of}/runtime" }\n'
    "locals { a = jsondecode(data.aws_ssm_parameter.a.value) }\n"
    'output "runtime" { value = { id = local.a.id } }\n'
)
DEFINITIONS: dict[str, dict[str, Any]] = {
    "c": {"references": {"uses_nickname": "b"}, "consumes": {"b": ["id"]}},
    "d": {"schema": {"properties": {"size": {"type": "integer"}}}},
}


class OddModules(MemoryModules):
    """Modules of which one cannot be read, and of another not its definition."""

    def module(self, component_type: str) -> Module | None:
        if component_type == "e":
            raise BadInput(
                "e/main.tf cannot be read", why="line 3", next_step="correct it", code="module-unreadable"
            )
        return super().module(component_type)

    def definition(self, component_type: str) -> dict[str, Any] | None:
        if component_type == "f":
            raise BadInput("f/component.yaml cannot be read", why="a tab", next_step="correct it")
        return super().definition(component_type)


class Fleet(ChangeSystem):
    """Every way in which a module decides a graph; components are deployed, but for the last two."""

    def __init__(self) -> None:
        super().__init__(DEFINITIONS, "a b c d")
        self.state._secrets[HMAC_KEY] = bytes(32)  # so that twins have the same fingerprints
        self.modules.known_facts["b"] = read_module("b", {"b/main.tf": READS.encode()})
        self.configure(
            a_one={"x": 1},
            b_two={"of": "one"},
            c_three={"uses_nickname": "two"},
            d_four={"size": 4},
        )
        # One after the other, so that Terraform here gives twins the same ids.
        one_by_one = replace(self.workspace, environment=replace(self.workspace.environment, parallelism=1))
        deploy(one_by_one, ALL, ThreadExecutor)

    def function(self, **settings: Any) -> StoredEnvironment:
        """What a function opens on the same stores."""
        made = self.workspace
        environment = replace(made.environment, **settings)
        return by_kept_modules(replace(made, environment=environment))

    def current(self) -> tuple[Build, GraphData]:
        """The stored graph."""
        snapshot = self.graph.load("test")
        assert snapshot is not None
        return snapshot.build, snapshot.graph


@pytest.fixture
def fleet() -> Fleet:
    """It, built."""
    made = Fleet()
    build_graph(made.workspace)
    return made


def test_a_function_builds_what_the_service_builds(fleet: Fleet) -> None:
    """On the same inputs the graph, its digest and its findings are the same, and a worker changes nothing.

    The statuses with it: nothing is stale because the one who looks has no modules.
    """
    twin = Fleet()
    build_graph(twin.workspace)
    for system in (fleet, twin):
        system.configure(d_four={"size": 5}, b_more={"of": "one"}, c_last={"uses_nickname": "more"})
    assert build_graph(fleet.function()).status == "published"
    assert build_graph(twin.workspace).status == "published"
    by_function, by_service = fleet.current(), twin.current()
    assert by_function[1] == by_service[1]
    assert by_function[0].digest == by_service[0].digest
    assert by_function[0].findings == by_service[0].findings
    statuses = {node.address: str(node.status) for node in by_function[1].nodes}
    assert statuses == {
        "a/one": "current", "b/two": "current", "b/more": "absent", "c/three": "current", "c/last": "absent",
        "d/four": "stale",
    }  # fmt: skip
    assert build_graph(fleet.workspace).status == "unchanged"
    assert fleet.current() == by_function


def test_it_has_the_findings_on_modules_too(fleet: Fleet) -> None:
    """What cannot be read of a type, and a type without a module, are found in the same words."""
    odd = OddModules(tuple("abcdef"), DEFINITIONS)
    odd.known_facts = fleet.modules.known_facts
    fleet.modules = odd
    fleet.configure(e_odd={}, f_odd={}, g_bare={}, d_four={"size": "wide"})
    by_service = build_graph(fleet.workspace)
    by_function = build_graph(fleet.function())
    assert by_function.status == by_service.status == "invalid"
    assert by_function.findings == by_service.findings
    codes = {f.code for f in by_function.findings}
    assert codes >= {"module-unreadable", "component-type", "unknown-type", "schema"}


READS_STATE = (
    'data "terraform_remote_state" "a" {\n  backend = "s3"\n'
    '  config  = { bucket = "b", key = "s/a/one/terraform.tfstate" }\n}\n'
    'output "id" { value = data.terraform_remote_state.a.outputs.runtime }\n'
)


def test_it_knows_where_the_service_keeps_states(fleet: Fleet) -> None:
    """Its own settings need not say it: the reader of a state depends on whose it is all the same."""
    fleet.modules.known_facts["d"] = read_module("d", {"d/main.tf": READS_STATE.encode()})
    fleet.modules.edit("d", "2")
    made = fleet.workspace
    environment = replace(made.environment, states=StateFolder("s3", "s", "b"))
    build_graph(replace(made, environment=environment))
    by_service = fleet.current()[1]
    assert [(e.source, e.target, e.keys) for e in by_service.edges if "state" in e.via and e.keys] == [
        ("d/four", "a/one", ("outputs.runtime",))
    ]
    assert build_graph(fleet.function()).status == "unchanged"
    assert fleet.current()[1] == by_service


def test_a_difference_to_now_shows_nothing_falsely_stale(fleet: Fleet) -> None:
    """Nothing moved: there is no difference. One config moved: that component alone, as the worker says."""
    build_graph(fleet.workspace)
    assert difference(fleet.function(), None, None).delta.empty
    fleet.configure(a_one={"x": 2})
    by_function = difference(fleet.function(), None, None)
    assert by_function == difference(fleet.workspace, None, None)
    assert [node.address for node in by_function.delta.put_nodes] == ["a/one"]


def test_a_module_that_moved_is_followed_from_the_next_build_on(fleet: Fleet) -> None:
    """A function knows what the last build knew: the deployed module until then, the new one from then on."""
    function = fleet.function()
    fleet.modules.edit("a", "2")
    assert difference(function, None, None).delta.empty
    build_graph(fleet.workspace)
    assert difference(function, None, None).delta.empty
    assert {n.address for n in fleet.current()[1].nodes if n.status == "stale"} == {"a/one"}


def test_only_what_moved_is_kept_anew(fleet: Fleet) -> None:
    """A build writes the documents of types that moved; a function writes none."""
    before = {d.id: d.revision for d in fleet.state.documents(KIND)}
    build_graph(fleet.workspace)
    fleet.modules.edit("a", "2")
    build_graph(fleet.workspace)
    after = {d.id: d.revision for d in fleet.state.documents(KIND)}
    assert after == {**before, "a": before["a"] + 1}
    fleet.configure(a_one={"x": 9})
    assert build_graph(fleet.function()).status == "published"
    assert {d.id: d.revision for d in fleet.state.documents(KIND)} == after


def test_what_is_not_known_is_said(fleet: Fleet) -> None:
    """A module that came after the last build: no difference is made up, and a worker gets the graph."""
    fleet.modules.edit("g", "1")
    fleet.configure(g_new={"x": 1})
    before = fleet.current()
    _left_to_a_worker(fleet, fleet.function(), "it came after the last build")
    assert fleet.current() == before
    build_graph(fleet.workspace)
    assert difference(fleet.function(), None, None).delta.empty


def test_other_settings_than_the_builders_are_said(fleet: Fleet) -> None:
    """Variables enter every fingerprint: a function that is given others would call everything stale."""
    _left_to_a_worker(fleet, fleet.function(variables={"x": 1}), "region, prefix, variables or types")
    assert update_graph(fleet.function(policy={"protected": ["a/*"]}, lease_seconds=5.0)) == ""


def test_a_store_in_which_nothing_is_kept_is_said(fleet: Fleet) -> None:
    """A graph of a builder that kept nothing cannot be compared."""
    del fleet.state._documents[SUMMARY_KIND, SUMMARY]
    _left_to_a_worker(fleet, fleet.function(), "no build has kept")


def test_documents_of_another_build_are_not_used(fleet: Fleet) -> None:
    """A type's document that is not the one which the build names is not taken for it."""
    fleet.state.put_document(KIND, "b", {"digest": "sha256:other"})
    _left_to_a_worker(fleet, fleet.function(), "a build is just keeping it")


def _left_to_a_worker(fleet: Fleet, function: StoredEnvironment, why: str) -> None:
    with pytest.raises(Refused, match="cannot be known") as refused:
        difference(function, None, None)
    assert refused.value.code == UNKNOWN
    assert why in refused.value.why
    assert why in update_graph(function)


def test_a_verdict_on_an_unknown_type_is_left_to_a_worker(fleet: Fleet) -> None:
    """Its module may say that a reference means something else: a function does not reject it, and says so.

    The worker, which has the module, does.
    """
    fleet.modules.edit("g", "1")
    body = {"component": "g/new", "create": {"a_nickname": "none"}}
    dry = request(fleet.function(), {**body, "dry_run": True})
    assert (dry.status, dry.why) == (State.PROPOSED, "g is not known here: a worker judges it")
    queued = request(fleet.function(), body)
    assert (queued.status, queued.why) == (State.QUEUED, "g is not known here: a worker judges it")
    assert "missing-component" in {f.code for f in queued.findings if f.severity is Severity.ERROR}
    fleet.drain()
    assert fleet.change(queued.id).status is State.REJECTED
    known = request(
        fleet.function(),
        {"component": "c/three", "proposed_change": {"uses_nickname": "none"}},
    )
    assert known.status is State.REJECTED


def test_many_types_are_read_at_once(fleet: Fleet) -> None:
    """A container that knows nothing yet reads a fleet of many types by one question for all."""
    fleet.modules = MemoryModules(tuple(f"t{n}" for n in range(30)))
    fleet.modules.known_facts = {f"t{n}": _facts() for n in range(30)}
    build_graph(fleet.workspace)
    asked: list[str] = []

    class Counted:
        def __getattr__(self, name: str) -> Any:
            asked.append(name)
            return getattr(fleet.state, name)

    kept = KeptModules(Counted(), fleet.workspace.environment)
    assert len(kept.types()) == 30
    assert all(kept.facts(name) == _facts() for name in kept.types())
    assert asked == ["document", "document", "documents"]


def _facts() -> ModuleFacts:
    return read_module("b", {"b/main.tf": READS.encode()})
