"""Small environments for the graph's tests: from configs as Python values to an inventory and a build."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from karma_core import documents
from karma_core.component_types import TypeDefinition
from karma_core.graph.build import Built, build
from karma_core.graph.load import Inventory, load
from karma_core.graph.validate import validate
from karma_core.inference.read import read_module
from karma_core.model import Component, Edge, Finding, GraphData, Status
from karma_core.records import Applied, Parameter
from karma_core.references.base import ModuleInputs
from karma_core.state_places import StateFolder

Types = Mapping[str, Mapping[str, Any]]


def parameter(name: str, value: object, *, version: int = 1, **facts: Any) -> Parameter:
    """A parameter `/iac/<name>`; values that are no strings are written as JSON."""
    text = value if isinstance(value, str) or value is None else json.dumps(value)
    return Parameter(name=f"/iac/{name}", value=text, version=version, **facts)


def parameters(
    configs: Mapping[str, object], runtimes: Mapping[str, object] | None = None
) -> list[Parameter]:
    """Config and runtime parameters by address."""
    return [
        *(parameter(f"{address}/config", value) for address, value in configs.items()),
        *(parameter(f"{address}/runtime", value) for address, value in (runtimes or {}).items()),
    ]


def applied(address: str, config: dict[str, Any], *, version: int = 1, status: str = "applied") -> Applied:
    """An applied record of a component."""
    return Applied(
        address=address,
        fingerprint="sha256:f",
        generation=1,
        run_id="r1",
        at="2026-01-01T00:00:00Z",
        config=config,
        config_version=version,
        module="m",
        inputs={},
        status=status,
    )


def inventory(stored: Iterable[Parameter], records: Iterable[Applied] = ()) -> Inventory:
    """The inventory of environment dev below /iac."""
    by_address = {record.address: record for record in records}
    return load(stored, environment="dev", prefix="/iac", applied=by_address)


def definitions(types: Types | None) -> dict[str, TypeDefinition]:
    """Type definitions as component.yaml would hold them."""
    return {name: documents.read(TypeDefinition, body) for name, body in (types or {}).items()}


def modules(sources: Mapping[str, str] | None) -> ModuleInputs:
    """What is known of modules whose main.tf is given by type.

    One that uses `var.config` without declaring it, which Terraform would refuse, declares it in a file more.
    """
    facts = {}
    for name, text in (sources or {}).items():
        files = {f"{name}/main.tf": text.encode()}
        if "var.config" in text and 'variable "config"' not in text:
            files[f"{name}/variables.tf"] = b'variable "config" {}\n'
        facts[name] = read_module(name, files)
    states = StateFolder("s3", "states", "karma")
    return ModuleInputs(facts=facts, region="eu-west-1", states=states)


def built(
    stored: Iterable[Parameter],
    *,
    types: Types | None = None,
    records: Iterable[Applied] = (),
    sources: Mapping[str, str] | None = None,
) -> Built:
    """The graph of these parameters."""
    return build(inventory(stored, records), definitions(types), modules=modules(sources))


def findings(
    stored: Iterable[Parameter],
    *,
    types: Types | None = None,
    records: Iterable[Applied] = (),
    known_types: set[str] | None = None,
    sources: Mapping[str, str] | None = None,
) -> tuple[Finding, ...]:
    """Everything that validation says of these parameters."""
    stock, known = inventory(stored, records), definitions(types)
    made = build(stock, known, modules=modules(sources))
    return validate(stock, made, known, known_types=known_types)


def graph_data(pairs: Iterable[tuple[str, str]], lone: Iterable[str] = ()) -> GraphData:
    """A graph of (consumer, producer) pairs."""
    edges = sorted(set(pairs))
    addresses = sorted({*lone, *(end for pair in edges for end in pair)})
    return GraphData(
        nodes=tuple(map(component, addresses)),
        edges=tuple(
            Edge(source=source, target=target, via=("declared",), pointers=("/depends_on/0",))
            for source, target in edges
        ),
    )


def component(address: str, status: Status = Status.CURRENT) -> Component:
    """A bare node."""
    component_type, _, nickname = address.partition("/")
    return Component(
        address=address,
        type=component_type,
        nickname=nickname,
        environment="dev",
        status=status,
        runtime_path=f"/iac/{address}/runtime",
    )
