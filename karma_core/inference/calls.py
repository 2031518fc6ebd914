"""Calls of Terraform's functions.

Most only work on plain values. Some stand for more: `try`, `can` and `lookup` decide what must be there,
`jsondecode` of a parameter's text is the value in it, and functions on collections hand on what is inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from karma_core.inference import functions, operations
from karma_core.inference.closure import Evaluate, Names, Scope, given_up
from karma_core.inference.values import (
    COMPUTED,
    Dependencies,
    Encoded,
    Failure,
    Runtime,
    Unknown,
    Value,
    failed,
    first_unknown,
)

_NOT_PLAIN: Final = frozenset({Unknown, Failure, Runtime, Encoded, Dependencies})


def call_of(name: str, arguments: list[Evaluate], *, spread: bool) -> Evaluate:
    """The call of a function; what it does not hand on counts as used."""
    special, takes = _SPECIAL.get(name, (None, range(0)))
    if special is not None and len(arguments) in takes and not spread:
        return special(arguments)
    if spread:
        return _spread(name, arguments)
    if name in functions.STRUCTURE:
        return _on_collections(name, functions.STRUCTURE[name], arguments)
    if name in functions.TEXT:
        return _of_text(name, functions.TEXT[name], arguments)
    return _unheard_of(name, arguments)


def _of_text(name: str, function: Callable[..., Value], arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        for value in values:
            if value.__class__ is not str and (unknown := first_unknown(value)) is not None:
                return given_up(frame, values, unknown)
        return functions.call(function, name, values)

    return evaluate


def _on_collections(name: str, function: Callable[..., Value], arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        if not _NOT_PLAIN.isdisjoint(map(type, values)):
            values = [_opened(frame, name, value) for value in values]
            unknown = _not_for(name, values)
            if unknown is not None:
                return given_up(frame, values, unknown)
        made = functions.call(function, name, values)
        return given_up(frame, values, made) if isinstance(made, Unknown) else made

    return evaluate


def _unheard_of(name: str, arguments: list[Evaluate]) -> Evaluate:
    unknown = Unknown(f"{name}() is not computed here")

    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        return given_up(frame, values, next((v for v in values if isinstance(v, Unknown)), unknown))

    return evaluate


def _spread(name: str, arguments: list[Evaluate]) -> Evaluate:
    """`name(arguments...)`: the last is a list of arguments."""

    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        last = values.pop()
        if not isinstance(last, list):
            return given_up(frame, [*values, last], last if isinstance(last, Unknown) else COMPUTED)
        given: list[Evaluate] = [_constant(value) for value in (*values, *last)]
        return call_of(name, given, spread=False)(frame, names) if given else COMPUTED

    return evaluate


def _constant(value: Value) -> Evaluate:
    return lambda _frame, _names: value


def _not_for(name: str, values: list[Value]) -> Unknown | None:
    """Return the argument that keeps a function on collections from being computed, if any."""
    for value in values:
        if isinstance(value, Failure) or (isinstance(value, Unknown) and name != "coalesce"):
            return value
        if isinstance(value, Encoded) or (isinstance(value, Runtime) and name != "coalesce"):
            return COMPUTED
    return None


def _opened(frame: Scope, name: str, value: Value) -> Value:
    """The dependencies as the object that they are, or only their names where only those are asked for."""
    if not isinstance(value, Dependencies):
        return value
    producers = frame.reading.inputs.producers
    return dict.fromkeys(producers) if name in ("keys", "length") else {a: Runtime(a) for a in producers}


def _try(arguments: list[Evaluate]) -> Evaluate:
    *guarded, last = arguments

    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the first argument that does not fail; if that is unknown, later ones count as used too."""
        reading = frame.reading
        reading.guards += 1
        candidate: Value = None
        doubtful = False
        for argument in guarded:
            value = argument(frame, names)
            if doubtful:
                reading.used(value)
            elif not failed(value):
                candidate, doubtful = value, isinstance(value, Unknown)
                if not doubtful:
                    reading.guards -= 1
                    return candidate
        if doubtful:
            reading.used(last(frame, names))
        reading.guards -= 1
        return candidate if doubtful else last(frame, names)

    return evaluate


def _can(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        frame.reading.guards += 1
        value = arguments[0](frame, names)
        frame.reading.guards -= 1
        if failed(value):
            return False
        return Unknown("can()", computed=value.computed) if isinstance(value, Unknown) else True

    return evaluate


def _lookup(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the element at the key, or the default if there is one and the key is missing."""
        reading = frame.reading
        of, key, *default = (argument(frame, names) for argument in arguments)
        reading.guards += bool(default)
        element = operations.index(reading, of, key, reading.place, "…")
        reading.guards -= bool(default)
        if default and isinstance(element, Unknown):
            if isinstance(element, Failure) and not isinstance(of, Unknown):
                return default[0]
            reading.used(default[0])
        return element

    return evaluate


def _decode(arguments: list[Evaluate]) -> Evaluate:
    plain = _of_text("jsondecode", functions.TEXT["jsondecode"], arguments)

    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the value a JSON text was encoded from, or parse the text."""
        value = arguments[0](frame, names)
        if isinstance(value, Encoded):
            return value.value
        return value if isinstance(value, Unknown) else plain(frame, names)

    return evaluate


def _same(arguments: list[Evaluate]) -> Evaluate:
    return arguments[0]


def _encode(arguments: list[Evaluate]) -> Evaluate:
    return lambda frame, names: Encoded(arguments[0](frame, names))


_SPECIAL: Final[dict[str, tuple[Callable[[list[Evaluate]], Evaluate], range]]] = {
    "can": (_can, range(1, 2)),
    "jsondecode": (_decode, range(1, 2)),
    "jsonencode": (_encode, range(1, 2)),
    "lookup": (_lookup, range(2, 4)),
    "nonsensitive": (_same, range(1, 2)),
    "sensitive": (_same, range(1, 2)),
    "tomap": (_same, range(1, 2)),
    "try": (_try, range(1, 100)),
}
"""Function → (how it is compiled, how many arguments it takes)."""
