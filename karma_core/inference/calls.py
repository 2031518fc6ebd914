"""Calls of Terraform's functions.

Most only work on plain values. Some stand for more: `try`, `can` and `lookup` decide what must be there,
`jsondecode` of a parameter's text is the value in it, and functions on collections hand on what is inside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from karma_core.inference import encoding_functions, functions, operations
from karma_core.inference.closure import Evaluate, Names, Scope, given_up
from karma_core.inference.conversion import Uncertain, Unconvertible, converted, type_of
from karma_core.inference.shapes import PartialText, Shape, formatted, partial, plain, shape_of, text_shape
from karma_core.inference.signatures import SIGNATURES
from karma_core.inference.values import (
    COMPUTED,
    SCALARS,
    Dependencies,
    Encoded,
    Failure,
    Mapped,
    Outputs,
    Runtime,
    Unknown,
    Value,
    failed,
    first_unknown,
    known,
    specials,
)

_NOT_PLAIN: Final = frozenset({Unknown, PartialText, Failure, Runtime, Outputs, Encoded, Dependencies})


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
    classes = SIGNATURES[name].classes

    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        if tuple(map(type, values)) == classes:  # often: nothing is unknown, and nothing to be converted
            return _noted(frame, functions.call(function, name, values, exactly=True))
        for value in values:
            if value.__class__ not in SCALARS and (unknown := first_unknown(value)) is not None:
                return _partly(name, values, given_up(frame, values, unknown))
        return _noted(frame, functions.call(function, name, values))

    return evaluate


def _noted(frame: Scope, made: Value) -> Value:
    """Count a result that is not computed."""
    if made.__class__ is Unknown:
        frame.reading.uncomputed += 1
    return made


def _partly(name: str, values: list[Value], unknown: Value) -> Value:
    """The unknown result of a function on texts, with what is known of it."""
    shapes = _SHAPES[name](values) if name in _SHAPES and not isinstance(unknown, Failure) else None
    return unknown if shapes is None else partial(unknown, shapes)


def _format_shapes(values: list[Value]) -> list[Shape] | None:
    """What is known of a text that `format` puts together; None where that is nothing."""
    spec, *arguments = values
    if not isinstance(spec, str):
        return None
    return formatted(spec, (shape_of(one, operations.text_of) for one in arguments))


def _join_shapes(values: list[Value]) -> list[Shape] | None:
    """What is known of a text that `join` puts together; None where that is nothing."""
    separator, *lists = values
    if not isinstance(separator, str) or not all(isinstance(items, list) for items in lists):
        return None
    shapes = [shape_of(item, operations.text_of) for items in lists for item in items]
    between = text_shape(separator)
    return [part for shape in shapes for part in (between, shape)][1:]


_SHAPES: Final = {"format": _format_shapes, "join": _join_shapes}
"""Functions that put a text together of which a part may be known."""


def _on_collections(name: str, function: Callable[..., Value], arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        if not _NOT_PLAIN.isdisjoint(map(type, values)):
            values = [_opened(frame, name, value) for value in values]
            unknown = _not_for(name, values)
            if unknown is not None:
                return given_up(frame, values, unknown)
        made = _noted(frame, functions.call(function, name, values))
        return given_up(frame, values, made) if isinstance(made, Unknown) else made

    return evaluate


def _unheard_of(name: str, arguments: list[Evaluate]) -> Evaluate:
    unknown = Unknown(f"{name}() is not computed here")

    def evaluate(frame: Scope, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        frame.reading.uncomputed += 1
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
            before = reading.uncomputed
            value = argument(frame, names)
            if doubtful:
                reading.used(value)
            elif not failed(value):
                if reading.uncomputed > before and known(value):
                    value = Unknown("try() of what is not computed")
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
        reading = frame.reading
        before = reading.uncomputed
        reading.guards += 1
        value = arguments[0](frame, names)
        reading.guards -= 1
        if failed(value):
            return False
        if reading.uncomputed > before:
            return Unknown("can() of what is not computed")
        doubt = next((one for one in specials(value) if isinstance(one, Unknown)), None)
        return True if doubt is None else Unknown("can()", computed=doubt.computed)

    return evaluate


def _lookup(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the element at the key, or the default if there is one and the key is missing."""
        reading = frame.reading
        of, key, *default = (argument(frame, names) for argument in arguments)
        reading.guards += bool(default)
        element = operations.index(reading, of, key, reading.place, "…")
        reading.guards -= bool(default)
        if default and isinstance(default[0], Failure):
            return default[0]
        if default and isinstance(element, Unknown):
            if isinstance(element, Failure) and not isinstance(of, Unknown):
                return _as_item(of, default[0])
            reading.used(default[0])
        return element

    return evaluate


def _as_item(of: Value, default: Value) -> Value:
    """A default as the type that a map's items have."""
    if not isinstance(of, Mapped) or not of:
        return default
    try:
        return converted(default, type_of(of).of)
    except Uncertain:
        return Unknown("lookup()")
    except Unconvertible:
        return Failure("lookup() has a default of another type")


def _decode(arguments: list[Evaluate]) -> Evaluate:
    decode = _of_text("jsondecode", functions.TEXT["jsondecode"], arguments)

    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the value a JSON text was encoded from, or parse the text."""
        value = arguments[0](frame, names)
        if isinstance(value, Encoded):
            return value.value
        return plain(value) if isinstance(value, Unknown) else decode(frame, names)

    return evaluate


def _file(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the text of a file of the module, as far as it is kept with the module's facts."""
        path = arguments[0](frame, names)
        text = frame.file(path) if isinstance(path, str) else None
        if text is not None:
            return text
        unknown = path if isinstance(path, Unknown) else Unknown("what the file holds")
        return _noted(frame, given_up(frame, path, unknown))

    return evaluate


def _hash_of(name: str) -> Callable[[list[Evaluate]], Evaluate]:
    """`filemd5` and its like: the hash of the text."""

    def compiled(arguments: list[Evaluate]) -> Evaluate:
        return _of_text(name, functions.TEXT[name], [_file(arguments)])

    return compiled


def _same(arguments: list[Evaluate]) -> Evaluate:
    return arguments[0]


def _encode(arguments: list[Evaluate]) -> Evaluate:
    encode = _of_text("jsonencode", encoding_functions.jsonencode, arguments)

    def evaluate(frame: Scope, names: Names) -> Value:
        """Return the text of a plain value; else what it is the text of."""
        value = arguments[0](frame, names)
        failure = next((one for one in specials(value) if isinstance(one, Failure)), None)
        if failure is not None:
            return given_up(frame, value, failure)
        return encode(frame, names) if known(value) else Encoded(value)

    return evaluate


_SPECIAL: Final[dict[str, tuple[Callable[[list[Evaluate]], Evaluate], range]]] = {
    "can": (_can, range(1, 2)),
    "file": (_file, range(1, 2)),
    "filebase64sha256": (_hash_of("base64sha256"), range(1, 2)),
    "filemd5": (_hash_of("md5"), range(1, 2)),
    "filesha1": (_hash_of("sha1"), range(1, 2)),
    "filesha256": (_hash_of("sha256"), range(1, 2)),
    "filesha512": (_hash_of("sha512"), range(1, 2)),
    "jsondecode": (_decode, range(1, 2)),
    "jsonencode": (_encode, range(1, 2)),
    "lookup": (_lookup, range(2, 4)),
    "nonsensitive": (_same, range(1, 2)),
    "sensitive": (_same, range(1, 2)),
    "try": (_try, range(1, 100)),
}
"""Function → (how it is compiled, how many arguments it takes)."""
