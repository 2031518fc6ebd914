"""Terraform files as blocks, their arguments as texts: for tests of rules over configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import tree_sitter_hcl
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_hcl.language()))


@dataclass(frozen=True)
class Block:
    """A block: `resource "aws_sqs_queue" "orders" { … }` has kind `resource` and two labels."""

    file: Path
    kind: str
    labels: tuple[str, ...]
    arguments: dict[str, str] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()

    @property
    def name(self) -> str:
        """As a reader looks for it."""
        return f"{self.file.parent.name}/{'.'.join(self.labels)}"

    def inner(self, kind: str) -> tuple[Block, ...]:
        """Nested blocks of a kind, those that are made by `dynamic` included."""
        return tuple(one for one in self.written() if one.kind == kind)

    def written(self) -> Iterator[Block]:
        """Nested blocks as Terraform sees them: what a `dynamic` makes stands in its place."""
        for one in self.blocks:
            if one.kind == "dynamic":
                content = next(inner for inner in one.blocks if inner.kind == "content")
                yield Block(one.file, one.labels[0], (), content.arguments, content.blocks)
            else:
                yield one

    def texts(self) -> Iterator[str]:
        """Every expression in it."""
        yield from self.arguments.values()
        for one in self.blocks:
            yield from one.texts()


def blocks_of(folder: Path) -> Iterator[Block]:
    """The blocks of all files below a folder."""
    for path in sorted(folder.rglob("*.tf")):
        root = _PARSER.parse(path.read_bytes()).root_node
        assert not root.has_error, path
        for body in root.named_children:
            yield from (_block(path, node) for node in body.named_children if node.type == "block")


def references(text: str) -> Iterator[tuple[str, str]]:
    """(resource type, attribute) of each `aws_x.name.attribute` and `data.aws_x.name[…].attribute`."""
    for match in re.finditer(r"(data\.)?\b(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)", text):
        yield f"{match[1] or ''}{match[2]}", match[3]


def _block(path: Path, node: Node) -> Block:
    kind, *labels = [_text(one) for one in node.named_children if one.type in {"identifier", "string_lit"}]
    body = next((one for one in node.named_children if one.type == "body"), None)
    children = body.named_children if body is not None else []
    arguments = {
        _text(one.named_children[0]): _text(one.named_children[1])
        for one in children
        if one.type == "attribute"
    }
    nested = tuple(_block(path, one) for one in children if one.type == "block")
    return Block(path, kind, tuple(label.strip('"') for label in labels), arguments, nested)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
