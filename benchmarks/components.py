"""Whole graphs of any size, made up from one seed, with the build that publishes them."""

from __future__ import annotations

import random

from karma_core.graph.delta import digest, make_graph
from karma_core.ids import config_parameter, make_address, runtime_parameter
from karma_core.model import Build, Component, Edge, GraphData, Provenance, Status
from karma_core.records import Lease
from karma_core.strictjson import digest as digest_of

REFERENCES = 3
ENVIRONMENT = "bench"
TYPES = ("vpc", "cluster", "bucket", "service", "queue")


def make(count: int) -> GraphData:
    """Components with every field filled, each with three references to earlier ones."""
    source = random.Random(1)
    addresses = [make_address(TYPES[number % len(TYPES)], f"c{number:06}") for number in range(count)]
    edges = {}
    for place, address in enumerate(addresses):
        for target in source.sample(addresses[:place], min(place, REFERENCES)):
            edges[address, target] = Edge(
                source=address, target=target, via=("nickname",), pointers=("/nickname",)
            )
    return make_graph([component_of(address) for address in addresses], edges.values())


def component_of(address: str) -> Component:
    """A component with every field filled."""
    component_type, nickname = address.split("/")
    return Component(
        address=address,
        type=component_type,
        nickname=nickname,
        environment=ENVIRONMENT,
        status=Status.CURRENT,
        config_path=config_parameter("/iac", address),
        config_version=1,
        config_digest=digest_of(address),
        runtime_path=runtime_parameter("/iac", address),
        runtime_version=1,
        runtime_digest=digest_of([address]),
        applied_fingerprint=digest_of({"of": address}),
        provenance=Provenance(commit="c" * 40, path=f"iac/{ENVIRONMENT}/{address}/config.json"),
    )


def build_of(number: int, graph: GraphData) -> Build:
    """A build of a graph, on the one before it."""
    return Build(
        id=number,
        environment=ENVIRONMENT,
        created_at="2026-01-01T00:00:00.000000Z",
        digest=digest(graph),
        components=len(graph.nodes),
        dependencies=len(graph.edges),
        added=0,
        changed=0,
        removed=0,
        base=number - 1 or None,
    )


def lease() -> Lease:
    """A lease that every store takes."""
    return Lease(names=("graph",), holder="bench", token=1, expires_at=0.0)
