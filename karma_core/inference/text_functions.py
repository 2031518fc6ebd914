"""Terraform's functions on texts and numbers: arguments are known and have their parameters' types.

Uncertain where the result hangs on Unicode's tables, on RE2's own syntax, or on rounding.
"""

from __future__ import annotations

import json
import math
import posixpath
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from karma_core.inference.conversion import (
    Type,
    Uncertain,
    Unconvertible,
    as_number,
    as_text,
    converted,
)
from karma_core.inference.numbers import Number, calculated, exact
from karma_core.inference.reading import MAX_ITEMS
from karma_core.inference.values import Value

MAX_SEARCHED: Final = 256
"""Characters in which a regular expression is looked for, because Python's may take cubic time."""
_COSTLY: Final = re.compile(r"\)[*+{]|\\[^dwsDWSbB.+*?^$|()\[\]{}/\\-]|\(\?[^P:]|\[\[|\[:|&&|~~|--")
"""What makes a search exponential, or means another thing in RE2 than here: quantified groups, look-around,
back references, flags, and classes of classes."""
_MAX_QUANTIFIERS: Final = 3
_VERB: Final = re.compile(
    r"%(?P<flags>[-0]?)(?P<width>[0-9]{0,2})(?:\.(?P<digits>[0-9]{1,2}))?(?P<verb>[a-zA-Z%])"
)
_MIN_PLAIN: Final = Fraction(1, 1000)
_MAX_PLAIN: Final = 100_000
"""Between them `%v` writes a number without an exponent (Go: %g)."""
_QUOTED: Final = re.compile(r"[ -~]*\Z")
_BLANKS: Final = " \t\n\v\f\r"
MAX_INDENT: Final = 256
"""Blanks that `indent` adds at most. Ours."""
_RANGE: Final = 1024
"""Items of `range` at most: Terraform's own limit."""


def format_(spec: str, *values: Value) -> Value:
    """`%s %d %v %q %t %x %f` with widths; other verbs and flags are not computed."""
    waiting = list(values)

    def put(match: re.Match[str]) -> str:
        if match["verb"] == "%":
            return "%"
        if not waiting:
            raise TypeError
        text = _formatted(match["verb"], waiting.pop(0), match["digits"])
        width = int(match["width"] or 0)
        if width and not text.isascii():
            raise Uncertain
        if match["flags"] == "0" and match["verb"] in "dxf":
            return text.zfill(width)
        return text.ljust(width) if match["flags"] == "-" else text.rjust(width)

    if "%" in _VERB.sub("", spec):
        raise Uncertain
    made = _VERB.sub(put, spec)
    if waiting:
        raise TypeError
    return made


def _formatted(verb: str, value: Value, digits: str | None) -> str:
    if value is None or (digits is not None and verb != "f"):
        raise Uncertain
    if verb == "v" and isinstance(value, (int, float, Fraction, Decimal)) and not _is_plain(value):
        raise Uncertain
    if verb in ("s", "v") and not isinstance(value, (list, dict)):
        return as_text(value)
    if verb == "q" and isinstance(value, str) and _QUOTED.match(value) and not set("<>&") & set(value):
        return json.dumps(value)
    if verb == "t" and isinstance(value, bool):
        return as_text(value)
    if verb in ("d", "x"):
        number = as_number(value)
        if not isinstance(number, int):
            raise Unconvertible
        return format(number, verb)
    raise Uncertain


def _is_plain(number: float | Fraction | Decimal) -> bool:
    return _MIN_PLAIN <= abs(Fraction(exact(number))) < _MAX_PLAIN


def formatlist(spec: str, *values: Value) -> Value:
    """`format` for each item of the lists, which are of one length; anything else stays the same."""
    lengths = {len(value) for value in values if isinstance(value, list)}
    if len(lengths) > 1:
        raise TypeError
    count = lengths.pop() if lengths else 1
    rows = ([v[at] if isinstance(v, list) else v for v in values] for at in range(count))
    return [format_(spec, *row) for row in rows]


def _ascii(text: str) -> str:
    if not text.isascii():
        raise Uncertain
    return text


def _pattern(pattern: str, text: str) -> re.Pattern[str]:
    costly = _COSTLY.search(pattern) or sum(map(pattern.count, "*+{")) > _MAX_QUANTIFIERS
    if costly or len(text) > MAX_SEARCHED or "\n" in text:
        raise Uncertain
    _ascii(text + pattern)
    try:
        return re.compile(pattern, re.ASCII)
    except re.error as error:
        raise Uncertain from error


def _groups(match: re.Match[str]) -> Value:
    return match.groupdict() or list(match.groups()) or match.group()


def regex(pattern: str, text: str) -> Value:
    """What the first match has: its text, its groups, or its named groups."""
    match = _pattern(pattern, text).search(text)
    if match is None:
        raise Unconvertible
    return _groups(match)


def regexall(pattern: str, text: str) -> Value:
    """The same of all matches."""
    compiled = _pattern(pattern, text)
    if compiled.match(""):
        raise Uncertain  # where an empty match may stand beside another
    return [_groups(match) for match in compiled.finditer(text)]


def replace(text: str, pattern: str, by: str) -> str:
    """Of a text, or of a regular expression between slashes."""
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        compiled = _pattern(pattern[1:-1], text)
        if re.search(r"\$(?!\{\d\}|\d(?!\w))", by) or "\\" in by or compiled.match(""):
            raise Uncertain
        try:
            return compiled.sub(
                lambda m: re.sub(r"\$\{?(\d)\}?", lambda n: m.group(int(n[1])) or "", by), text
            )
        except IndexError as error:
            raise Uncertain from error
    return text.replace(pattern, by)


def substr(text: str, offset: Number, length: Number) -> str:
    """Counted from the end where the offset is negative; to the end where the length is."""
    start, count = _whole(offset), _whole(length)
    _ascii(text)
    if start < 0 and count == 0:
        raise Uncertain
    start = max(len(text) + start, 0) if start < 0 else start
    return text[start:] if count < 0 else text[start : start + count]


def _whole(number: Number) -> int:
    if not isinstance(number, int):
        raise Unconvertible
    return number


def _cased(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: change(_ascii(text))


def _title(text: str) -> str:
    return re.sub(r"(?<![A-Za-z0-9_])[a-z]", lambda match: match.group().upper(), _ascii(text))


def range_(*bounds: Number) -> list[Number]:
    """From 0 or the first bound to before the last, in steps of 1, -1, or the third."""
    if not 1 <= len(bounds) <= 3:  # noqa: PLR2004 - end; start and end; and step
        raise TypeError
    start, end = (Fraction(0), Fraction(bounds[0])) if len(bounds) == 1 else map(Fraction, bounds[:2])
    step = Fraction(bounds[2]) if len(bounds) == 3 else Fraction(1 if end >= start else -1)  # noqa: PLR2004
    if step == 0 or (end - start) / step < 0:
        raise Unconvertible
    count = math.ceil((end - start) / step)
    if count > min(_RANGE, MAX_ITEMS):
        raise Unconvertible
    made: list[Number] = []
    at: Number | None = exact(start)
    while len(made) < count and at is not None:
        made.append(at)
        at = calculated("+", at, exact(step))
    return made


def parseint(text: Value, base: Number) -> int:
    """A whole number in a base up to 36; larger ones are not computed."""
    radix = _whole(base)
    if not isinstance(text, str):
        raise Uncertain
    if radix > 36:  # noqa: PLR2004 - Python's largest
        raise Uncertain
    if not re.match(r"-?[0-9A-Za-z]+\Z", text) or radix < 2:  # noqa: PLR2004 - the smallest
        raise Unconvertible
    return int(text, radix)


def _indent(count: Number, text: str) -> str:
    if not 0 <= _whole(count) <= MAX_INDENT:
        raise Uncertain
    return text.replace("\n", "\n" + " " * int(count))


def _split(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _join(separator: str, *lists: list[Value]) -> str:
    items = [item for items in lists for item in items]
    if None in items:
        raise TypeError
    return separator.join(items)


def _strip(text: str, characters: str) -> str:
    return text.strip(characters) if characters else text


def _basename(path: str) -> str:
    return posixpath.basename(path.rstrip("/")) or ("/" if path.startswith("/") else ".")


def _dirname(path: str) -> str:
    directory = path[: path.rfind("/") + 1]
    return re.sub(r"\A//", "/", posixpath.normpath(directory)) if directory else "."


def _converted(kind: str) -> Callable[[Value], Value]:
    return lambda value: converted(value, Type(kind))


FUNCTIONS: Final[dict[str, Callable[..., Value]]] = {
    "abs": abs,
    "basename": _basename,
    "ceil": math.ceil,
    "chomp": lambda text: re.sub(r"(?:\r\n?|\n)*\Z", "", text),
    "dirname": _dirname,
    "endswith": str.endswith,
    "floor": math.floor,
    "format": format_,
    "formatlist": formatlist,
    "indent": _indent,
    "join": _join,
    "lower": _cased(str.lower),
    "max": max,
    "min": min,
    "parseint": parseint,
    "range": range_,
    "regex": regex,
    "regexall": regexall,
    "replace": replace,
    "signum": lambda number: (_whole(number) > 0) - (number < 0),
    "split": _split,
    "startswith": str.startswith,
    "strcontains": lambda text, part: part in text,
    "strrev": lambda text: _ascii(text)[::-1],
    "substr": substr,
    "title": _title,
    "trim": _strip,
    "trimprefix": str.removeprefix,
    "trimspace": lambda text: _ascii(text).strip(_BLANKS),
    "trimsuffix": str.removesuffix,
    "upper": _cased(str.upper),
    "tobool": _converted("bool"),
    "tonumber": _converted("number"),
    "tostring": _converted("string"),
}
