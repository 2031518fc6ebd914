"""Terraform files as blocks, their arguments as texts: for tests of rules over configurations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from karma_core import hcl


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
        document = hcl.parse(path.read_bytes(), path.name)
        yield from (_block(path, document, block) for block in document.body.blocks)


def references(text: str) -> Iterator[tuple[str, str]]:
    """(resource type, attribute) of each `aws_x.name.attribute` and `data.aws_x.name[…].attribute`."""
    for match in re.finditer(r"(data\.)?\b(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)", text):
        yield f"{match[1] or ''}{match[2]}", match[3]


def _block(path: Path, document: hcl.Document, block: hcl.Block) -> Block:
    arguments = {
        name: document.text[attribute.expression.start : attribute.expression.end]
        for name, attribute in block.attributes.items()
    }
    nested = tuple(_block(path, document, one) for one in block.blocks)
    return Block(path, block.type, block.labels, arguments, nested)
