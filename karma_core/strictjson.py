"""The one reader of JSON from outside, and the one canonical form.

RFC 8259 leaves duplicate names and huge numbers to the reader, and readers differ (msgspec, orjson and the
standard library all keep the last duplicate silently). What Karma judges must be what Terraform gets, so
everything that readers could disagree on is refused, and numbers are kept to the last digit.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from typing import Final

import msgspec

from karma_core.errors import BadInput
from karma_core.exact_numbers import NUMBERS, TOO_LONG, dumps, exact, is_beyond
from karma_core.json_types import JsonObject, JsonValue

MAX_DEPTH: Final = 64
"""Deepest nesting of arrays and objects. Ours: far above real configs, far below any recursion limit."""
MAX_BYTES: Final = 1 << 20
"""Largest document. Ours: 128 times the 8 KB of an advanced SSM parameter."""

_decode = msgspec.json.Decoder().decode
_decode_exactly = msgspec.json.Decoder(float_hook=exact).decode
_encode_sorted = msgspec.json.Encoder(order="deterministic", decimal_format="number").encode


def canonical(value: JsonValue) -> bytes:
    """The value as compact UTF-8 JSON with sorted keys: equal values, equal bytes."""
    return _encode_sorted(value)


def digest(value: JsonValue) -> str:
    """SHA-256 of the canonical form, as `sha256:` and 64 hex digits."""
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def bytes_digest(raw: bytes) -> str:
    """SHA-256 of bytes, in the same form as `digest`."""
    return "sha256:" + hashlib.sha256(raw).hexdigest()


def parse(raw: bytes, *, where: str) -> JsonValue:
    """The JSON value in raw; BadInput with code `invalid-json` (and line and column) if it is not strict.

    `where` names the file or parameter in the message. Cost: one decode and one encode.
    """
    return parse_canonical(raw, where=where)[0]


def parse_object(raw: bytes, *, where: str) -> JsonObject:
    """Parse a JSON object; errors as `parse`, and BadInput `not-an-object` for any other value."""
    return parse_object_canonical(raw, where=where)[0]


def parse_object_canonical(raw: bytes, *, where: str) -> tuple[JsonObject, bytes]:
    """Parse a JSON object and return it with its canonical bytes; errors as `parse_object`."""
    value, form = parse_canonical(raw, where=where)
    if not isinstance(value, dict):
        raise BadInput(
            f"{where} is not a JSON object",
            why=f"it holds {_kind(value)}",
            next_step="make the outermost value an object {…}",
            code="not-an-object",
        )
    return value, form


def parse_canonical(raw: bytes, *, where: str) -> tuple[JsonValue, bytes]:
    """The value and its canonical form.

    The fast path proves that no name was dropped by counting quotation marks: in a document without a
    backslash each string has exactly two, and decoding drops whole strings or none.
    """
    if len(raw) > MAX_BYTES:
        raise _refuse(where, f"it has {len(raw):,} bytes, more than {MAX_BYTES:,}", code="too-large")
    inexact = _may_be_inexact(raw)
    try:
        value = (_decode_exactly if inexact else _decode)(raw)
        form = _encode_sorted(value)
        # Within the limit even if every bracket opened a level: nothing to walk for depth.
        shallow = raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH
        if not (b"\\" not in raw and raw.count(b'"') == form.count(b'"') and shallow):
            value = _slow(raw, where)
            form = _encode_sorted(value)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, ArithmeticError) as error:
        raise _explain(raw, where, error) from error
    if inexact:
        _check_numbers(value, where)
    return value, form


def _may_be_inexact(raw: bytes) -> bool:
    """Whether there may be a number that a float does not hold: of more than 15 digits, or with an exponent.

    Every decimal number of 15 digits is the shortest form of a float (IEEE 754, binary64). Cheap: this looks
    at every config of a build.
    """
    digits = raw.translate(_DIGITS, b".")
    return _SIXTEEN_DIGITS in digits or b"0e" in digits or b"0E" in digits


_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_SIXTEEN_DIGITS: Final = b"0" * 16


def _check_numbers(value: JsonValue, where: str) -> None:
    """Refuse numbers of more digits than are kept."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack.extend(item.values())
        elif isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, NUMBERS) and is_beyond(item):
            raise _refuse(where, TOO_LONG)


def _slow(raw: bytes, where: str) -> JsonValue:
    """Decode by the standard library, refusing duplicates by name, depth and lone surrogates."""
    _check_depth(raw, where)

    def pairs(items: list[tuple[str, JsonValue]]) -> JsonObject:
        members = dict(items)
        if len(members) != len(items):
            raise _refuse_twice(raw, where)
        return members

    value = json.loads(raw.decode("utf-8"), object_pairs_hook=pairs, parse_float=exact)
    _check_surrogates(value, where)
    return value


def _check_surrogates(value: JsonValue, where: str) -> None:
    try:
        dumps(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise _refuse(where, "it holds half of a surrogate pair (\\uD800 to \\uDFFF alone)") from error


_TOKEN: Final = re.compile(rb'[{}]|("(?:[^"\\]|\\.)*")(\s*:)?')
"""Braces, strings, and whether a colon makes a string a name."""


def _refuse_twice(raw: bytes, where: str) -> BadInput:
    """Return the error for the first duplicate name, at its second place. The syntax before it is valid."""
    names: list[set[str]] = []
    for token in _TOKEN.finditer(raw):
        if token[0] == b"{":
            names.append(set())
        elif token[0] == b"}":
            names.pop()
        elif token[2] is not None:
            name = json.loads(token[1])
            if name in names[-1]:
                line, column = _place(raw, token.start())
                key = name.encode("utf-8", "replace").decode()[:60]
                why = f"the name {key!r} stands twice in one object"
                return _refuse(where, why, line=line, column=column, key=key)
            names[-1].add(name)
    raise AssertionError("only called for a document with a name that stands twice")


def _check_depth(raw: bytes, where: str) -> None:
    """Refuse nesting beyond MAX_DEPTH without recursing; strings are skipped, not parsed."""
    depth = 0
    quoted = escaped = False
    for position, byte in enumerate(raw):
        if quoted:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # noqa: PLR2004 - backslash
                escaped = True
            elif byte == 0x22:  # noqa: PLR2004 - quotation mark
                quoted = False
        elif byte == 0x22:  # noqa: PLR2004
            quoted = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                line, column = _place(raw, position)
                raise _refuse(where, f"it is nested deeper than {MAX_DEPTH} levels", line=line, column=column)
        elif byte in b"]}":
            depth -= 1


def _explain(raw: bytes, where: str, error: Exception) -> BadInput:
    """Return the error with line and column, from the standard library's reader or the depth check."""
    if raw.startswith(b"\xef\xbb\xbf"):
        return _refuse(where, "it begins with a byte order mark", line=1, column=1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as bad:
        line, column = _place(raw, bad.start)
        return _refuse(where, f"byte 0x{raw[bad.start]:02x} is not UTF-8", line=line, column=column)
    try:
        _check_depth(raw, where)
        value = json.loads(text, parse_constant=_no_constant, parse_int=_integer, parse_float=exact)
        _check_surrogates(value, where)
    except BadInput as refusal:  # too deep, or half of a pair
        return refusal
    except json.JSONDecodeError as bad:
        return _refuse(where, bad.msg, line=bad.lineno, column=bad.colno)
    except ValueError as bad:
        return _refuse(where, str(bad))
    return _refuse(where, str(error).split(" - at ")[0])


def _integer(text: str) -> int:
    """The number; ValueError for one that Python does not even read."""
    if len(text) > sys.int_info.default_max_str_digits:
        raise ValueError(TOO_LONG)
    return int(text)


def _no_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not JSON")


def _place(raw: bytes, position: int) -> tuple[int, int]:
    """(line, column) of a byte, both from 1."""
    return raw.count(b"\n", 0, position) + 1, position - raw.rfind(b"\n", 0, position)


def _refuse(
    where: str,
    why: str,
    *,
    code: str = "invalid-json",
    line: int | None = None,
    column: int | None = None,
    **facts: JsonValue,
) -> BadInput:
    at = f":{line}:{column}" if line is not None else ""
    if line is not None:
        facts |= {"line": line, "column": column}
    what = f"{where}{at} is too large" if code == "too-large" else f"{where}{at} is not valid JSON"
    return BadInput(what, why=why, next_step="correct the JSON and try again", code=code, **facts)


def _kind(value: JsonValue) -> str:
    names = {list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), "null")
