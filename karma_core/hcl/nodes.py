"""The syntax tree of expressions: what was written, with the place of every part.

`start` and `end` are offsets in characters, `end` excluded, so that a part can be replaced where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class _Node:
    """Base of all nodes."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Number(_Node):
    """A number as it was written: `1e9`."""

    text: str


@dataclass(frozen=True, slots=True)
class Keyword(_Node):
    """`true`, `false` or `null`."""

    value: bool | None


@dataclass(frozen=True, slots=True)
class Text(_Node):
    """Literal text of a template, escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Template(_Node):
    """A quoted string, a heredoc, or the text inside a directive.

    `wraps`: it is one interpolation and nothing else, whose value keeps its type.
    """

    parts: tuple[Node, ...]
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Joined(_Node):
    """`%{ for … }…%{ endfor }`: the texts of the loop's items, one after the other."""

    loop: For


@dataclass(frozen=True, slots=True)
class Variable(_Node):
    """The first word of a reference."""

    name: str


@dataclass(frozen=True, slots=True)
class Item(_Node):
    """The item inside a splat's `each`."""


@dataclass(frozen=True, slots=True)
class GetAttr(_Node):
    """`of.name`."""

    of: Node
    name: str


@dataclass(frozen=True, slots=True)
class Index(_Node):
    """`of[key]`, or `of.0`."""

    of: Node
    key: Node


@dataclass(frozen=True, slots=True)
class Splat(_Node):
    """`of[*]…` or `of.*…`; `each` is what follows, applied to an `Item`."""

    of: Node
    each: Node


@dataclass(frozen=True, slots=True)
class Call(_Node):
    """`name(arguments)`; `spread`: the last argument is followed by `...`."""

    name: str
    arguments: tuple[Node, ...]
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Conditional(_Node):
    """`condition ? yes : no`, or the directive `%{ if }`."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Object(_Node):
    """`{ key = value }`. A key that is one word is a Text."""

    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Tuple(_Node):
    """`[item, …]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class For(_Node):
    """`[for key, value in of : result if condition]`; with `key_result` it makes an object."""

    of: Node
    key: str
    value: str
    result: Node
    key_result: Node | None = None
    condition: Node | None = None
    grouped: bool = False


@dataclass(frozen=True, slots=True)
class Operation(_Node):
    """One or two operands."""

    operator: str
    operands: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Parentheses(_Node):
    """`(inner)`."""

    inner: Node


Node: TypeAlias = (
    Number
    | Keyword
    | Text
    | Template
    | Joined
    | Variable
    | Item
    | GetAttr
    | Index
    | Splat
    | Call
    | Conditional
    | Object
    | Tuple
    | For
    | Operation
    | Parentheses
)


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one case a kind of node
    """The nodes directly inside, in the order in which they were written."""
    match node:
        case Template(parts=parts) | Tuple(items=parts) | Operation(operands=parts) | Call(arguments=parts):
            return parts
        case Joined(loop=inner) | GetAttr(of=inner) | Parentheses(inner=inner):
            return (inner,)
        case Index(of=of, key=key):
            return (of, key)
        case Splat(of=of, each=each):
            return (of, each)
        case Conditional():
            return (node.condition, node.yes, node.no)
        case Object(items=items):
            return tuple(side for item in items for side in item)
        case For():
            made = (node.of, node.key_result, node.result, node.condition)
            return tuple(one for one in made if one is not None)
        case _:
            return ()


def walk(root: Node) -> Iterator[Node]:
    """The node and everything in it, outer nodes before inner ones. O(size), without recursion."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))
