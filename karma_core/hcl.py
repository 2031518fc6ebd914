"""Terraform's language, read as blocks and attributes.

tree-sitter-hcl parses; this module keeps of its tree what Karma uses: blocks, attributes and, for each
attribute, the node of its expression. An expression stays the parser's own node, so that whoever needs more
(references, templates, calls) walks it, and so that a token can be replaced by its byte span.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import tree_sitter
import tree_sitter_hcl

from karma_core.errors import BadInput

MAX_DEPTH: Final = 32
"""Deepest nesting of blocks. Ours: providers' schemas nest fewer than ten."""

_LANGUAGE: Final = tree_sitter.Language(tree_sitter_hcl.language())
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|(\$|%)\4\{", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}

Expression = tree_sitter.Node
"""The parser's node of an expression: `type`, `children`, `start_byte`, `end_byte`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """`name = expression`. Line and column are the name's, from 1; columns count characters."""

    name: str
    expression: Expression
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """`type "label" … { … }`. Of an attribute that stands twice (Terraform refuses it) the first counts.

    `start` and `end` are the bytes of the whole block in the file's text.
    """

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file. `body` is its outermost level, as a block without type; `text` what the spans count in."""

    name: str
    text: bytes
    body: Block


def parse(text: bytes, name: str) -> Document:
    """The file's blocks; BadInput `module-unreadable` with file, line and column where it is not HCL.

    Cost: about 0.1 ms a kilobyte, measured. The parser is tolerant: not all that it takes is valid Terraform.
    """
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = text.count(b"\n", 0, bad.start) + 1
        column = bad.start - text.rfind(b"\n", 0, bad.start)
        raise unreadable(name, "it is not UTF-8", line, column) from bad
    root = tree_sitter.Parser(_LANGUAGE).parse(text).root_node
    if root.has_error:
        culprit = _first_fault(root)
        line, column = _place(culprit, text)
        near = text[culprit.start_byte : culprit.end_byte].decode("utf-8", "replace").split("\n")[0][:40]
        why = f"unexpected {near!r}" if near else "something is missing here"
        raise unreadable(name, why, line, column)
    return Document(name=name, text=text, body=_body(root, "", (), text, name, depth=0))


def literal(expression: Expression) -> str | None:
    """The value of a quoted string without interpolation, escapes resolved; None for all else."""
    node = _unwrapped(expression)
    return _string(node) if node.type == "string_lit" else None


def unescaped(text: str, *, quoted: bool = True) -> str:
    r"""Resolve `$${` and `%%{` and, in quoted text, `\n`, `\uNNNN` and their like (HCL: templates)."""

    def value(match: re.Match[str]) -> str:
        short, wide, character, marker = match.groups()
        if marker:
            return f"{marker}{{"
        if not quoted:
            return match.group()
        if character:
            return _ESCAPED.get(character, character)
        point = int(short or wide, 16)
        return chr(point) if point <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"  # noqa: PLR2004 - Unicode's last

    return _ESCAPE.sub(value, text)


def is_true(expression: Expression) -> bool:
    """Whether the expression is the literal `true`."""
    node = _unwrapped(expression)
    return node.type == "bool_lit" and _text(node) == "true"


def unreadable(name: str, why: str, line: int, column: int) -> BadInput:
    """Return the error for a module file that cannot be read."""
    return BadInput(
        f"{name}:{line}:{column} cannot be read as Terraform",
        why=why,
        next_step="correct the file; `terraform validate` in its directory says more",
        code="module-unreadable",
        file=name,
        line=line,
        column=column,
    )


def _body(
    node: tree_sitter.Node, block_type: str, labels: tuple[str, ...], text: bytes, name: str, *, depth: int
) -> Block:
    line, column = _place(node, text)
    if depth > MAX_DEPTH:
        raise unreadable(name, f"blocks are nested deeper than {MAX_DEPTH} levels", line, column)
    attributes: dict[str, Attribute] = {}
    blocks: list[Block] = []
    for child in _items(node):
        if child.type == "attribute":
            attribute = _attribute(child, text)
            attributes.setdefault(attribute.name, attribute)
        elif child.type == "block":
            head = [n for n in child.named_children if n.type in {"identifier", "string_lit"}]
            kind, *rest = (_string(n) if n.type == "string_lit" else _text(n) for n in head)
            blocks.append(_body(child, kind, tuple(rest), text, name, depth=depth + 1))
    return Block(
        type=block_type,
        labels=labels,
        attributes=attributes,
        blocks=tuple(blocks),
        line=line,
        column=column,
        start=node.start_byte,
        end=node.end_byte,
    )


def _items(node: tree_sitter.Node) -> list[tree_sitter.Node]:
    """Attributes and blocks in the node's body; an empty file or block has none."""
    return [item for body in node.named_children if body.type == "body" for item in body.named_children]


def _attribute(node: tree_sitter.Node, text: bytes) -> Attribute:
    line, column = _place(node, text)
    expression = next(child for child in node.named_children if child.type == "expression")
    return Attribute(name=_text(node.named_children[0]), expression=expression, line=line, column=column)


def _unwrapped(node: tree_sitter.Node) -> tree_sitter.Node:
    """The node inside wrappers of one child: parentheses, `expression`, `literal_value`, `template_expr`."""
    while node.type in {"expression", "literal_value", "template_expr"} and node.named_child_count == 1:
        node = node.named_children[0]
    return node


def _string(node: tree_sitter.Node) -> str:
    return unescaped(_text(node)[1:-1])  # the parser's own literal node lacks the outer blanks


def _text(node: tree_sitter.Node) -> str:
    return (node.text or b"").decode("utf-8")


def _first_fault(node: tree_sitter.Node) -> tree_sitter.Node:
    """The token at which parsing stuck: a missing one, or the last that an ERROR node took in."""
    while not (node.is_error or node.is_missing):
        node = next(child for child in node.children if child.has_error or child.is_missing)
    while node.children:
        node = node.children[-1]
    return node


def _place(node: tree_sitter.Node, text: bytes) -> tuple[int, int]:
    """(line, column) of a node's start, both from 1; the parser counts columns in bytes, people do not."""
    start = node.start_point
    before = text[node.start_byte - start.column : node.start_byte]
    return start.row + 1, len(before.decode("utf-8", "replace")) + 1
