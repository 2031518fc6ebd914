"""Terraform's expressions as frozen, serialisable values, free of the parser.

They are what is kept of a module: a process that has no modules evaluates them as well as one that has.
Places are `main.tf:12`, relative to the type's directory.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from karma_core.json_types import JsonValue


class _Node(msgspec.Struct, frozen=True, gc=False, tag=True, array_like=True):
    """Base of all expressions."""


class Literal(_Node, frozen=True):
    """A string, number, bool or null."""

    value: JsonValue


class Number(_Node, frozen=True):
    """A number that is no small whole one, as it was written: its digits are exact."""

    text: str


class Template(_Node, frozen=True):
    """Parts that are joined to one string."""

    parts: tuple[Expression, ...]


class Name(_Node, frozen=True):
    """The first word of a reference: `var`, `local`, `each`, an iterator, a resource's type."""

    name: str


class Attribute(_Node, frozen=True):
    """`of.name`."""

    of: Expression
    name: str


class Index(_Node, frozen=True):
    """`of[key]`. `text` is the key as it was written."""

    of: Expression
    key: Expression
    place: str
    text: str


class Splat(_Node, frozen=True):
    """`of[*]…`; `each` is what follows, of the name `*`."""

    of: Expression
    each: Expression


class Call(_Node, frozen=True):
    """`name(arguments)`; `spread` says that the last argument is followed by `...`."""

    name: str
    arguments: tuple[Expression, ...]
    spread: bool = False
    place: str = ""


class Conditional(_Node, frozen=True):
    """`condition ? yes : no`."""

    condition: Expression
    yes: Expression
    no: Expression


class Object(_Node, frozen=True):
    """`{ key = value }`."""

    items: tuple[tuple[Expression, Expression], ...]


class Tuple(_Node, frozen=True):
    """`[item, …]`."""

    items: tuple[Expression, ...]


class For(_Node, frozen=True):
    """`[for key, value in of : result if condition]`; with `key_result` it makes an object."""

    of: Expression
    key: str
    value: str
    result: Expression
    key_result: Expression | None
    condition: Expression | None
    grouped: bool
    place: str


class Operation(_Node, frozen=True):
    """One or two operands. `operator` is Terraform's; `-` with one operand negates."""

    operator: str
    operands: tuple[Expression, ...]


class Opaque(_Node, frozen=True):
    """Something whose value Karma does not compute; `parts` are the expressions in it."""

    text: str
    parts: tuple[Expression, ...] = ()


Expression: TypeAlias = (
    Literal
    | Number
    | Template
    | Name
    | Attribute
    | Index
    | Splat
    | Call
    | Conditional
    | Object
    | Tuple
    | For
    | Operation
    | Opaque
)

ITEM = "*"
"""The name of the item in a Splat's `each`."""


def parts_of(node: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 - one case a kind of expression
    """The expressions directly inside."""
    match node:
        case Template(parts=parts) | Opaque(parts=parts):
            return parts
        case Attribute(of=of):
            return (of,)
        case Index(of=of, key=key):
            return (of, key)
        case Splat(of=of, each=each):
            return (of, each)
        case Call(arguments=parts) | Tuple(items=parts) | Operation(operands=parts):
            return parts
        case Conditional():
            return (node.condition, node.yes, node.no)
        case Object(items=items):
            return tuple(side for item in items for side in item)
        case For():
            optional = (node.key_result, node.condition)
            return (node.of, node.result, *(one for one in optional if one is not None))
        case _:
            return ()
