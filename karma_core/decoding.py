"""Typed values from JSON values and JSON text, from any number of threads.

msgspec builds what it knows of a struct when the struct is first decoded, and lets other threads see it half
built where its fields are structs themselves: a process in which two threads are the first ends with SIGSEGV
(msgspec 0.22; `tests/unit/karma_core/test_decoding.py` shows it). So that is built here under a lock, once a
type. `msgspec.convert` and `decode(…, type=…)` are used nowhere else, which a test holds.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import TypeVar, cast

import msgspec

from karma_core.exact_numbers import exact
from karma_core.json_types import JsonValue

_Kind = TypeVar("_Kind")

_lock = RLock()
_built: dict[object, msgspec.json.Decoder[object]] = {}
"""Type → its decoder."""


def convert(
    value: JsonValue,
    kind: type[_Kind],
    *,
    strict: bool = True,
    dec_hook: Callable[[type, JsonValue], object] | None = None,
) -> _Kind:
    """The typed value of a JSON value; msgspec.ValidationError where it is none of this kind."""
    return msgspec.convert(value, built(kind), strict=strict, dec_hook=dec_hook)


def decode(raw: bytes | str, kind: type[_Kind]) -> _Kind:
    """The typed value of a JSON text; msgspec.MsgspecError, UnicodeError or RecursionError as there.

    Numbers of which no type is said are exact.
    """
    built(kind)
    return cast("_Kind", _built[kind].decode(raw))


def built(kind: type[_Kind]) -> type[_Kind]:
    """The same type, of which msgspec knows everything from now on."""
    if kind not in _built:
        with _lock:
            _built[kind] = msgspec.json.Decoder(kind, float_hook=exact)
    return kind
