"""The context of a query: one build, and loaders that batch what many fields request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from strawberry.dataloader import DataLoader

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.graphql.limits import Meter
from karma_api.service import Service
from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonValue
from karma_core.model import Edge
from karma_core.records import Parameter
from karma_core.use_cases.fleet.config_secrets import ShownConfigs
from karma_core.workspace import OpenEnvironment

FEW: Final = 50
"""Up to so many parameters are fetched one by one; for more the whole tree is read once."""

Fetched = TypeVar("Fetched")


class Context:
    """The context of one query; everything that it shows of the graph is of one build."""

    def __init__(self, service: Service, caller: Caller) -> None:
        self.service = service
        self.caller = caller
        self.workspace: OpenEnvironment = service.acting(caller)
        self.meter = Meter(lambda: self.view, service.limits.request_seconds)
        self._view: View | None = None
        self.batches: list[tuple[str, int]] = []
        self.consumers: DataLoader[str, list[Edge]] = self._loader("consumers", self._consumers)
        self.producers: DataLoader[str, list[Edge]] = self._loader("producers", self._producers)
        self.values: DataLoader[str, JsonValue] = self._loader("values", self._values)
        self.shown_configs = ShownConfigs(self.workspace)

    @property
    def view(self) -> View:
        """The build that the whole query is about."""
        # No cached_property: until Python 3.12 all queries would wait in its one lock for one slow graph.
        if self._view is None:
            self._view = self.service.graph.view()
        return self._view

    def _loader(self, name: str, fetch: Callable[[list[str]], list[Fetched]]) -> DataLoader[str, Fetched]:
        async def load(keys: list[str]) -> list[Fetched]:
            self.batches.append((name, len(keys)))
            self.meter.look_at_the_clock()
            return fetch(keys)

        return DataLoader(load_fn=load)

    def _consumers(self, addresses: list[str]) -> list[list[Edge]]:
        return [self.view.consumers_of.get(address, []) for address in addresses]

    def _producers(self, addresses: list[str]) -> list[list[Edge]]:
        return [self.view.producers_of.get(address, []) for address in addresses]

    def _values(self, names: list[str]) -> list[JsonValue]:
        """The values of parameters by name; None where there is none or it is secret."""
        parameters = self.workspace.parameters
        if len(names) <= FEW:
            return [_parsed(parameters.get(name)) for name in names]
        wanted = set(names)
        tree = parameters.read_tree(self.workspace.prefix)
        by_name = {one.name: _parsed(one) for one in tree if one.name in wanted}
        return [by_name.get(name) for name in names]


def _parsed(parameter: Parameter | None) -> JsonValue:
    if parameter is None or parameter.value is None:
        return None
    try:
        return strictjson.parse(parameter.value.encode(), where=parameter.name)
    except BadInput:
        return parameter.value
