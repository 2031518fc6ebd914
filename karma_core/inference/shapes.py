"""Texts of which only a part is known: `/iac/lambda/${aws_lambda_function.this.arn}/runtime`.

A name that cannot be resolved may still be told apart from every runtime's name by what is known of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Final, NamedTuple

from karma_core import ids
from karma_core.inference.values import Unknown, Value

_VERB: Final = re.compile(r"(%[sdvq]|%%)")
_RUNTIME_LEVELS: Final = 3
"""Levels of a runtime's name below the prefix: type, nickname, `runtime`."""
_KEPT: Final = 2_048
"""Characters of a known part that are kept: twice the longest name of a parameter (SSM: 1,011)."""


class Shape(NamedTuple):
    """What is known of a text: how it begins and ends, and how many `/` its known parts have.

    A text that is known as a whole (`whole`) is its head.
    """

    head: str = ""
    tail: str = ""
    slashes: int = 0
    whole: bool = False


ANYTHING: Final = Shape()


def text_shape(text: str) -> Shape:
    """The shape of a text that is known."""
    return Shape(head=text, slashes=text.count("/"), whole=True)


def joined(shapes: Iterable[Shape]) -> Shape:
    """The shape of the texts one after the other."""
    return reduce(_after, shapes, text_shape(""))


def _after(first: Shape, second: Shape) -> Shape:
    slashes = first.slashes + second.slashes
    if first.whole and second.whole:
        return Shape(head=first.head + second.head, slashes=slashes, whole=True)
    head = first.head + second.head if first.whole else first.head
    tail = (first.tail if not first.whole else "") + second.head if second.whole else second.tail
    return Shape(head=head[:_KEPT], tail=tail[-_KEPT:], slashes=slashes)


class PartialText(Unknown, frozen=True, gc=False):
    """An unknown text of which something is known. That holds for this value alone: see `plain`."""

    shape: Shape = ANYTHING


def plain(value: Value) -> Value:
    """The value for use in an expression whose own text is another: what is known of the text is dropped."""
    if value.__class__ is PartialText:
        return Unknown(value.why, computed=value.computed)
    return value


def shape_of(value: Value, text_of: Callable[[Value], str | Unknown]) -> Shape:
    """What is known of a value as a text."""
    if isinstance(value, PartialText):
        return value.shape
    text = text_of(value)
    return text_shape(text) if isinstance(text, str) else ANYTHING


def partial(unknown: Unknown, shapes: Iterable[Shape]) -> PartialText:
    """The text that is put together of these; `unknown` says why it is not known."""
    return PartialText(unknown.why, unknown.computed, joined(shapes))


def formatted(spec: str, shapes: Iterable[Shape]) -> list[Shape]:
    """The shapes of what `format` puts together, in order; too few arguments leave gaps."""
    waiting = iter(shapes)
    made: list[Shape] = []
    for part in _VERB.split(spec):
        if part == "%%":
            made.append(text_shape("%"))
        elif _VERB.fullmatch(part):
            shape = next(waiting, ANYTHING)
            made.append(ANYTHING if part == "%q" else shape)
        else:
            made.append(ANYTHING if "%" in part else text_shape(part))
    return made


def may_be_runtime(shape: Shape, prefix: str) -> bool:
    """Whether the text may turn out to be `<prefix>/<type>/<nickname>/runtime`. Errs on the side of yes."""
    if shape.whole:
        return _is_runtime(shape.head, prefix)
    ending = f"/{ids.RUNTIME}"
    fits = shape.tail.endswith(ending) or ending.endswith(shape.tail)
    return fits and shape.slashes <= prefix.count("/") + _RUNTIME_LEVELS and _may_begin(shape.head, prefix)


def _is_runtime(name: str, prefix: str) -> bool:
    levels = name.removeprefix(f"{prefix}/").split("/")
    begins = name.startswith(f"{prefix}/")
    return begins and len(levels) == _RUNTIME_LEVELS and _levels_fit(levels, whole=True)


def _may_begin(head: str, prefix: str) -> bool:
    """Whether a runtime's name may begin with this text."""
    start = f"{prefix}/"
    if not head.startswith(start):
        return start.startswith(head)
    levels = head.removeprefix(start).split("/")
    return len(levels) <= _RUNTIME_LEVELS and _levels_fit(levels, whole=False)


def _levels_fit(levels: list[str], *, whole: bool) -> bool:
    """Whether levels are type, nickname and `runtime`; the last of them may go on unless all are whole."""
    for at, (level, pattern) in enumerate(zip(levels, (ids.TYPE, ids.NICKNAME), strict=False)):
        unfinished = not whole and at == len(levels) - 1
        if not pattern.match(level or "x") or (not level and not unfinished):
            return False
    if len(levels) < _RUNTIME_LEVELS:
        return True
    return levels[2] == ids.RUNTIME if whole else ids.RUNTIME.startswith(levels[2])
