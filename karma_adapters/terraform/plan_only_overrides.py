"""Override files in a plan-only copy: one block for each data source or resource that the copy replaces.

The copy puts a local in the place of such a block. What override files say of it is merged into it before, by
Terraform's rules ("Override Files"): arguments replace arguments, nested blocks all of their type, and what
`lifecycle` holds is merged argument by argument.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from karma_adapters.terraform.hcl_edits import Edit, applied
from karma_core import configuration, hcl

_MERGED_ARGUMENTS: Final = "lifecycle"
_EITHER: Final = {"count": "for_each", "for_each": "count"}


class _Part(NamedTuple):
    """What one file says of a block."""

    document: hcl.Document
    block: hcl.Block


def merged(documents: Sequence[hcl.Document], types: Collection[str]) -> list[hcl.Document]:
    """The files of a module in the engine's order, where no override file changes a block of the types."""
    parts: dict[tuple[str, ...], list[_Part]] = {}
    for document in documents:
        for block in document.body.blocks:
            if block.type in {"data", "resource"} and block.labels and block.labels[0] in types:
                parts.setdefault((block.type, *block.labels), []).append(_Part(document, block))
    edits: dict[str, list[Edit]] = {}
    for same in parts.values():
        if len(same) > 1 and all(configuration.is_override(one.document.name) for one in same[1:]):
            first, *later = same
            edits.setdefault(first.document.name, []).append(_edit(first, _text(same)))
            for one in later:
                edits.setdefault(one.document.name, []).append(_edit(one, ""))
    return [_edited(document, edits.get(document.name, [])) for document in documents]


def _edit(part: _Part, text: str) -> Edit:
    return Edit(part.block.start, part.block.end, text)


def _edited(document: hcl.Document, edits: Collection[Edit]) -> hcl.Document:
    return hcl.parse(applied(document.text, edits).encode(), document.name) if edits else document


def _text(parts: Sequence[_Part]) -> str:
    """The block that several files make together."""
    arguments: dict[str, str] = {}
    nested: list[_Part] = []
    lifecycles: list[_Part] = []
    for document, block in parts:
        given = {_made(inner) for inner in block.blocks}
        nested = [one for one in nested if _made(one.block) not in given]
        for name, attribute in block.attributes.items():
            arguments.pop(_EITHER.get(name, ""), None)
            arguments[name] = document.text[attribute.start : attribute.expression.end]
        for inner in block.blocks:
            of_kind = lifecycles if inner.type == _MERGED_ARGUMENTS else nested
            of_kind.append(_Part(document, inner))
    lines = [
        *arguments.values(),
        *(one.document.text[one.block.start : one.block.end] for one in nested),
        *([_text(lifecycles)] if lifecycles else []),
    ]
    first = parts[0].block
    header = " ".join([first.type, *(f'"{label}"' for label in first.labels)])
    return "\n".join([f"{header} {{", *lines, "}"])


def _made(block: hcl.Block) -> str:
    """The type of nested block that a block is, or makes."""
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type
