"""How a component's module was evaluated, for people: steps, what was seen of it and what was not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

import msgspec

from karma_core import strictjson
from karma_core.exact_numbers import NUMBERS
from karma_core.inference import numbers
from karma_core.inference.evaluate import Identity
from karma_core.inference.facts import ModuleFacts
from karma_core.inference.reading import Inputs, Reading, Unresolved
from karma_core.inference.trace import Evaluated, Trace, steps, traced, traced_lookups, uncomputed
from karma_core.inference.values import Dependencies, Encoded, Failure, Runtime, Unknown, Value, known
from karma_core.inference.written import written
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.masking.masker import MASK, Masker
from karma_core.model import Record
from karma_core.root_variables import CONFIG, DEPENDENCIES
from karma_core.runtime_references import RUNTIME

LONGEST: Final = 200
"""Characters of an expression or value that is shown. Ours: a reference is shorter."""
MOST_STEPS: Final = 40
"""Steps of one evaluation that are shown. Ours."""


class Step(Record, frozen=True, kw_only=True):
    """One step of an evaluation: an expression, and its value as JSON or, where there is none, in words.

    `depth` says how many expressions it is a part of; `place` is the file and line of the site it stands in.
    """

    expression: str
    value: str
    place: str
    depth: int


class VariableSource(Record, frozen=True, kw_only=True):
    """A variable of the module: where it is declared, and where its value comes from.

    `source` is config, Karma, environment, default or missing; `key` the config's key or runtime's address.
    """

    name: str
    place: str
    source: str
    key: str = ""


class Lookup(Record, frozen=True, kw_only=True):
    """Something that the module looks up, and the components that create it."""

    resource: str
    argument: str
    value: str
    place: str
    producers: tuple[str, ...] = ()


class NotSeen(Record, frozen=True, kw_only=True):
    """Something of the module that could not be followed or evaluated."""

    what: str
    place: str
    why: str


class ModuleView(Record, frozen=True, kw_only=True):
    """What was seen of a component's module and what was not. `writes` maps runtimes to places."""

    variables: tuple[VariableSource, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    writes: dict[str, tuple[str, ...]] = {}
    not_seen: tuple[NotSeen, ...] = ()


class Evaluation:
    """The evaluation of one component's module, with every step.

    What `secrets` says is secret of the config is masked, and every value that was made of it.
    """

    def __init__(
        self, facts: ModuleFacts, inputs: Inputs, secrets: ConfigSecrets, config: JsonObject
    ) -> None:
        self._facts = facts
        self._secrets = secrets
        self._masker = Masker(secrets.values(config))
        self._hidden: dict[int, bool] = {}
        self._reading: Reading
        self._trace: Trace
        self._reading, self._trace = traced(facts, inputs)
        self._lookups = traced_lookups(facts, inputs)

    def of_read(self, address: str, place: str) -> tuple[Step, ...]:
        """The steps by which a read of a component was found."""
        evaluated = self._trace.naming.get((address, place))
        return self._steps(evaluated, place) if evaluated is not None else ()

    def of_lookup(self, place: str) -> tuple[Step, ...]:
        """The steps by which a looked up value was found."""
        first = next((evaluated for one, evaluated in self._lookups if one.place == place), None)
        return self._steps(first, place) if first is not None else ()

    def view(
        self, variables: Iterable[VariableSource], found_by: Mapping[str, tuple[str, ...]]
    ) -> ModuleView:
        """What was seen and what was not; `found_by` are the producers by the place of a lookup."""
        return ModuleView(
            variables=tuple(variables),
            lookups=tuple(self._looked_up(one, found_by.get(one.place, ())) for one, _ in self._lookups),
            writes={address: tuple(sorted(at)) for address, at in sorted(self._reading.writes.items())},
            not_seen=self._not_seen(),
        )

    def _looked_up(self, one: Identity, producers: tuple[str, ...]) -> Lookup:
        value = self._masker.text(one.value)
        return Lookup(
            resource=one.resource, argument=one.argument, value=value, place=one.place, producers=producers
        )

    def _not_seen(self) -> tuple[NotSeen, ...]:
        """Data sources that are not followed, names that cannot be resolved, what is not computed."""
        unseen = [
            NotSeen(what=one.what, place=one.place, why="what it reads cannot be followed")
            for one in self._facts.unseen
        ]
        lost = [*self._reading.unresolved, *self._reading.unresolved_writes]
        uncomputed_ones = [
            NotSeen(what=_cut(written(one.expression)), place=one.place, why=why)
            for one, why in uncomputed(self._trace)
            if one.expression is not None
        ]
        return tuple(dict.fromkeys([*unseen, *map(_lost, lost), *uncomputed_ones]))

    def _steps(self, evaluated: Evaluated, place: str) -> tuple[Step, ...]:
        made = []
        for depth, one in steps(evaluated):
            if one.expression is None:
                continue
            made.append(
                Step(
                    expression=_cut(self._masker.text(written(one.expression))),
                    value=MASK if self._is_hidden(one) else _cut(self._shown(one)),
                    place=one.place or place,
                    depth=depth,
                )
            )
            if len(made) == MOST_STEPS:
                break
        return tuple(made)

    def _is_hidden(self, one: Evaluated) -> bool:
        """Whether the value is a secret of the config, or made of one."""
        hidden = self._hidden.get(id(one))
        if hidden is None:
            by_part = any(map(self._is_hidden, one.parts))
            hidden = self._hidden[id(one)] = by_part or self._shown(one) == MASK
        return hidden

    def _shown(self, one: Evaluated) -> str:
        """The value in words, with the secrets of the config masked."""
        value = one.value
        if known(value):
            pointer = _pointer(written(one.expression)) if one.expression is not None else ""
            value = self._secrets.masked_at(pointer, value) if pointer else self._secrets.masked(value)
            if value == MASK:
                return MASK
        return self._masker.text(_in_words(value))


def _pointer(text: str) -> str:
    """The place in the config that a reference means; empty where it means none."""
    first, *words = text.split(".")
    if first != "var" or not words:
        return ""
    return "".join(f"/{word}" for word in (words[1:] if words[0] == CONFIG else words))


def _lost(one: Unresolved) -> NotSeen:
    return NotSeen(what=one.text or "the module", place=one.place, why=one.why)


def sources_of(
    facts: ModuleFacts,
    config: JsonMapping,
    variables: JsonMapping,
    taken: frozenset[str],
    karmas: frozenset[str],
) -> list[VariableSource]:
    """Where the value of each variable of the module comes from, by name.

    `variables` are the environment's, `taken` the keys of configs that are no values of variables, `karmas`
    the variables that Karma gives.
    """
    made = []
    for name, variable in sorted(facts.body.variables.items()):
        value = config.get(name)
        key = ""
        if name not in taken and name in config and (value is not None or variable.nullable):
            source, key = "config", f"/{name}"
            if isinstance(value, Mapping) and RUNTIME in value:
                source, key = "runtime", str(value[RUNTIME])
        elif name in karmas or name == DEPENDENCIES:
            source = "Karma"
        elif name in variables:
            source = "environment"
        else:
            source = "default" if variable.default is not None else "missing"
        made.append(VariableSource(name=name, place=variable.place, source=source, key=key))
    return made


def _in_words(value: Value) -> str:
    """A value as JSON; where it has none, what it is."""
    match value:
        case Failure(why=why):
            return f"an error: {why}"
        case Unknown(why=why):
            return f"not known: {why}"
        case Runtime(address=address):
            return f"the runtime of {address}"
        case Encoded(value=inner):
            return f"the JSON of {_in_words(inner)}"
        case Dependencies():
            return "the runtimes of its producers"
        case _:
            return strictjson.canonical(_plain(value)).decode()


def _plain(value: Value) -> JsonValue:
    """A value as JSON, with words for what is none."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return list(map(_plain, value))
    if isinstance(value, Fraction):
        return msgspec.Raw(numbers.text(value).encode())
    if value is None or isinstance(value, (str, bool, *NUMBERS)):
        return value
    if isinstance(value, (Unknown, Runtime, Encoded, Dependencies)):
        return f"({_in_words(value)})"
    return "(a child module)"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
