"""Override files: what they say is merged into the blocks that stand in the other files.

Terraform's documentation, "Override Files": arguments replace arguments of the same name, nested blocks
replace all of their type, `lifecycle` is merged argument by argument, and locals one by one. A dynamic block
counts as one of the type that it makes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from karma_core.inference.sources import Source

_MERGED_ARGUMENTS: Final = "lifecycle"
_NO_LABELS: Final = frozenset({"locals", "terraform", "import", "moved", "removed", "check"})
"""Blocks that are not known by labels: they stand beside those of the other files."""


def merged(blocks: Iterable[Source], overrides: Iterable[Source]) -> list[Source]:
    """The blocks of a module as its override files, in their order, leave them."""
    made = list(blocks)
    for override in overrides:
        at = None if override.type in _NO_LABELS else _place_of(made, override)
        if at is None:
            made.append(override)
        else:
            made[at] = _merged(made[at], override)
    return made


def _place_of(blocks: list[Source], override: Source) -> int | None:
    """Where the block stands that an override changes: the same type, labels, and, of a provider, alias."""
    wanted = _identity(override)
    return next((at for at, block in enumerate(blocks) if _identity(block) == wanted), None)


def _identity(block: Source) -> tuple[str, ...]:
    alias = block.attributes["alias"].text if block.type == "provider" and "alias" in block.attributes else ""
    return (block.type, *block.labels, alias)


def _merged(block: Source, override: Source) -> Source:
    given = {_made(inner) for inner in override.blocks} - {_MERGED_ARGUMENTS}
    kept = [inner for inner in block.blocks if _made(inner) not in given]
    blocks: list[Source] = []
    lifecycles = [inner for inner in override.blocks if inner.type == _MERGED_ARGUMENTS]
    for inner in kept:
        if inner.type == _MERGED_ARGUMENTS and lifecycles:
            inner = _merged(inner, lifecycles.pop())  # noqa: PLW2901 - the block that takes its place
        blocks.append(inner)
    new = [inner for inner in override.blocks if inner.type != _MERGED_ARGUMENTS]
    attributes = {**block.attributes, **override.attributes}
    for one, other in (("count", "for_each"), ("for_each", "count")):
        if one in override.attributes and other not in override.attributes:
            attributes.pop(other, None)
    return replace(block, attributes=attributes, blocks=(*blocks, *new, *lifecycles))


def _made(block: Source) -> str:
    """The type of nested block that a block is, or makes."""
    return block.labels[0] if block.type == "dynamic" and block.labels else block.type
