"""Edits of Terraform files at the token: what is replaced is found in the parser's tree, not by a pattern."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from karma_core import hcl

NOT_VALUES: Final = frozenset(
    {"depends_on", "replace_triggered_by", "ignore_changes", "providers", "provider"}
)
"""Arguments that hold names of things, not expressions of values: Terraform takes no local there."""


class Edit(NamedTuple):
    """Bytes from `start` to before `end` become `text`."""

    start: int
    end: int
    text: str


def applied(source: bytes, edits: Iterable[Edit], *, start: int = 0, end: int | None = None) -> bytes:
    """The part of a source between two bytes, with those edits that lie in it. Edits do not overlap."""
    end = len(source) if end is None else end
    done, at = [], start
    for edit in sorted(edits):
        if at <= edit.start and edit.end <= end:
            done += [source[at : edit.start], edit.text.encode()]
            at = edit.end
    return b"".join([*done, source[at:end]])


def values(block: hcl.Block) -> Iterator[hcl.Expression]:
    """The expressions of values in a block and the blocks in it, those that name things left out."""
    waiting = [block]
    while waiting:
        inner = waiting.pop()
        yield from (a.expression for name, a in inner.attributes.items() if name not in NOT_VALUES)
        waiting += inner.blocks


def path_of(node: hcl.Expression) -> tuple[str, ...]:
    """The names at the start of a traversal (`a.b.c[0].d` gives a, b, c); empty for what is none."""
    names: list[str] = []
    for child in node.children:
        if child.type == ("get_attr" if names else "variable_expr"):
            names.append(text_of(child).lstrip(". \t\r\n"))
        else:
            break
    return tuple(names)


class Traversal(NamedTuple):
    """The start of a reference (`a.b.c[0].d`): the names a, b, c, and the node of each."""

    names: tuple[str, ...]
    nodes: tuple[hcl.Expression, ...]


def traversals(node: hcl.Expression) -> Iterator[Traversal]:
    """The references that begin right below a node: the operands of an operation are several."""
    children = node.children
    for at, child in enumerate(children):
        if child.type == "variable_expr":
            nodes = [child]
            for following in children[at + 1 :]:
                if following.type != "get_attr":
                    break
                nodes.append(following)
            yield Traversal(tuple(text_of(one).lstrip(". \t\r\n") for one in nodes), tuple(nodes))


def text_of(node: hcl.Expression) -> str:
    """Return the source text of a node."""
    return (node.text or b"").decode()
