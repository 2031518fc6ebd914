"""An environment as a plan or a run sees it: its components, their graph and their values."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property

from msgspec.structs import replace

from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.errors import NotFound
from karma_core.graph.graph import Graph
from karma_core.graph.load import Inventory, Loaded
from karma_core.graph.moves import moves
from karma_core.graph.secret_reads import secret_reads
from karma_core.graph.values import NONE_OPTIONAL
from karma_core.ids import type_of
from karma_core.model import Edge, Finding, GraphData, Kind
from karma_core.plan.fingerprint import Inputs
from karma_core.records import Applied, Module, TerraformJob
from karma_core.references.base import NO_MODULES, LookedUp, ModuleInputs
from karma_core.references.state import VIA as STATE
from karma_core.references.value import VIA as VALUE
from karma_core.state_places import NamedState
from karma_core.use_cases.fleet.resolved_config import check_resolved
from karma_core.use_cases.fleet.values import (
    NO_NAMES,
    Consumed,
    Values,
    consumed_by,
    found_by_lookup,
    read_by_state,
)

NO_LOOKUPS: Mapping[str, Sequence[LookedUp]] = {}
"""Nobody looks anything up."""
NO_STATES: Mapping[str, Mapping[NamedState, str]] = {}
"""Nobody reads a state."""


def _all_seen(_address: str) -> tuple[str, ...]:
    """No apply was killed."""
    return ()


class Fleet:
    """Everything that was read of an environment, and the graph that was built of it."""

    def __init__(
        self,
        inventory: Inventory,
        data: GraphData,
        findings: tuple[Finding, ...],
        definitions: Mapping[str, TypeDefinition],
        values: Values,
        modules: ModuleInputs = NO_MODULES,
        *,
        graph: Graph | None = None,
        optional_keys: Mapping[tuple[str, str], frozenset[str]] = NONE_OPTIONAL,
        maybe_created: Callable[[str], tuple[str, ...]] = _all_seen,
        self_written: frozenset[str] = frozenset(),
        named_states: Mapping[str, Mapping[NamedState, str]] = NO_STATES,
        looked_up: Mapping[str, Sequence[LookedUp]] = NO_LOOKUPS,
    ) -> None:
        self.inventory = inventory
        self.data = data
        self.findings = findings
        self.values = values
        self.modules = modules
        self.graph = graph or Graph(data)
        self.definitions = definitions
        self.optional_keys = optional_keys
        """(consumer, producer) → consumed keys that the consumer can do without."""
        self._maybe_created = maybe_created
        self._self_written = self_written
        self._named_states = named_states
        self._looked_up = looked_up
        self.states_checked: frozenset[str] = frozenset()
        """Components whose Terraform states have been looked at (`fleet/states.py`)."""
        self.recovered: set[str] = set()
        """Components whose runtime is gone, and was taken from the state: the values have it."""
        self._published_again: set[str] = set()

    @cached_property
    def _edges(self) -> dict[str, list[Edge]]:
        """Edges by consumer; a build alone never asks."""
        edges: dict[str, list[Edge]] = {}
        for edge in self.data.edges:
            edges.setdefault(edge.source, []).append(edge)
        return edges

    @cached_property
    def _writers(self) -> dict[str, list[str]]:
        """Components without a config of their own → those whose modules write their runtimes."""
        writers: dict[str, list[str]] = {}
        for edge in self.data.edges:
            if edge.kind is Kind.EMITS and self[edge.target].config is None:
                writers.setdefault(edge.target, []).append(edge.source)
        return writers

    def __getitem__(self, address: str) -> Loaded:
        try:
            return self.inventory.components[address]
        except KeyError:
            raise NotFound(f"there is no component {address}", component=address) from None

    @cached_property
    def moves(self) -> dict[str, str]:
        """Component → the old address whose deployment it takes over when it is deployed."""
        return moves(self.inventory)

    def deployed(self, address: str) -> Applied | None:
        """The applied record of the component, or the one that it takes over."""
        own = self[address].applied
        source = self.moves.get(address)
        if own is not None or source is None:
            return own
        old = self[source].applied
        return replace(old, address=address) if old is not None else None

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Resources of the component, or of the one it takes over, that a killed apply may have created."""
        source = self.moves.get(address)
        return (*self._maybe_created(address), *(self._maybe_created(source) if source else ()))

    def with_states(self, findings: Iterable[Finding], checked: Iterable[str]) -> Fleet:
        """The same fleet with findings on the states of the `checked` components; values are shared."""
        noted = copy.copy(self)
        noted.findings = tuple(sorted({*self.findings, *findings}, key=lambda one: one.order))
        noted.states_checked = self.states_checked.union(checked)
        return noted

    def lost_runtime(self, address: str) -> bool:
        """Whether the component's last apply succeeded and its runtime is gone from the parameter store.

        One that takes over another's deployment has none of its own to lose.
        """
        loaded = self[address]
        if loaded.runtime is not None or address in self._published_again or address in self.moves:
            return False
        return loaded.config is not None and loaded.applied is not None and loaded.applied.succeeded

    def published_again(self, address: str) -> None:
        """The component's runtime is there again."""
        self._published_again.add(address)

    def definition(self, address: str) -> TypeDefinition:
        """The definition of the component's type."""
        return self.definitions.get(type_of(address), EMPTY)

    def module(self, address: str) -> Module:
        """The module of a component that is not blocked, which therefore has one."""
        module = self.values.module(address)
        if module is None:
            raise NotFound(f"the type of {address} has no module", component=address)
        return module

    def consumed(self, address: str) -> Consumed:
        """The component's producers, and the keys it consumes of each (None: the whole runtime)."""
        return consumed_by(self._edges.get(address, ()))

    def by_value(self, address: str) -> tuple[str, ...]:
        """The producers that the variable `dependencies` does not have.

        The config alone takes values of them, or the module reads their states.
        """
        edges = self._edges.get(address, ())
        other = {VALUE, STATE}
        return tuple(e.target for e in edges if e.kind is Kind.DEPENDS_ON and other.issuperset(e.via))

    def is_read_by_state(self, address: str) -> bool:
        """Whether the modules of other components read the component's state."""
        return any(address in states.values() for states in self._named_states.values())

    def check_config(self, address: str) -> None:
        """BadInput where the config cannot be given to the module with the values that it takes of runtimes.

        `consumed-key-missing` where a runtime lacks one, `schema` where it breaks the type's schema then.
        """
        resolved = self.values.resolved(address, self.consumed(address))
        check_resolved(address, resolved, self.definition(address))

    def secret_reads(self, address: str) -> tuple[Finding, ...]:
        """`secret-read` for each secret value that the config takes, as is known by now."""
        if not any(VALUE in edge.via for edge in self._edges.get(address, ())):
            return ()
        config = self[address].config
        value = config.value if config is not None else None
        return tuple(secret_reads(address, value or {}, self.definitions, self.values.secret_keys))

    def module_writes(self, address: str) -> bool:
        """Whether the component's module writes its runtime; else Karma does."""
        said = self.definition(address).runtime
        return said == "module" or (said is None and address in self._self_written)

    def unreadable(self, address: str) -> str:
        """Which of the runtimes that a deploy of the component writes cannot be read, and why; else empty."""
        for one in (address, *self.written_by(address)):
            fault = self.values.fault(one)
            if fault:
                return (
                    f"{'its runtime' if one == address else f'the runtime of {one}'} cannot be read: {fault}"
                )
        return ""

    def written_by(self, address: str) -> tuple[str, ...]:
        """Components without a config of their own whose runtimes this one's module writes."""
        if not self._writers:
            return ()
        return tuple(e.target for e in self._edges.get(address, ()) if e.target in self._writers)

    def writers_of(self, address: str) -> tuple[str, ...]:
        """The components whose modules write the runtime of one that has no config."""
        return tuple(self._writers.get(address, ()))

    def waits_for(self, address: str) -> tuple[str, ...]:
        """The component's producers, and for those that have no config the components that write them."""
        producers = self.graph.producers(address)
        writers = {w for p in producers for w in self.writers_of(p)}
        return tuple(sorted({*producers, *writers})) if writers else producers

    def inputs(self, address: str) -> Inputs:
        """Return everything that decides what a deployment would do, with the current runtimes."""
        by_lookup = found_by_lookup(self._edges.get(address, ()))
        return self.values.inputs(address, self.consumed(address), self.read_by_state(address), by_lookup)

    def looked_up(self, address: str) -> Sequence[LookedUp]:
        """What the component's module looks up of others."""
        return self._looked_up.get(address, ())

    def unknown_inputs(self, address: str) -> tuple[str, ...]:
        """The consumed keys that are unknown until apply, as `producer.key`, sorted."""
        return self.values.unknown_inputs(self.consumed(address), self.read_by_state(address))

    def read_by_state(self, address: str) -> frozenset[str]:
        """The producers whose Terraform states the component's module reads."""
        return read_by_state(self._edges.get(address, ()))

    def learn_secrets(self, address: str) -> None:
        """Mask the secrets of the component's inputs in all that is said of it from now on."""
        self.job(address, self.module(address))

    def job(self, address: str, module: Module, *, as_now: bool = False) -> TerraformJob:
        """Return Terraform's job for the component; `as_now` ignores what plans foresee of its producers."""
        facts = self.modules.facts.get(module.type)
        reads = facts is not None and facts.reads_parameters
        job = self.values.job(
            address,
            module,
            self.consumed(address),
            by_value=self.by_value(address),
            reads_parameters=reads,
            states=self._named_states.get(address, NO_NAMES),
            as_now=as_now,
        )
        return replace(job, state_of=self.moves.get(address, ""))
