"""GraphQL's types: plain ones, over the same documents as the REST resources."""

from __future__ import annotations

from typing import Any, cast

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info

from karma_api.graphql.context import Context
from karma_core.json_types import JsonObject
from karma_core.masking.configs import ConfigSecrets
from karma_core.model import Component as Node
from karma_core.model import Edge
from karma_core.use_cases.changes import reading

Asking = Info[Context, None]


def charge(info: Asking, rows: int) -> None:
    """Charge the query with the rows of a list, before anything of them is resolved."""
    info.context.meter.charge(info._raw_info, rows)


def charge_components(info: Asking, addresses: list[str]) -> None:
    """Charge the query with components and all that is selected of them."""
    info.context.meter.charge_components(info._raw_info, addresses)


@strawberry.type(description="A dependency as seen from one of its ends.")
class Neighbour:
    """The other end, and how the edge was found."""

    component: Component
    via: list[str]
    pointers: list[str]
    keys: list[str] | None = strawberry.field(description="Consumed keys; null: the whole runtime counts.")


@strawberry.type(description="What a check says of a component.")
class Finding:
    """One finding."""

    code: str
    severity: str
    pointer: str
    message: str


@strawberry.type(description="A component of the graph.")
class Component:
    """One node, its values and its neighbours."""

    node: strawberry.Private[Node]
    id: strawberry.ID
    type: str
    nickname: str
    status: str
    config_path: str | None
    config_version: int | None
    runtime_path: str
    runtime_version: int | None
    applied_fingerprint: str | None

    @strawberry.field(
        description="The config in the parameter store, masked; null where it is secret or not there."
    )
    async def config(self, info: Asking) -> JSON | None:
        """Loaded with those of all components that are asked for."""
        name = info.context.workspace.config_parameter(self.node.address)
        config = await info.context.values.load(name)
        return cast("JSON | None", info.context.shown_configs.masked(self.node.address, config))

    @strawberry.field(description="The runtime; null where it is secret or not there.")
    async def runtime(self, info: Asking) -> JSON | None:
        """Load the runtime, batched as `config` is."""
        return cast(
            "JSON | None", ConfigSecrets().masked(await info.context.values.load(self.node.runtime_path))
        )

    @strawberry.field(description="What depends on it directly.")
    async def consumers(self, info: Asking) -> list[Neighbour]:
        """Sorted by address."""
        edges = await info.context.consumers.load(self.node.address)
        return [_neighbour(info, edge, edge.source) for edge in edges]

    @strawberry.field(description="What it depends on directly.")
    async def producers(self, info: Asking) -> list[Neighbour]:
        """Sorted by address."""
        edges = await info.context.producers.load(self.node.address)
        return [_neighbour(info, edge, edge.target) for edge in edges]

    @strawberry.field(description="What the build's checks say of it.")
    def findings(self, info: Asking) -> list[Finding]:
        """Errors first."""
        of_it = info.context.view.findings_of.get(self.node.address, [])
        return [
            Finding(code=f.code, severity=str(f.severity), pointer=f.pointer, message=f.message)
            for f in of_it
        ]


def component_of(node: Node) -> Component:
    """The type of a node."""
    return Component(
        node=node,
        id=strawberry.ID(node.address),
        type=node.type,
        nickname=node.nickname,
        status=str(node.status),
        config_path=node.config_path,
        config_version=node.config_version,
        runtime_path=node.runtime_path,
        runtime_version=node.runtime_version,
        applied_fingerprint=node.applied_fingerprint,
    )


def _neighbour(info: Asking, edge: Edge, other: str) -> Neighbour:
    return Neighbour(
        component=component_of(info.context.view.nodes[other]),
        via=list(edge.via),
        pointers=list(edge.pointers),
        keys=list(edge.keys) if edge.keys is not None else None,
    )


@strawberry.type(description="A page of components.")
class ComponentPage:
    """`next` is the cursor of the next page, null on the last."""

    build_id: int
    items: list[Component]
    next: str | None


@strawberry.type(description="All that depends on a component.")
class Impact:
    """`waves` may each run at once; the component alone is the first."""

    component: str
    downstream: list[str]
    waves: list[list[str]]


@strawberry.type(description="What turns one build into another.")
class Diff:
    """Counts, and the whole as JSON."""

    added: int
    changed: int
    removed: int
    document: JSON


@strawberry.type(description="One publication of the graph.")
class Build:
    """A build as GET /builds lists it."""

    build_id: int
    created_at: str
    components: int
    dependencies: int
    added: int
    changed: int
    removed: int


@strawberry.type(description="A change; `document` is all of it.")
class Change:
    """A change as GET /changes lists it."""

    change_id: strawberry.ID
    status: str
    kind: str
    components: list[str]
    requested_by: str
    created_at: str
    position: int
    why: str

    @strawberry.field(description="The contract's result document, with the plan.")
    def document(self, info: Asking) -> JSON:
        """Return the document of GET /changes/{change_id}."""
        return cast("JSON", reading.show(info.context.workspace, str(self.change_id)))


@strawberry.type(description="An event of the log.")
class Event:
    """An event as GET /log lists it."""

    id: strawberry.ID
    seq: int
    timestamp: str
    action: str
    component: str | None
    user: str
    source: str
    status: str
    change_id: str | None
    run_id: str | None
    cause: str | None
    inputs: JSON


def of(kind: Any, document: JsonObject) -> Any:
    """A plain type from the document that has its fields, and more."""
    return kind(**{name: document[name] for name in kind.__annotations__})
