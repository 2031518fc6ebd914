"""Translates the parser's nodes to expressions."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Final

from karma_core import hcl
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
    Object,
    Opaque,
    Operation,
    Splat,
    Template,
    Tuple,
)

MAX_EXACT: Final = 2.0**53
"""Larger whole numbers are kept as JSON's: no name is made of one."""
SHOWN: Final = 120
"""Characters of an expression that messages quote."""

_Node = hcl.Expression
_TRAVERSAL: Final = frozenset({"get_attr", "index", "splat"})
_SKIPPED: Final = frozenset({"comment", "(", ")"})
_WRAPPERS: Final = frozenset({"expression", "literal_value", "template_expr", "collection_value", "for_expr"})


def shown(text: bytes) -> str:
    """Source text on one line, shortened."""
    line = " ".join(text.decode("utf-8", "replace").split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


class Translator:
    """Translates the expressions of one file. `file` is its name in places."""

    def __init__(self, text: bytes, file: str) -> None:
        self._text = text
        self._file = file
        self._by_type: dict[str, Callable[[_Node], Expression]] = {
            "numeric_lit": self._number,
            "bool_lit": lambda node: Literal(self._of(node) == b"true"),
            "null_lit": lambda _: Literal(None),
            "string_lit": self._quoted,
            "quoted_template": self._quoted,
            "heredoc_template": self._heredoc,
            "variable_expr": lambda node: Name(self._of(node).decode()),
            "function_call": self._call,
            "conditional": self._conditional,
            "operation": lambda node: self.translate(node.named_children[0]),
            "binary_operation": self._binary,
            "unary_operation": self._unary,
            "tuple": lambda node: Tuple(tuple(map(self.translate, _meaningful(node)))),
            "object": self._object,
            "for_tuple_expr": self._for,
            "for_object_expr": self._for,
        }

    def place(self, node: _Node) -> str:
        """Return the place of a node: file and line."""
        return f"{self._file}:{node.start_point.row + 1}"

    def shown(self, node: _Node) -> str:
        """The node's text as messages quote it."""
        return shown(self._of(node))

    def translate(self, node: _Node) -> Expression:
        """The expression of a node; what has no translation is opaque, with the references inside it."""
        if node.type in _WRAPPERS:
            return self._sequence(_meaningful(node))
        make = self._by_type.get(node.type)
        return make(node) if make is not None else self._opaque(node)

    def _sequence(self, nodes: Sequence[_Node]) -> Expression:
        """A value and what is applied to it: attributes, indexes, splats."""
        expression = self.translate(nodes[0])
        for node in nodes[1:]:
            expression = self._applied(expression, node)
        return expression

    def _applied(self, of: Expression, node: _Node) -> Expression:
        if node.type == "get_attr":
            return Attribute(of, self._of(node.named_children[-1]).decode())
        inner = node.named_children[0] if node.named_children else node
        if node.type == "splat":
            each: Expression = Name(ITEM)
            for step in _meaningful(inner):
                each = self._applied(each, step)
            return Splat(of, each)
        if inner.type == "legacy_index":
            return Index(of, Literal(int(self._of(inner).lstrip(b"."))), self.place(node), self.shown(inner))
        key = _meaningful(inner)[0]
        return Index(of, self.translate(key), self.place(node), self.shown(key))

    def _of(self, node: _Node) -> bytes:
        return self._text[node.start_byte : node.end_byte]

    def _number(self, node: _Node) -> Expression:
        number = float(text := self._of(node))
        if not math.isfinite(number):
            return Opaque(self.shown(node))
        return Literal(int(text) if text.isdigit() and number < MAX_EXACT else number)

    # -- templates ------------------------------------------------------------------------------------

    def template_line(self, node: _Node) -> Expression:
        """A heredoc as the template in it, without the end of its last line; `${x}` alone is x itself."""
        while node.type != "heredoc_template":
            node = node.named_children[0]
        start = self._text.index(b"\n", node.start_byte) + 1
        end = self._text.rindex(b"\n", start - 1, node.end_byte)
        return self._template(node, start, end, hcl.unescaped)

    def _quoted(self, node: _Node) -> Expression:
        inside = (node.start_byte + 1, node.end_byte - 1)
        return self._template(node, *inside, hcl.unescaped)

    def _heredoc(self, node: _Node) -> Expression:
        """Translate a heredoc: the lines between its markers; `<<-` removes their common indentation."""
        start = self._text.index(b"\n", node.start_byte) + 1
        end = self._text.rindex(b"\n", start - 1, node.end_byte) + 1
        template = self._template(node, start, end, lambda text: hcl.unescaped(text, quoted=False))
        if not self._of(node).startswith(b"<<-"):
            return template
        lines = textwrap.dedent(self._text[start:end].decode())
        indent = len(self._text[start:end].decode().split("\n", 1)[0]) - len(lines.split("\n", 1)[0])
        return _outdented(template, indent)

    def _template(self, node: _Node, start: int, end: int, read: Callable[[str], str]) -> Expression:
        """Literal text is what stands between the interpolations: the parser drops its outer blanks."""
        parts: list[Expression] = []
        stripped = False

        def text_until(stop: int, *, strip_end: bool) -> None:
            text = self._text[start:stop].decode()
            text = text.lstrip() if stripped else text
            text = text.rstrip() if strip_end else text
            if text:
                parts.append(Literal(read(text)))

        for child in node.named_children:
            if child.type == "template_directive":
                return self._opaque(node)
            if child.type != "template_interpolation":
                continue
            markers = self._of(child)
            text_until(child.start_byte, strip_end=markers.startswith(b"${~"))
            parts.extend(
                self.translate(inner) for inner in child.named_children if inner.type == "expression"
            )
            start, stripped = child.end_byte, markers.endswith(b"~}")
        text_until(end, strip_end=False)
        if not parts:
            return Literal("")
        if len(parts) == 1:
            return parts[0]  # "${x}" is x itself, not its text; a heredoc has at least its line's end
        return Template(tuple(parts))

    # -- everything else ------------------------------------------------------------------------------

    def _call(self, node: _Node) -> Expression:
        name, *rest = _meaningful(node)
        arguments = _meaningful(rest[0]) if rest else []
        spread = bool(arguments) and arguments[-1].type == "ellipsis"
        given = tuple(self.translate(a) for a in arguments if a.type != "ellipsis")
        return Call(self._of(name).decode(), given, spread, self.place(node))

    def _conditional(self, node: _Node) -> Expression:
        condition, yes, no = map(self.translate, _meaningful(node))
        return Conditional(condition, yes, no)

    def _binary(self, node: _Node) -> Expression:
        """Operands are not wrapped by the parser: everything left of the operator is the first."""
        children = [child for child in node.children if child.type not in _SKIPPED]
        at = next(i for i, child in enumerate(children) if not child.is_named)
        sides = (self._sequence(children[:at]), self._sequence(children[at + 1 :]))
        return Operation(children[at].type, sides)

    def _unary(self, node: _Node) -> Expression:
        operator, *operand = (child for child in node.children if child.type not in _SKIPPED)
        return Operation(operator.type, (self._sequence(operand),))

    def _object(self, node: _Node) -> Expression:
        items = []
        for element in _meaningful(node):
            key, value = _meaningful(element)
            inner = _meaningful(key)
            bare = len(inner) == 1 and inner[0].type == "variable_expr"
            made = Literal(self._of(key).decode()) if bare else self.translate(key)
            items.append((made, self.translate(value)))
        return Object(tuple(items))

    def _for(self, node: _Node) -> Expression:
        intro, *rest = _meaningful(node)
        *names, of = _meaningful(intro)
        value, key = self._of(names[-1]).decode(), self._of(names[0]).decode() if len(names) > 1 else ""
        results = [self.translate(one) for one in rest if one.type == "expression"]
        condition = next((_meaningful(one)[0] for one in rest if one.type == "for_cond"), None)
        return For(
            of=self.translate(of),
            key=key,
            value=value,
            result=results[-1],
            key_result=results[0] if len(results) > 1 else None,
            condition=self.translate(condition) if condition is not None else None,
            grouped=any(one.type == "ellipsis" for one in rest),
            place=self.place(node),
        )

    def _opaque(self, node: _Node) -> Expression:
        parts: list[Expression] = []
        waiting = list(node.named_children)
        while waiting:
            child = waiting.pop()
            if child.type == "expression":
                parts.append(self.translate(child))
            else:
                waiting.extend(child.named_children)
        return Opaque(self.shown(node), tuple(parts))


def _meaningful(node: _Node) -> list[_Node]:
    """Named children without comments and the tokens that only delimit."""
    return [c for c in node.named_children if c.type != "comment" and not c.type.endswith(("_start", "_end"))]


def _outdented(template: Expression, indent: int) -> Expression:
    """The template with the indentation taken off the beginning of each line of its literal parts."""
    parts = template.parts if isinstance(template, Template) else (template,)
    made: list[Expression] = []
    at_start = True
    for part in parts:
        if not isinstance(part, Literal):
            made.append(part)
            at_start = False
            continue
        first, *others = str(part.value).split("\n")
        lines = [first[indent:] if at_start else first, *(line[indent:] for line in others)]
        made.append(Literal("\n".join(lines)))
        at_start = bool(others)
    return made[0] if len(made) == 1 else Template(tuple(made))
