"""From an inventory to nodes, edges and statuses."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core import strictjson
from karma_core.graph.build import build
from karma_core.graph.load import Loaded
from karma_core.model import Edge, Kind, Severity, Status, to_builtins
from tests.unit.graph.environments import applied, built, inventory, parameter, parameters

SITE = {"serverless-site": {"match": [{"field": "zone", "type": "zone", "equals": "name"}]}}


def edge(source: str, target: str, *via: str, pointers: tuple[str, ...], **facts: Any) -> Edge:
    """An edge as the build should make it."""
    return Edge(source=source, target=target, via=via, pointers=pointers, **facts)


def test_all_ways_to_one_producer_are_one_edge() -> None:
    """Several findings for a pair merge into one dependency with sorted ways and places."""
    config = {"vpc_nickname": "core", "depends_on": ["vpc/core"], "also": {"vpc_nickname": "core"}}
    graph = built(parameters({"app/web": config, "vpc/core": {}})).graph
    assert graph.edges == (
        edge(
            "app/web",
            "vpc/core",
            "declared",
            "nickname",
            pointers=("/also/vpc_nickname", "/depends_on/0", "/vpc_nickname"),
        ),
    )


def test_naming_a_runtime_consumes_it_whole() -> None:
    """A runtime named by its parameter is read, and which keys is not known."""
    config = {"from": "/iac/vpc/core/runtime", "vpc_nickname": "core"}
    graph = built(parameters({"app/web": config, "vpc/core": {}})).graph
    consumes, depends = graph.edges
    assert consumes == edge("app/web", "vpc/core", "parameter", pointers=("/from",), kind=Kind.CONSUMES)
    assert (depends.kind, depends.via) == (Kind.DEPENDS_ON, ("nickname", "parameter"))


def test_the_type_definition_says_which_keys_are_read() -> None:
    """`consumes` turns any reference to that type into a known reading, and goes before the whole runtime."""
    types = {"app": {"consumes": {"vpc": ["vpc_id", "cidr", "vpc_id"]}}}
    config = {"vpc_nickname": "core", "from": "/iac/vpc/core/runtime"}
    graph = built(parameters({"app/web": config, "vpc/core": {}}), types=types).graph
    assert graph.edges[0].kind == Kind.CONSUMES
    assert graph.edges[0].keys == ("cidr", "vpc_id")


def test_nodes_carry_what_the_parameters_say() -> None:
    """A node has paths, versions and digests of its config and runtime."""
    stored = [parameter("vpc/core/config", {"a": 1}, version=7), parameter("vpc/core/runtime", {}, version=2)]
    (node,) = built(stored).graph.nodes
    assert (node.config_path, node.config_version) == ("/iac/vpc/core/config", 7)
    assert (node.runtime_path, node.runtime_version) == ("/iac/vpc/core/runtime", 2)
    assert (node.config_digest, node.runtime_digest) == (strictjson.digest({"a": 1}), strictjson.digest({}))
    assert (node.environment, node.status) == ("dev", Status.ABSENT)


class TestStatus:
    def status(self, address: str, *args: Any, **facts: Any) -> Status:
        """The status of one node of a build."""
        return next(node.status for node in built(*args, **facts).graph.nodes if node.address == address)

    def test_a_consumed_runtime_of_nobody_is_external(self) -> None:
        """Somebody outside provides it: a node that is never planned."""
        stored = parameters({"app/web": {"vpc_nickname": "core"}}, {"vpc/core": {}})
        assert self.status("vpc/core", stored) == Status.EXTERNAL

    def test_a_runtime_that_nobody_consumes_is_an_orphan(self) -> None:
        """It is kept as a node, and a warning says that it may be deleted."""
        result = built(parameters({}, {"vpc/core": {}}))
        assert [node.status for node in result.graph.nodes] == [Status.ORPHAN]
        assert [(one.code, one.severity) for one in result.findings] == [("orphan-runtime", Severity.WARNING)]

    def test_no_deletion_is_advised_where_a_module_reads_what_is_not_seen(self) -> None:
        """It may read that runtime: the orphan's finding says so, whichever component reads."""
        stored = parameters({"app/web": {}}, {"vpc/core": {}})
        advice = {}
        state = 'data "terraform_remote_state" "x" {\n  backend = "remote"\n}\n'
        for read in ("", 'data "http" "x" {}\n', state):
            result = built(stored, sources={"app": read})
            [advice[read]] = [one.message for one in result.findings if one.code == "orphan-runtime"]
        assert ["Do not delete" in message for message in advice.values()] == [False, True, True]
        assert ["Delete the parameter" in message for message in advice.values()] == [True, False, False]

    def test_an_applied_component_without_config_is_removed(self) -> None:
        """It keeps its edges, so that it is destroyed in order, and its consumers are told."""
        stored = parameters({"app/web": {"vpc_nickname": "core"}}, {"vpc/core": {}})
        result = built(stored, records=[applied("vpc/core", {})])
        assert [node.status for node in result.graph.nodes] == [Status.ABSENT, Status.REMOVED]
        assert [(one.source, one.target) for one in result.graph.edges] == [("app/web", "vpc/core")]
        assert [(one.code, one.component) for one in result.findings] == [("missing-component", "app/web")]

    @pytest.mark.parametrize(
        ("record", "expected"),
        [
            (applied("a/b", {"x": 1}), Status.CURRENT),
            (applied("a/b", {"x": 2}), Status.STALE),
            (applied("a/b", {"x": 1}, status="failed"), Status.FAILED),
        ],
    )
    def test_without_fingerprints_the_record_decides(self, record: Any, expected: Status) -> None:
        """The applied record alone tells current from stale and failed."""
        assert self.status("a/b", parameters({"a/b": {"x": 1}}), records=[record]) == expected

    def test_a_broken_config_is_invalid(self) -> None:
        """Nothing else can be said of it."""
        assert self.status("a/b", [parameter("a/b/config", "[")]) == Status.INVALID

    def test_the_callers_judgement_gets_the_components_edges(self) -> None:
        """A fingerprint needs to know what is consumed."""
        asked: dict[str, tuple[Edge, ...]] = {}

        def judge(loaded: Loaded, edges: tuple[Edge, ...]) -> tuple[Status, str | None]:
            asked[loaded.address] = edges
            return Status.DRIFTED, f"sha256:{loaded.nickname}"

        stock = inventory(parameters({"app/web": {"vpc_nickname": "core"}, "vpc/core": {}}))
        graph = build(stock, {}, status_of=judge).graph
        assert asked == {"app/web": graph.edges, "vpc/core": ()}
        assert [node.applied_fingerprint for node in graph.nodes] == ["sha256:web", "sha256:core"]
        assert {node.status for node in graph.nodes} == {Status.DRIFTED}


def test_a_reference_to_nothing_is_no_edge() -> None:
    """The consumer is told where it names what does not exist."""
    result = built(parameters({"app/web": {"net": {"vpc_nickname": "gone"}}}))
    assert result.graph.edges == ()
    (finding,) = result.findings
    assert (finding.code, finding.severity) == ("missing-component", Severity.ERROR)
    assert (finding.component, finding.pointer) == ("app/web", "/net/vpc_nickname")
    assert "vpc/gone" in finding.message
    assert "say `references: {vpc_nickname: null}` in component.yaml" in finding.message


def test_a_reference_to_itself_is_no_edge() -> None:
    """The graph that is stored has no loops; the finding says which field formed one."""
    result = built(parameters({"app/web": {"depends_on": ["app/web"]}}))
    assert result.graph.edges == ()
    assert [(one.code, one.pointer) for one in result.findings] == [("self-reference", "/depends_on/0")]


NAMES = ["a/1", "a/2", "b/1", "b/2", "c/1"]


@given(st.sets(st.sampled_from(list(itertools.product(NAMES, [*NAMES, "z/9"]))), max_size=12), st.randoms())
def test_the_build_does_not_depend_on_the_order_of_its_input(
    pairs: set[tuple[str, str]], rng: random.Random
) -> None:
    """Shuffled parameters give the same bytes, findings included once sorted."""
    configs = {name: {"depends_on": sorted(t for s, t in pairs if s == name)} for name in NAMES}
    stored = parameters(configs, {"b/2": {}, "d/1": {}})
    shuffled = rng.sample(stored, len(stored))
    first, second = built(stored), built(shuffled)
    assert strictjson.canonical(to_builtins(first.graph)) == strictjson.canonical(to_builtins(second.graph))
    assert sorted(first.findings, key=lambda f: f.order) == sorted(second.findings, key=lambda f: f.order)


@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=12))
def test_nodes_and_edges_are_sorted(pairs: set[tuple[str, str]]) -> None:
    """Nodes go by address, edges by their key, none twice."""
    configs = {
        name: {"x": [f"/iac/{t}/runtime" for s, t in pairs if s == name], "depends_on": []} for name in NAMES
    }
    graph = built(parameters(configs)).graph
    addresses = [node.address for node in graph.nodes]
    keys = [one.key for one in graph.edges]
    assert addresses == sorted(set(addresses))
    assert keys == sorted(set(keys))
