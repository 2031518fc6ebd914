"""Blocks and attributes of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from karma_core.hcl import grammar, nodes, templates
from karma_core.hcl.nodes import Node
from karma_core.hcl.scanner import Scanner, SyntaxFault, Token

MAX_DEPTH: Final = 32
"""Deepest nesting of blocks. Ours: providers' schemas nest fewer than ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`name = expression`. Line and column are the name's, from 1; `start` is the name's offset."""

    name: str
    expression: Node
    line: int
    column: int
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`type "label" … { … }`. `start` and `end` are offsets of the whole, `end` excluded."""

    type: str
    labels: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    line: int = 1
    column: int = 1
    start: int = 0
    end: int = 0

    def of_type(self, block_type: str) -> Iterator[Block]:
        """The blocks of a type directly inside, in order."""
        return (block for block in self.blocks if block.type == block_type)


def body(scanner: Scanner) -> Block:
    """The outermost level of a file, as a block without type: SyntaxFault."""
    attributes, blocks = _Bodies(scanner).content(None, 0)
    return Block(type="", attributes=attributes, blocks=tuple(blocks), end=len(scanner.text))


class _Bodies:
    """Reads bodies; counts lines on the way, because places are asked for in order."""

    def __init__(self, scanner: Scanner) -> None:
        self._scanner = scanner
        self._line = 1
        self._counted = 0

    def _place(self, at: int) -> tuple[int, int]:
        text = self._scanner.text
        self._line += text.count("\n", self._counted, at)
        self._counted = at
        return self._line, at - text.rfind("\n", 0, at)

    def content(self, opening: Token | None, depth: int) -> tuple[dict[str, Attribute], list[Block]]:
        """The attributes and blocks up to the closing brace, or up to the end of the file."""
        scanner = self._scanner
        attributes: dict[str, Attribute] = {}
        blocks: list[Block] = []
        while True:
            token = scanner.read()
            if token.kind == "identifier":
                self._item(token, attributes, blocks, depth)
            elif token.kind == "end" and opening is not None:
                raise SyntaxFault("there is no closing brace for this block", opening.start)
            elif token.kind == "end" or (token.kind == "}" and opening is not None):
                return attributes, blocks
            elif token.kind == '"':
                raise SyntaxFault("the name of an argument must not be quoted", token.start)
            elif token.kind != "newline":
                raise SyntaxFault("an argument or block is expected here", token.start)

    def _item(self, name: Token, attributes: dict[str, Attribute], blocks: list[Block], depth: int) -> None:
        follows = self._scanner.peek()
        if follows.kind == "=":
            self._put(attributes, self._attribute(name))
            self._line_end("an argument must end with a new line")
        elif follows.kind in ('"', "{", "identifier"):
            blocks.append(self._block(name, depth + 1))
            self._line_end("a block must end with a new line")
        else:
            why = "an argument or block is expected here; to set an argument, use the equals sign"
            raise SyntaxFault(why, name.start)

    def _attribute(self, name: Token) -> Attribute:
        self._scanner.read()
        line, column = self._place(name.start)
        return Attribute(
            name=name.text,
            expression=grammar.expression(self._scanner),
            line=line,
            column=column,
            start=name.start,
        )

    def _put(self, attributes: dict[str, Attribute], attribute: Attribute) -> None:
        first = attributes.setdefault(attribute.name, attribute)
        if first is not attribute:
            why = f"the argument {attribute.name} is set already on line {first.line}"
            raise SyntaxFault(why, attribute.start)

    def _line_end(self, why: str) -> None:
        token = self._scanner.peek()
        if token.kind not in ("newline", "end"):
            raise SyntaxFault(why, token.start)

    def _block(self, name: Token, depth: int) -> Block:
        line, column = self._place(name.start)
        if depth > MAX_DEPTH:
            raise SyntaxFault(f"blocks are nested deeper than {MAX_DEPTH} levels", name.start)
        labels = []
        while (token := self._scanner.read()).kind != "{":
            labels.append(self._label(token, name))
        single = self._scanner.peek().kind not in ("newline", "end")
        attributes, blocks = (self._single(), []) if single else self.content(token, depth)
        return Block(
            type=name.text,
            labels=tuple(labels),
            attributes=attributes,
            blocks=tuple(blocks),
            line=line,
            column=column,
            start=name.start,
            end=self._scanner.last_end,
        )

    def _label(self, token: Token, name: Token) -> str:
        if token.kind == "identifier":
            return token.text
        if token.kind != '"':
            at = name.start if token.kind == "end" else token.start
            raise SyntaxFault("a block's labels and then its opening brace are expected here", at)
        label = templates.quoted(self._scanner, token, grammar.expression, grammar.loop_head)
        match label.parts:
            case ():
                return ""
            case (nodes.Text(value=value),):
                return value
            case _:
                raise SyntaxFault("a label may not be a template", token.start)

    def _single(self) -> dict[str, Attribute]:
        """The only argument of a block of one line, or none."""
        scanner = self._scanner
        attributes: dict[str, Attribute] = {}
        name = scanner.read()
        if name.kind == "}":
            return attributes
        if name.kind != "identifier" or scanner.peek().kind != "=":
            raise SyntaxFault("a block of one line holds one argument and nothing else", name.start)
        self._put(attributes, self._attribute(name))
        scanner.expect("}", "a block of one line holds one argument and nothing else")
        return attributes
