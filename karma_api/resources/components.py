"""Components: a page of them, one whole, and why it is as it is."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.exchange import Reply
from karma_api.names import Address, Nickname, Text, Type
from karma_api.paging import Page, PageAsked, page
from karma_api.route import Answered, Asked, Route
from karma_api.service import Service
from karma_core import ids, strictjson
from karma_core.errors import BadInput
from karma_core.graph.document import node_document
from karma_core.json_types import JsonObject, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.model import Component, Edge, Status, to_builtins
from karma_core.records import Parameter
from karma_core.roles import Role
from karma_core.use_cases.audit import why as causes
from karma_core.use_cases.fleet.config_secrets import ShownConfigs


class ComponentsAsked(PageAsked, frozen=True, kw_only=True):
    """Request for a list of components; `search` is part of an address."""

    type: Type | None = None
    status: Status | None = None
    search: Text = ""


class ComponentAsked(Asked, frozen=True, kw_only=True):
    """One component."""

    type: Type
    nickname: Nickname


class ComponentShown(Answered, kw_only=True):
    """A component with its values and its neighbours.

    `config` and `runtime` are null where there are none, or where they are secret (`config_secret`,
    `runtime_secret`).
    """

    id: str
    type: str
    nickname: str
    status: str
    config: JsonValue
    runtime: JsonValue
    config_secret: bool
    runtime_secret: bool
    producers: list[JsonObject]
    consumers: list[JsonObject]
    findings: list[JsonObject]


class WhyAsked(Asked, frozen=True, kw_only=True):
    """Request for the causes of a component's newest event; with `down`, for what followed from it."""

    component: Address
    down: bool = False


class WhyShown(Answered, kw_only=True):
    """The chain of events, each one level deeper than the one that it led to."""

    component: str
    steps: list[JsonObject]


def list_components(service: Service, _caller: Caller, asked: ComponentsAsked) -> Reply:
    """A page of the graph's components, by address."""
    view = service.graph.view()
    components = page(wanted_components(view, asked), asked.limit, cursor=_address, show=view.rendered.node)
    return Reply(document={"build_id": view.build.id, **components}, view=view)


def wanted_components(view: View, asked: ComponentsAsked) -> Iterator[Component]:
    """The components that match, from behind the cursor."""
    addresses = view.addresses
    start = bisect_right(addresses, asked.after) if asked.after is not None else 0
    for address in islice(addresses, start, None):
        node = view.nodes[address]
        right = asked.type in {None, node.type} and asked.status in {None, node.status}
        if right and asked.search in address:
            yield node


def _address(node: Component) -> str:
    return node.address


def show(service: Service, _caller: Caller, asked: ComponentAsked) -> JsonObject:
    """One component: its node, config and runtime, and what is next to it."""
    view = service.graph.view()
    address = ids.make_address(asked.type, asked.nickname)
    node = view.component(address)
    return {**node_document(node), **_values(service, address), **neighbours(view, address)}


def _values(service: Service, address: str) -> JsonObject:
    """Config and runtime, secret places masked."""
    workspace = service.workspace
    config = workspace.parameters.get(workspace.config_parameter(address))
    runtime = workspace.parameters.get(workspace.runtime_parameter(address))
    return {
        "config": ShownConfigs(workspace).masked(address, _parsed(config)),
        "config_secret": config is not None and config.value is None,
        "runtime": ConfigSecrets().masked(_parsed(runtime)),
        "runtime_secret": runtime is not None and runtime.value is None,
    }


def _parsed(parameter: Parameter | None) -> JsonValue:
    """The value of a parameter; its text where it is no JSON, which the graph has as a finding."""
    if parameter is None or parameter.value is None:
        return None
    try:
        return strictjson.parse(parameter.value.encode(), where=parameter.name)
    except BadInput:
        return parameter.value


def neighbours(view: View, address: str) -> JsonObject:
    """Producers, consumers and findings of a component, each sorted."""
    return {
        "producers": [_neighbour(view, edge, edge.target) for edge in view.producers_of.get(address, ())],
        "consumers": [_neighbour(view, edge, edge.source) for edge in view.consumers_of.get(address, ())],
        "findings": [to_builtins(f) for f in view.build.findings if f.component == address],
    }


def _neighbour(view: View, edge: Edge, other: str) -> JsonObject:
    node = view.nodes.get(other)
    return {
        "id": other,
        "status": str(node.status) if node is not None else None,
        "via": list(edge.via),
        "pointers": list(edge.pointers),
        "keys": list(edge.keys) if edge.keys is not None else None,
    }


def why(service: Service, caller: Caller, asked: WhyAsked) -> JsonObject:
    """Return the causes of the component's newest event, or what followed from it."""
    workspace = service.acting(caller)
    ask = causes.consequences if asked.down else causes.why
    steps = ask(workspace, asked.component)
    return {"component": asked.component, "steps": [step.document() for step in steps]}


ROUTES = (
    Route(
        name="components",
        method="GET",
        path="/components",
        role=Role.VIEWER,
        handler=list_components,
        summary="Components by address",
        tag="components",
        asked=ComponentsAsked,
        answered=Page,
        cached=True,
    ),
    Route(
        name="component",
        method="GET",
        path="/components/{type}/{nickname}",
        role=Role.VIEWER,
        handler=show,
        summary="One component with config, runtime, producers and consumers",
        tag="components",
        asked=ComponentAsked,
        answered=ComponentShown,
    ),
    Route(
        name="why",
        method="GET",
        path="/why",
        role=Role.VIEWER,
        handler=why,
        summary="Why a component is as it is, or what followed from it",
        tag="components",
        asked=WhyAsked,
        answered=WhyShown,
        statuses=(409, 422),
        costly=True,
    ),
)
