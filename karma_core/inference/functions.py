"""Terraform's functions that can occur in names of parameters and components.

A function gets evaluated arguments and returns a value. `TEXT` functions are called with plain arguments
only, `STRUCTURE` functions also with collections that hold unknown values and runtimes, which they hand on.
Arguments that a function does not take end in TypeError, ValueError, KeyError or IndexError: its failure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Final

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.inference.operations import text_of, type_of
from karma_core.inference.reading import MAX_ITEMS, MAX_TEXT
from karma_core.inference.values import Failure, Items, Unknown, Value, known

MAX_SEARCHED: Final = 256
"""Characters in which a regular expression is looked for, because Python's may take cubic time."""
_COSTLY: Final = re.compile(r"\)[*+{]|\\[1-9]|\(\?[=!<]")
"""What can make a search exponential, or what RE2 lacks: quantified groups, back references, look-around."""
_MAX_QUANTIFIERS: Final = 3
_VERB: Final = re.compile(r"%(?:([sdvq])|(%))")
_UNSUPPORTED_VERB: Final = re.compile(r"%(?![sdvq%])")


def _format(spec: str, *values: Value) -> Value:
    """`%s`, `%d`, `%v`, `%q`; widths and other verbs are not computed."""
    if _UNSUPPORTED_VERB.search(spec.replace("%%", "")):
        return Unknown(f"format {spec!r}")
    waiting = list(values)

    def put(match: re.Match[str]) -> str:
        if match.group(2):
            return "%"
        value = waiting.pop(0)
        return json.dumps(value) if match.group(1) == "q" else _text(value)

    made = _VERB.sub(put, spec)
    return Failure("format got too many arguments") if waiting else made


def _text(value: Value) -> str:
    text = text_of(value)
    if isinstance(text, Unknown):
        raise TypeError(text.why)
    return text


def _replace(text: str, pattern: str, by: str) -> str:
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        return _safe(pattern[1:-1], text).sub(re.sub(r"\$(\d|\{\d\})", r"\\\1", by), text)
    return text.replace(pattern, by)


class _TooCostly(Exception):
    """A pattern or a text that could take this process long; Terraform itself will compute it."""


def _safe(pattern: str, text: str) -> re.Pattern[str]:
    costly = _COSTLY.search(pattern) or sum(map(pattern.count, "*+{")) > _MAX_QUANTIFIERS
    if costly or len(text) > MAX_SEARCHED:
        raise _TooCostly(pattern)
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(pattern) from error


def _regex(pattern: str, text: str) -> Value:
    match = _safe(pattern, text).search(text)
    if match is None:
        return Failure(f"{text!r} does not match {pattern!r}")
    return match.groupdict() or list(match.groups()) or match.group()


def _substr(text: str, offset: int, length: int) -> str:
    start = offset if offset >= 0 else len(text) + offset
    return text[start:] if length < 0 else text[start : start + length]


def _join(separator: str, *lists: list[Value]) -> str:
    return separator.join(_text(item) for items in lists for item in items)


def _split(separator: str, text: str) -> list[str]:
    return text.split(separator) if separator else list(text)


def _trim(text: str, characters: str) -> str:
    return text.strip(characters)


def _number(value: Value) -> Value:
    if isinstance(value, str):
        return int(value) if value.lstrip("-").isdigit() else float(value)
    return value if type_of(value) == "number" else Failure("that is no number")


def _range(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > MAX_ITEMS:
        raise ValueError
    return list(numbers)


def _jsondecode(text: str) -> Value:
    return strictjson.parse(text.encode(), where="jsondecode")


TEXT: Final[dict[str, Callable[..., Value]]] = {
    "abs": abs,
    "basename": lambda path: path.rpartition("/")[2],
    "dirname": lambda path: path.rpartition("/")[0] or ".",
    "endswith": str.endswith,
    "format": _format,
    "formatlist": lambda spec, items: [_format(spec, item) for item in items],
    "join": _join,
    "jsondecode": _jsondecode,
    "lower": str.lower,
    "max": max,
    "min": min,
    "range": _range,
    "regex": _regex,
    "regexall": lambda pattern, text: [
        m.groupdict() or list(m.groups()) or m.group() for m in _safe(pattern, text).finditer(text)
    ],
    "replace": _replace,
    "split": _split,
    "startswith": str.startswith,
    "strcontains": lambda text, part: part in text,
    "substr": _substr,
    "title": lambda text: re.sub(r"(^|[^\w'])(\w)", lambda m: m.group(1) + m.group(2).upper(), text),
    "tobool": lambda value: {"true": True, "false": False, True: True, False: False}[value],
    "tonumber": _number,
    "tostring": lambda value: None if value is None else _text(value),
    "trim": _trim,
    "trimprefix": str.removeprefix,
    "trimspace": str.strip,
    "trimsuffix": str.removesuffix,
    "upper": str.upper,
}


def _element(items: list[Value], at: int) -> Value:
    return items[at % len(items)]


def _one(items: list[Value] | None) -> Value:
    if items is None or not items:
        return None
    return items[0] if len(items) == 1 else Failure("one() got several items")


def _coalesce(*values: Value) -> Value:
    """Return the first argument that is neither null nor empty, or an unknown one that comes before it."""
    for value in values:
        if isinstance(value, Unknown):
            return value
        if value is not None and value != "":
            return value
    return Failure("coalesce() got nothing")


def _coalescelist(*lists: list[Value]) -> Value:
    return next((candidate for candidate in lists if candidate), Failure("coalescelist() got nothing"))


def _concat(*lists: list[Value]) -> list[Value]:
    if sum(map(len, lists)) > MAX_ITEMS:
        raise ValueError
    return list(chain.from_iterable(lists))


def _merge(*maps: dict[str, Value] | None) -> dict[str, Value]:
    made: dict[str, Value] = {}
    for given in maps:
        made.update(given or {})
    return made


def _contains(items: list[Value], wanted: Value) -> Value:
    if wanted in items:
        return True
    return False if known(items) and known(wanted) else Unknown("contains()", computed=True)


def _distinct(items: list[Value]) -> list[Value]:
    made: list[Value] = []
    for item in items:
        if item not in made:
            made.append(item)
    return made


def _toset(items: list[Value]) -> Value:
    if not known(items):
        return _distinct(items)
    return Items(sorted(_distinct(items), key=_text))


def _flatten(items: list[Value]) -> list[Value]:
    made: list[Value] = []
    waiting = [iter(items)]
    while waiting:
        for item in waiting[-1]:
            if isinstance(item, list):
                waiting.append(iter(item))
                break
            made.append(item)
        else:
            waiting.pop()
        if len(made) > MAX_ITEMS or len(waiting) > MAX_ITEMS:
            raise ValueError
    return made


def _setunion(*lists: list[Value]) -> Value:
    """Each item of all sets once."""
    return _toset(_concat(*lists))


def _zipmap(keys: list[str], values: list[Value]) -> dict[str, Value]:
    return dict(zip(keys, values, strict=True))


STRUCTURE: Final[dict[str, Callable[..., Value]]] = {
    "chunklist": lambda items, size: [items[at : at + size] for at in range(0, len(items), size)],
    "coalesce": _coalesce,
    "coalescelist": _coalescelist,
    "compact": lambda items: [item for item in items if item is not None and item != ""],
    "concat": _concat,
    "contains": _contains,
    "distinct": _distinct,
    "element": _element,
    "flatten": _flatten,
    "index": lambda items, wanted: items.index(wanted),
    "keys": lambda given: sorted(given.keys()),
    "length": len,
    "merge": _merge,
    "one": _one,
    "reverse": lambda items: items[::-1],
    "setunion": _setunion,
    "slice": lambda items, start, end: items[start:end],
    "sort": sorted,
    "tolist": list,
    "toset": _toset,
    "values": lambda given: [given[key] for key in sorted(given)],
    "zipmap": _zipmap,
}


def call(function: Callable[..., Value], name: str, arguments: Sequence[Value]) -> Value:
    """The function's value; Failure where Terraform would stop, Unknown where this does not compute it."""
    try:
        made = function(*arguments)
    except _TooCostly:
        return Unknown(f"{name}() is not computed here")
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, BadInput):
        return Failure(f"{name}() fails on these arguments")
    if isinstance(made, str) and len(made) > MAX_TEXT:
        return Unknown(f"{name}() makes a text longer than {MAX_TEXT:,} characters")
    return made
