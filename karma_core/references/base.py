"""The one interface of all resolvers, and what a resolver may know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from karma_core import state_places
from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.ids import Address
from karma_core.inference.evaluate import compile_facts
from karma_core.inference.facts import ModuleFacts
from karma_core.inference.program import Program
from karma_core.inference.reading import Inputs
from karma_core.inference.values import OF_RUNTIME
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.model import Finding, Severity
from karma_core.references.entries import Entry, pointer_to, values_at
from karma_core.root_variables import DEPENDENCIES, RESERVED, reserved, taken_by_karma
from karma_core.runtime_references import evaluable
from karma_core.state_places import NamedState, StateFolder, StatePlace

Configs = Mapping[str, Mapping[str, JsonObject]]
"""Component type → address → config, for every config that could be read."""


class Reference(msgspec.Struct, frozen=True, gc=False):
    """One place where the component `source` names the component `target`.

    `runtime` says that the place names the target's runtime, so that its reading is known; `keys` are the
    keys that are read there, sorted (None: the whole runtime), `optional_keys` those that may be missing.
    `optional`: the source also works where the target does not exist. `guessed`: the target's type follows
    from the key's name alone. Untracked by the collector, as `model.Record` is.
    """

    source: str
    target: str
    via: str
    pointer: str
    runtime: bool = False
    keys: tuple[str, ...] | None = None
    optional_keys: tuple[str, ...] = ()
    optional: bool = False
    guessed: bool = False


class Emission(msgspec.Struct, frozen=True, gc=False):
    """The module of the component `source` writes the runtime of `target`, at `pointer`."""

    source: str
    target: str
    via: str
    pointer: str


class LookedUp(NamedTuple):
    """Something that a data source looks up and the component `producer` creates.

    `resource` is the data source's type, `name` what identifies it there (a parameter's name, never its ARN).
    """

    resource: str
    name: str
    producer: str


Resolved = Reference | Emission | Finding


class Subject(msgspec.Struct, frozen=True):
    """The component whose references are resolved.

    `entries` is the one walk of its config, `resolved` what the resolvers before this one have found.
    `naming` are the names of the resolvers by which a config names a producer whose runtime it means to use.
    `own_config` are the places where the module reads the parameter of this config, as far as is found.
    """

    address: str
    type: str
    config: JsonObject
    entries: list[Entry]
    resolved: list[Resolved]
    naming: frozenset[str] = frozenset()
    own_config: list[str] = []


class ModuleInputs(msgspec.Struct, frozen=True):
    """What resolvers may know of the modules: facts by type, and the variables that are the same for all.

    `states` is where Terraform's states are kept, None where that is not known.
    """

    facts: Mapping[str, ModuleFacts] = {}
    region: str = ""
    environment: str = ""
    variables: JsonMapping = {}
    states: StateFolder | None = None


NO_MODULES = ModuleInputs()


class Resolver(Protocol):
    """One way to find references, prepared for one build.

    `name` is what its references carry in `via`. `names_runtime`: by it a config names a producer whose
    runtime it means to use, so that one which is never read is worth a finding.
    """

    name: ClassVar[str]
    names_runtime: ClassVar[bool]

    def __init__(self, context: Context) -> None: ...

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """The references of one component, and findings where something looks like one but is none."""
        ...


class _Shape(NamedTuple):
    """The variables that a type's configs give by their keys, and those that Karma therefore does not.

    A null is no value of those that are not nullable.
    """

    from_config: tuple[str, ...]
    not_karmas: tuple[str, ...]
    not_nullable: frozenset[str]


class Context:
    """What resolvers may know of the environment: its prefix, its readable configs, its type definitions."""

    def __init__(
        self,
        *,
        prefix: str,
        configs: Configs,
        definitions: Mapping[str, TypeDefinition],
        modules: ModuleInputs = NO_MODULES,
        addresses: Collection[str] = (),
    ) -> None:
        self.prefix = prefix
        self._addresses = addresses
        self.configs = configs
        self.modules = modules
        self._definitions = definitions
        self._by_value: dict[tuple[str, str], dict[str, list[str]]] = {}
        self._programs: dict[str, Program] = {}
        self._taken: dict[str, frozenset[str]] = {}
        self._shapes: dict[str, _Shape] = {}
        self.takes_values: set[str] = set()
        """Components whose configs take values from runtimes, as far as they have been looked at."""
        self.named_states: dict[str, Mapping[NamedState, str]] = {}
        """Component → the states that its module reads, as it names them, and whose they are."""
        self.looked_up: dict[str, list[LookedUp]] = {}
        """Component → what its module looks up of others."""
        self._flat: JsonObject | None = None
        self._shared: JsonObject = {}

    @cached_property
    def states(self) -> Mapping[StatePlace, str]:
        """The place of each component's state, also of one without a config. O(components), if needed."""
        configured = (address for of_type in self.configs.values() for address in of_type)
        return state_places.index(self.modules.states, dict.fromkeys((*configured, *self._addresses)))

    def place_of(self, address: str) -> StatePlace | None:
        """Where Karma keeps the state of a component; None where that is not known."""
        folder = self.modules.states
        return folder.place(address) if folder is not None else None

    @cached_property
    def declared_states(self) -> Mapping[StatePlace, list[str]]:
        """Place that a module's own backend block names → the types of such modules. O(types), if needed."""
        declared: dict[StatePlace, list[str]] = {}
        for component_type, facts in sorted(self.modules.facts.items()):
            place = facts.body.backend.place if facts.body.backend is not None else None
            if place is not None:
                declared.setdefault(place, []).append(component_type)
        return declared

    def definition(self, component_type: str) -> TypeDefinition:
        """The type's definition; an empty one where the type has none."""
        return self._definitions.get(component_type, EMPTY)

    def named_by(self, component_type: str, field: str) -> Mapping[str, list[str]]:
        """Comparable value of `field` → addresses of that type that have it. O(components) once a field."""
        index = self._by_value.get((component_type, field))
        if index is None:
            index = {}
            for address, config in sorted(self.configs.get(component_type, {}).items()):
                names = {comparable(value) for value, _ in values_at(config, field)}
                for name in names - {None}:
                    index.setdefault(str(name), []).append(address)
            self._by_value[component_type, field] = index
        return index

    def program(self, component_type: str) -> Program | None:
        """The type's module, ready to be evaluated; None where nothing is known of it."""
        program = self._programs.get(component_type)
        if program is None and component_type in self.modules.facts:
            program = self._programs[component_type] = compile_facts(self.modules.facts[component_type])
        return program

    def inputs(self, address: str, config: JsonObject, producers: Collection[str] = ()) -> Inputs:
        """Return the inputs of the module's evaluation; `producers` are those resolved without it."""
        if self._flat is None:
            self._flat = {a: c for of_type in self.configs.values() for a, c in of_type.items()}
            shared = {"region": self.modules.region, "environment": self.modules.environment}
            self._shared = {**self.modules.variables, **shared}
        component_type, nickname, _ = Address.of(address)
        if address in self.takes_values:  # what a runtime will say is not known here
            config = evaluable(config, OF_RUNTIME)
        variables = {
            **self._shared,
            "iac_prefix": self.prefix,
            "nickname": nickname,
            "component_name": component_type,
            "config": config,
        }
        shape = self._shapes.get(component_type) or self._shape(component_type)
        for name in shape.not_karmas:
            del variables[name]
        for name in shape.from_config:
            if name in config and (config[name] is not None or name not in shape.not_nullable):
                variables[name] = config[name]
        return Inputs(address, self.prefix, variables, producers, self._flat)

    def _shape(self, component_type: str) -> _Shape:
        """Which variables the type's configs give, and which of Karma's they give instead of it."""
        taken = self.taken(component_type)
        program = self.program(component_type)
        declared = program.body.variables if program is not None else ()
        shape = self._shapes[component_type] = _Shape(
            tuple(name for name in declared if name not in taken),
            tuple(sorted(RESERVED - taken - {DEPENDENCIES})),
            program.not_nullable if program is not None else frozenset(),
        )
        return shape

    def taken(self, component_type: str) -> frozenset[str]:
        """The top-level keys of the type's configs that are no values of variables."""
        if component_type not in self._taken:
            self._taken[component_type] = taken_by_karma(self.definition(component_type))
        return self._taken[component_type]

    def given(self, component_type: str) -> frozenset[str]:
        """The variables that have a value whatever a component's config says."""
        karmas = reserved(self.definition(component_type))
        return karmas.union(self.modules.variables, ("region", "environment"))


def comparable(value: object) -> str | None:
    """A string as match rules compare it: case and one trailing dot ignored; None for anything else.

    DNS names are the common use, and RFC 1034 writes them absolute (with a dot) or not, in any case.
    """
    return value.lower().removesuffix(".") if isinstance(value, str) else None


def invalid_name(subject: Subject, path: str, key: str | int, message: str) -> Finding:
    """The finding for a place that should name a component and does not."""
    return Finding(
        code="invalid-name",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=pointer_to(path, key),
        message=message,
    )
