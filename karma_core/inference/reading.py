"""Reads and writes of one component's module, recorded while its expressions are evaluated."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from karma_core import ids
from karma_core.inference.shapes import ANYTHING, PartialText, may_be_runtime
from karma_core.inference.values import (
    COMPUTED,
    OF_RUNTIME,
    Dependencies,
    Encoded,
    Failure,
    Outputs,
    Runtime,
    Unknown,
    Value,
    specials,
)
from karma_core.json_types import JsonMapping
from karma_core.state_places import NamedState, StatePlace

MAX_ITEMS: Final = 10_000
"""Iterations and list items in the evaluation of one component. Ours: a config of 8 KB has fewer items."""
MAX_TEXT: Final = 65_536
"""Characters of a text that is put together. Ours: eight times an advanced parameter."""
MAX_NESTING: Final = 100
"""Locals, child modules and outputs that lead to each other. Ours."""


class Inputs(NamedTuple):
    """The inputs of the evaluation of a component's module.

    `variables` is what Karma passes, without `dependencies`; `producers` are the components that other
    resolvers found; `configs` are the configs of all components by address, as far as they can be read;
    `states` are the places of the components' Terraform states.
    """

    address: str
    prefix: str
    variables: JsonMapping
    producers: Collection[str] = ()
    configs: JsonMapping = MappingProxyType({})
    states: Mapping[StatePlace, str] = MappingProxyType({})


class Read(msgspec.Struct):
    """The reads of one component's runtime.

    `keys` of its runtime, or the whole of it; `sure` are those that it must have, because nothing in the
    module stands in for them. `guarded`: the module also works without the component. `defaults` are keys of
    its outputs for which a remote state has a default.
    """

    places: set[str] = msgspec.field(default_factory=set)
    keys: set[str] = msgspec.field(default_factory=set)
    sure: set[str] = msgspec.field(default_factory=set)
    whole: bool = False
    runtime: bool = False
    guarded: bool = True
    defaults: set[str] = msgspec.field(default_factory=set)


class Unresolved(msgspec.Struct, frozen=True, gc=False):
    """A reference that could not be followed. `own`: the component's config is why, not the module."""

    text: str
    place: str
    why: str
    own: bool = False


class UnseenState(msgspec.Struct, frozen=True, gc=False):
    """A remote state that is no component's: as it is named, or why its place is not known.

    `own`: the component's config is why, not the module.
    """

    what: str
    place: str
    named: NamedState | None = None
    why: str = ""
    own: bool = False


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """A name of a parameter, taken apart. `kind`: runtime, config, or empty for anything else."""

    address: str
    kind: str


@cache
def _pattern(prefix: str) -> re.Pattern[str]:
    inner = [p.pattern.removesuffix(r"\Z") for p in (ids.TYPE, ids.NICKNAME)]
    return re.compile(
        rf"(?:arn:[^/]*:parameter)?{re.escape(prefix)}/({inner[0]}/{inner[1]})/({ids.RUNTIME}|{ids.CONFIG})\Z"
    )


def parameter_of(name: str, prefix: str) -> Parameter:
    """Parse a parameter's name or ARN into the component and kind that it belongs to."""
    match = _pattern(prefix).match(name)
    return Parameter(*match.groups()) if match else Parameter("", "")


class Reading:
    """Collects, and knows what may be known. `place` and `guards` say where the evaluation is.

    While `quiet` is not 0, a value is evaluated for its type alone, and nothing is recorded. `uncomputed`
    counts the calls whose result Karma does not compute: Terraform may stop with an error at any of them.

    `writes` are the addresses whose runtimes the module writes, its own among them, with the places;
    `own_config` are the places where it reads the parameter of its own config. `states` are the reads of the
    outputs in other components' states, `named_states` how those are named, `unseen_states` those of nobody.
    """

    __slots__ = (
        "depth",
        "guards",
        "inputs",
        "items_left",
        "named_states",
        "own_config",
        "place",
        "quiet",
        "reads",
        "states",
        "uncomputed",
        "unresolved",
        "unresolved_writes",
        "unseen_states",
        "writes",
    )

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs
        self.reads: dict[str, Read] = {}
        self.writes: dict[str, set[str]] = {}
        self.unresolved: list[Unresolved] = []
        self.unresolved_writes: list[Unresolved] = []
        self.own_config: set[str] = set()
        self.states: dict[str, Read] = {}
        self.named_states: dict[NamedState, str] = {}
        self.unseen_states: list[UnseenState] = []
        self.place = ""
        self.guards = 0
        self.depth = 0
        self.quiet = 0
        self.uncomputed = 0
        self.items_left = MAX_ITEMS

    @property
    def complete(self) -> bool:
        """Whether every reference could be followed, so that what was found is all there is."""
        return not self.unresolved

    # -- reading ----------------------------------------------------------------------------------------

    def named(self, address: str, place: str, *, runtime: bool = True) -> None:
        """The module names the component, by its address or by a parameter of it."""
        if self.quiet:
            return
        read = self._noted(self.reads, address, place)
        read.runtime |= runtime

    def _noted(self, reads: dict[str, Read], address: str, place: str) -> Read:
        """The read of a component, which stands at one more place."""
        read = reads.get(address)
        if read is None:
            read = reads[address] = Read()
        read.places.add(place)
        read.guarded &= self.guards > 0
        return read

    def key(self, value: Runtime, key: str) -> Value:
        """A key of a component's runtime, or one of its outputs, is read."""
        if self.quiet:
            return COMPUTED
        read = self._read_of(value)
        read.keys.add(key)
        if not self.guards:
            read.sure.add(key)
        return OF_RUNTIME

    def used(self, value: Value) -> None:
        """Record a value that flows where it cannot be followed: every runtime in it counts as a whole."""
        kind = value.__class__
        if self.quiet or kind is str or kind is Unknown or kind is int or kind is bool:
            return
        for special in specials(value):
            if isinstance(special, Runtime):
                self._read_of(special).whole = True
            elif isinstance(special, Encoded):
                self.used(special.value)
            elif isinstance(special, Dependencies):
                for address in self.inputs.producers:
                    self._whole(address)

    def _whole(self, address: str) -> None:
        self._read_of(Runtime(address)).whole = True

    def _read_of(self, value: Runtime) -> Read:
        """What is noted of the reads of a runtime, or of outputs; noted now where nothing was."""
        if isinstance(value, Outputs):
            return self.states.get(value.address) or self._noted(self.states, value.address, self.place)
        if value.address not in self.reads:
            self.named(value.address, self.place)
        return self.reads[value.address]

    def state(self, named: NamedState, what: str, place: str) -> Value:
        """The outputs in a state that the module reads: a component's, or nobody's."""
        address = self.inputs.states.get(named.place) if named.place is not None else None
        if address is None:
            self.unseen_states.append(UnseenState(what, place, named))
            return COMPUTED
        if address == self.inputs.address:
            return COMPUTED
        self._noted(self.states, address, place)
        self.named_states[named] = address
        return Outputs(address)

    def dependency(self, key: Value, place: str, text: str) -> Value:
        """`var.dependencies[key]`."""
        if isinstance(key, str):
            if not ids.is_address(key):
                return Failure(f"there is no dependency {ids.shown(key)!r}")
            self.named(key, place)
            return Runtime(key)
        return self.lost(key, place, f"var.dependencies[{text}]")

    def parameter(self, name: Value, place: str, text: str) -> Value:
        """The text of a parameter that the module reads by its name."""
        if not isinstance(name, str):
            return self.lost(name, place, text)
        inputs = self.inputs
        parameter = parameter_of(name, inputs.prefix)
        if not parameter.kind:
            return COMPUTED
        if parameter.address != inputs.address:
            self.named(parameter.address, place, runtime=parameter.kind == ids.RUNTIME)
        if parameter.kind == ids.CONFIG:
            if parameter.address == inputs.address:
                self.own_config.add(place)
            return Encoded(inputs.configs.get(parameter.address, COMPUTED))
        return COMPUTED if parameter.address == inputs.address else Encoded(Runtime(parameter.address))

    def written(self, name: Value, place: str, text: str, *, certain: bool = True) -> None:
        """The module writes a parameter of this name; `certain`: it is known that the resource exists."""
        if isinstance(name, str):
            parameter = parameter_of(name, self.inputs.prefix)
            if parameter.kind == ids.RUNTIME and certain:
                self.writes.setdefault(parameter.address, set()).add(place)
            elif parameter.kind == ids.RUNTIME:
                self.write_unresolved(text, place, "whether it exists is known only after the apply")
        elif isinstance(name, (Unknown, Encoded, Runtime, Dependencies)):
            shape = name.shape if isinstance(name, PartialText) else ANYTHING
            if may_be_runtime(shape, self.inputs.prefix):
                why = name.why if isinstance(name, Unknown) else COMPUTED.why
                self.write_unresolved(text, place, why, own=isinstance(name, Failure))

    def write_unresolved(self, text: str, place: str, why: str, *, own: bool = False) -> None:
        """A parameter is written that may be a runtime, and nobody can tell here."""
        self.unresolved_writes.append(Unresolved(text, place, why, own=own))

    def lost(self, value: Value, place: str, text: str) -> Value:
        """Record a reference whose name is unknown, unless the module has a fallback for it."""
        failed = isinstance(value, Failure)
        if (failed and self.guards) or self.quiet:
            return value if isinstance(value, Unknown) else COMPUTED
        why = value.why if isinstance(value, Unknown) else f"its name is a {type(value).__name__}"
        self.unresolved.append(Unresolved(text, place, why, own=failed))
        return value if isinstance(value, Unknown) else Failure(why)

    def spend(self, items: int) -> bool:
        """Whether so many more iterations are allowed."""
        self.items_left -= items
        if self.items_left >= 0:
            return True
        if self.items_left + items >= 0 and not self.quiet:
            self.unresolved.append(Unresolved("", self.place, f"it takes more than {MAX_ITEMS:,} iterations"))
        return False
