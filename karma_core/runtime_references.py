"""`$runtime` in configs: a value that is taken from another component's runtime.

`{"$runtime": "vpc/core#subnet_ids"}` stands for the key `subnet_ids` of the runtime of vpc/core. After `#`
stands a key, a dotted path (`endpoint.host`) or a JSON pointer (`/subnets/0/id`). `default` beside it is the
value where the runtime has no such key. What `{"$literal": …}` holds is data, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from karma_core import ids
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.model import Record
from karma_core.plan.runtime import is_unknown
from karma_core.records import PlannedRuntime
from karma_core.references.entries import pointer_to

RUNTIME: Final = "$runtime"
LITERAL: Final = "$literal"
_DEFAULT: Final = "default"


class RuntimeReference(Record, frozen=True, kw_only=True):
    """One reference: `text` is what stands after `#`, `path` its steps.

    `key` is what is consumed of the runtime: the part of the path that it can be asked for, without steps
    into lists.
    """

    target: str
    text: str
    path: tuple[str, ...]
    key: str
    has_default: bool = False
    default: JsonValue = None


class Malformed(NamedTuple):
    """Why something that looks like a reference is none."""

    why: str


def parse(body: JsonMapping) -> RuntimeReference | Malformed:
    """The reference that an object with the key `$runtime` is."""
    why = _fault(body)
    if why:
        return Malformed(why)
    target, _, selector = str(body[RUNTIME]).partition("#")
    path = _path(selector)
    return RuntimeReference(
        target=target,
        text=selector,
        path=path,
        key=_consumed(path) if selector.startswith("/") else _dotted(path),
        has_default=_DEFAULT in body,
        default=body.get(_DEFAULT),
    )


def _fault(body: JsonMapping) -> str:
    """Why an object is no reference; empty where it is one."""
    more, text = sorted(body.keys() - {RUNTIME, _DEFAULT}), body[RUNTIME]
    target, _, selector = text.partition("#") if isinstance(text, str) else ("", "", "")
    faults = {
        f"beside $runtime only default may stand, not {ids.shown(next(iter(more), ''))}": bool(more),
        "the value of $runtime is no text": not isinstance(text, str),
        f"{ids.shown(target)!r} is not a component's address": not ids.is_address(target),
        "it names no key of the runtime": not selector.strip("/"),
        f"{ids.shown(selector)!r} has an empty step": not all(_path(selector)),
        "its default is a reference itself": any(True for _ in references(body.get(_DEFAULT))),
    }
    return next((why for why, holds in faults.items() if holds), "")


def _path(selector: str) -> tuple[str, ...]:
    if not selector.startswith("/"):
        return tuple(selector.split("."))
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in selector[1:].split("/"))


def _dotted(path: tuple[str, ...]) -> str:
    """The steps before the first that may be a place in a list."""
    steps = next((at for at, step in enumerate(path) if at and step.isdecimal()), len(path))
    return ".".join(path[:steps])


def _consumed(path: tuple[str, ...]) -> str:
    """The same for the steps of a JSON pointer: one that holds a dot cannot be part of a dotted path."""
    plain = next((at for at, step in enumerate(path) if "." in step), len(path))
    return _dotted(path[: max(plain, 1)]) if plain else path[0]


def references(value: JsonValue) -> Iterator[tuple[str, JsonMapping]]:
    """(pointer, object) of everything that has the key `$runtime`, in the order of the document."""
    waiting: list[tuple[str, JsonValue]] = [("", value)]
    while waiting:
        pointer, one = waiting.pop()
        if isinstance(one, dict):
            if RUNTIME in one:
                yield pointer, one
            elif one.keys() != {LITERAL}:
                waiting += [(pointer_to(pointer, key), inner) for key, inner in reversed(one.items())]
        elif isinstance(one, list):
            waiting += reversed([(pointer_to(pointer, at), inner) for at, inner in enumerate(one)])


ADVICE: Final = (
    'write a reference like {"$runtime": "vpc/core#subnet_ids"}, with "default" beside it for a key that may '
    'be missing; data that looks like one stands in {"$literal": …}'
)


def malformed(config: JsonObject) -> Iterator[tuple[str, JsonMapping, str]]:
    """(pointer, object, why it is no reference) of everything that only looks like one."""
    for pointer, body in references(config):
        made = parse(body)
        if isinstance(made, Malformed):
            yield pointer, body, made.why
        elif not pointer:
            yield pointer, body, "a config as a whole cannot be a reference"


class Resolved(Record, frozen=True, kw_only=True):
    """A config with its references replaced by values.

    `marks` mirror its shape, with true where a value is unknown until apply; None where all is known.
    `missing` are the references whose key the runtime does not have: (pointer, target, what stands after
    `#`).
    """

    config: JsonObject
    marks: JsonValue = None
    missing: tuple[tuple[str, str, str], ...] = ()
    taken: bool = False
    """Whether it takes any value of a runtime."""


def resolve(config: JsonObject, planned: Mapping[str, PlannedRuntime]) -> Resolved:
    """The config with the values of the producers' runtimes, by address. A missing value is null."""
    resolver = _Resolver(planned)
    value, marks = resolver.resolve(config, "")
    if not isinstance(value, dict):  # the config as a whole is a reference, which is a finding
        return Resolved(config=config)
    return Resolved(config=value, marks=marks, missing=tuple(resolver.missing), taken=resolver.taken)


def evaluable(value: JsonValue, unknown: object) -> JsonValue:
    """The value with `unknown` in place of every reference, and literals unwrapped."""
    if isinstance(value, dict):
        if RUNTIME in value:
            return unknown
        if value.keys() == {LITERAL}:
            return value[LITERAL]
        return {key: evaluable(inner, unknown) for key, inner in value.items()}
    return [evaluable(inner, unknown) for inner in value] if isinstance(value, list) else value


class _Resolver:
    def __init__(self, planned: Mapping[str, PlannedRuntime]) -> None:
        self._planned = planned
        self.missing: list[tuple[str, str, str]] = []
        self.taken = False

    def resolve(self, value: JsonValue, pointer: str) -> tuple[JsonValue, JsonValue]:
        """(the value resolved, its marks)."""
        if isinstance(value, dict):
            if RUNTIME in value:
                return self._reference(value, pointer)
            if value.keys() == {LITERAL}:
                return value[LITERAL], None
            members = {key: self.resolve(inner, pointer_to(pointer, key)) for key, inner in value.items()}
            marks = {key: mark for key, (_, mark) in members.items() if mark is not None}
            return {key: inner for key, (inner, _) in members.items()}, marks or None
        if isinstance(value, list):
            items = [self.resolve(inner, pointer_to(pointer, at)) for at, inner in enumerate(value)]
            known = all(mark is None for _, mark in items)
            return [inner for inner, _ in items], None if known else [mark or False for _, mark in items]
        return value, None

    def _reference(self, body: JsonMapping, pointer: str) -> tuple[JsonValue, JsonValue]:
        self.taken = True
        reference = parse(body)
        if isinstance(reference, Malformed):
            return None, None
        planned = self._planned.get(reference.target)
        taken = _taken(reference, planned) if planned is not None else None
        if taken is not None:
            return taken
        if not reference.has_default:
            self.missing.append((pointer, reference.target, reference.text))
        return reference.default, None


def _taken(reference: RuntimeReference, planned: PlannedRuntime) -> tuple[JsonValue, JsonValue] | None:
    """(value, marks) of what a reference names in a runtime; None where the runtime does not have it."""
    value: JsonValue = planned.known
    marks = planned.unknown
    top = marks.keys() if isinstance(marks, Mapping) else ()
    whole = reference.text in planned.known or reference.text in top
    for step in (reference.text,) if whole else reference.path:
        if marks is True:
            return None, True
        below = marks.get(step) if isinstance(marks, Mapping) else None
        if below is not None or (isinstance(value, Mapping) and step in value):
            value, marks = value.get(step) if isinstance(value, Mapping) else None, below
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            at = int(step)
            marks = marks[at] if isinstance(marks, list) and at < len(marks) else None
            value = value[at]
        else:
            return None
    return (None, True) if marks is True else (value, marks if is_unknown(marks) else None)
