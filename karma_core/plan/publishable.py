"""Which runtimes can be published: what Karma could not read back, or SSM not keep, is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.exact_numbers import MAX_DIGITS, NUMBERS, is_beyond
from karma_core.ids import shown
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.records import ADVANCED_BYTES, PlannedRuntime
from karma_core.references.entries import pointer_to

UNREADABLE: Final = "runtime-unreadable"
REFERENCE: Final = "{{"
"""SSM takes it for a reference to another parameter and refuses it in a value."""
_AS_TEXT: Final = "let the module give it as text (`tostring`), or leave it out"


class _Fault(NamedTuple):
    """What is wrong at one place of a runtime."""

    pointer: str
    why: str
    next_step: str = _AS_TEXT
    code: str = UNREADABLE


def check_runtime(address: str, runtime: JsonMapping) -> None:
    """BadInput for a runtime that cannot be published.

    `runtime-unreadable`: numbers of more than 4,000 digits, nesting beyond 64 levels, half of a
    surrogate pair. `parameter-reference`: `{{`. `too-large`: more than a parameter holds. O(size).
    """
    fault = next(_faults(runtime), None)
    if fault is not None:
        raise BadInput(
            f"the runtime of {address} cannot be published",
            why=f"{shown(fault.pointer)} {fault.why}",
            next_step=fault.next_step,
            code=fault.code,
            component=address,
        )
    size = len(strictjson.canonical(runtime))
    if size > ADVANCED_BYTES:
        raise BadInput(
            f"the runtime of {address} has {size:,} bytes",
            why=f"a parameter of the advanced tier holds {ADVANCED_BYTES:,}",
            next_step="publish less: give the module an output `runtime` with what others need",
            code="too-large",
            component=address,
        )


def check_planned(address: str, planned: PlannedRuntime) -> None:
    """BadInput as `check_runtime` for what a plan knows of a runtime; its unknown parts count one byte."""
    if planned.unknown is not True:
        check_runtime(address, _least(planned.known, planned.unknown))


def _least(value: JsonValue, marks: JsonValue) -> JsonValue:
    """The value with the shortest thing in place of every part that is unknown."""
    if marks is True:
        return 0
    if isinstance(value, Mapping) and isinstance(marks, Mapping):
        return {key: _least(inner, marks.get(key)) for key, inner in value.items()}
    if isinstance(value, list) and isinstance(marks, list):
        padded = [*marks, *([None] * len(value))]
        return [_least(inner, mark) for inner, mark in zip(value, padded, strict=False)]
    return value


def _faults(runtime: JsonMapping) -> Iterator[_Fault]:
    """What cannot be published, in the order of the document. Does not recurse: it may be nested deeply."""
    waiting: list[tuple[JsonValue, str, int]] = [(runtime, "", 1)]
    while waiting:
        value, pointer, depth = waiting.pop()
        if isinstance(value, (Mapping, list)):
            if depth > strictjson.MAX_DEPTH:
                why = f"is nested deeper than {strictjson.MAX_DEPTH} levels"
                yield _Fault(pointer, why, "publish a flatter value, or its JSON as text (`jsonencode`)")
                continue
            inner = value.items() if isinstance(value, Mapping) else enumerate(value)
            below = [(one, pointer_to(pointer, key), depth + 1) for key, one in inner]
            waiting += reversed(below)
            names = value if isinstance(value, Mapping) else ()
            yield from (_text_fault(key, pointer) for key in names if _is_bad(key))
        elif isinstance(value, str):
            if _is_bad(value):
                yield _text_fault(value, pointer)
        else:
            yield from _number_faults(value, pointer)


def _is_bad(text: str) -> bool:
    return REFERENCE in text or not _is_unicode(text)


def _text_fault(text: str, pointer: str) -> _Fault:
    if REFERENCE in text:
        why = "holds {{, which SSM reads as a reference to another parameter and refuses in a value"
        return _Fault(pointer, why, "let the module write it without {{", "parameter-reference")
    return _Fault(pointer, "holds half of a surrogate pair", "let the module give Unicode text")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _number_faults(value: JsonValue, pointer: str) -> Iterator[_Fault]:
    """Numbers of more digits than are kept."""
    if isinstance(value, NUMBERS) and is_beyond(value):
        yield _Fault(pointer, f"is a number of more than {MAX_DIGITS:,} digits, written without an exponent")
