"""Edits of Terraform files at the token: what is replaced is found in the parser's tree, not by a pattern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from karma_core import hcl
from karma_core.configuration import holds_value
from karma_core.hcl import nodes


class Edit(NamedTuple):
    """Characters from `start` to before `end` become `text`."""

    start: int
    end: int
    text: str


def applied(source: str, edits: Iterable[Edit], *, start: int = 0, end: int | None = None) -> str:
    """The part of a source between two offsets, with those edits that lie in it. Edits do not overlap."""
    end = len(source) if end is None else end
    done, at = [], start
    for edit in sorted(edits):
        if at <= edit.start and edit.end <= end:
            done += [source[at : edit.start], edit.text]
            at = edit.end
    return "".join([*done, source[at:end]])


def values(block: hcl.Block) -> Iterator[hcl.Expression]:
    """The expressions of values in a block and the blocks in it, those that name things left out."""
    waiting = [block]
    while waiting:
        inner = waiting.pop()
        yield from (a.expression for name, a in inner.attributes.items() if holds_value(inner.type, name))
        waiting += inner.blocks


def path_of(node: hcl.Expression) -> tuple[str, ...]:
    """The names of a traversal (`a.b.c` gives a, b, c); empty for what is none."""
    names: list[str] = []
    while isinstance(node, nodes.GetAttr):
        names.append(node.name)
        node = node.of
    return (*reversed([*names, node.name]),) if isinstance(node, nodes.Variable) else ()
