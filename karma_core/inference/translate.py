"""Translates the syntax tree to expressions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from karma_core import hcl
from karma_core.hcl import nodes
from karma_core.inference.expressions import (
    ITEM,
    Attribute,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    Literal,
    Name,
    Number,
    Object,
    Operation,
    Splat,
    Template,
    Tuple,
)

MAX_EXACT: Final = 2**53
"""Whole numbers up to it are kept as JSON's; others as they were written."""
SHOWN: Final = 120
"""Characters of an expression that messages quote."""


def shown(text: str) -> str:
    """Source text on one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


class Translator:
    """Translates the expressions of one file. `file` is its name in places."""

    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file

    def place(self, node: hcl.Expression) -> str:
        """Return the place of a node: file and line."""
        return f"{self._file}:{self._text.count(chr(10), 0, node.start) + 1}"

    def shown(self, node: hcl.Expression) -> str:
        """The node's text as messages quote it."""
        return shown(self._text[node.start : node.end])

    def translate(self, node: hcl.Expression) -> Expression:  # noqa: C901, PLR0911, PLR0912 - one case a kind of node
        """The expression of a node."""
        match node:
            case nodes.Number(text=text):
                return _number(text)
            case nodes.Keyword(value=value):
                return Literal(value)
            case nodes.Text(value=text):
                return Literal(text)
            case nodes.Template():
                return self._template(node)
            case nodes.Joined(loop=loop):
                return Call("join", (Literal(""), self.translate(loop)), place=self.place(node))
            case nodes.Variable(name=name):
                return Name(name)
            case nodes.Item():
                return Name(ITEM)
            case nodes.GetAttr(of=of, name=name):
                return Attribute(self.translate(of), name)
            case nodes.Index(of=of, key=key):
                return Index(self.translate(of), self.translate(key), self.place(key), self.shown(key))
            case nodes.Splat(of=of, each=each):
                return Splat(self.translate(of), self.translate(each))
            case nodes.Call(name=name, arguments=arguments, spread=spread):
                given = tuple(map(self.translate, arguments))
                return Call(name.removeprefix("core::"), given, spread, self.place(node))
            case nodes.Conditional(condition=condition, yes=yes, no=no):
                return Conditional(*map(self.translate, (condition, yes, no)))
            case nodes.Object(items=items):
                return Object(tuple((self.translate(key), self.translate(value)) for key, value in items))
            case nodes.Tuple(items=items):
                return Tuple(tuple(map(self.translate, items)))
            case nodes.For():
                return self._for(node)
            case nodes.Operation(operator=operator, operands=operands):
                return Operation(operator, tuple(map(self.translate, operands)))
            case nodes.Parentheses(inner=inner):
                return self.translate(inner)

    def _template(self, node: nodes.Template) -> Expression:
        parts = _joined(map(self.translate, node.parts))
        if not parts:
            return Literal("")
        if len(parts) == 1 and (node.wraps or _is_text(parts[0])):
            return parts[0]  # "${x}" is x itself, not its text
        return Template(parts)

    def _for(self, node: nodes.For) -> Expression:
        key_result, condition = node.key_result, node.condition
        return For(
            of=self.translate(node.of),
            key=node.key,
            value=node.value,
            result=self.translate(node.result),
            key_result=self.translate(key_result) if key_result is not None else None,
            condition=self.translate(condition) if condition is not None else None,
            grouped=node.grouped,
            place=self.place(node),
        )


def _joined(parts: Iterable[Expression]) -> tuple[Expression, ...]:
    """Literal texts that stand beside each other as one."""
    made: list[Expression] = []
    for part in parts:
        last = made[-1] if made else None
        if isinstance(part, Literal) and isinstance(part.value, str) and _is_text(last):
            made[-1] = Literal(f"{last.value}{part.value}")  # type: ignore[union-attr]  # as `_is_text` says
        else:
            made.append(part)
    return tuple(made)


def _is_text(part: Expression | None) -> bool:
    return isinstance(part, Literal) and isinstance(part.value, str)


def _number(text: str) -> Expression:
    return Literal(int(text)) if text.isdigit() and int(text) <= MAX_EXACT else Number(text)
