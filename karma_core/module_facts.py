"""What Karma knows of a Terraform module from its files: variables, outputs, child modules.

Both of Terraform's syntaxes are read: the native one, and JSON configuration syntax. `configuration` says
which files make a module.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from karma_core import hcl, strictjson
from karma_core.configuration import JSON
from karma_core.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSource:
    """A `source` of a module block; `text` is None where it is not a plain string."""

    text: str | None
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What one file declares. `sensitive`, `ephemeral`: variables marked so."""

    variables: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    ephemeral: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    children: tuple[ChildSource, ...] = ()


def read(text: bytes, name: str) -> FileFacts:
    """The facts of a file; BadInput `module-unreadable` (`invalid-json` for JSON) with its place."""
    return _read_json(text, name) if name.endswith(JSON) else _read_native(text, name)


def _read_native(text: bytes, name: str) -> FileFacts:
    body = hcl.parse(text, name).body
    variables = [b for b in body.of_type("variable") if b.labels]
    return FileFacts(
        variables=tuple(b.labels[0] for b in variables),
        sensitive=_marked(variables, "sensitive"),
        ephemeral=_marked(variables, "ephemeral"),
        outputs=tuple(b.labels[0] for b in body.of_type("output") if b.labels),
        children=tuple(
            ChildSource(
                text=hcl.literal(source.expression), file=name, line=source.line, column=source.column
            )
            for block in body.of_type("module")
            if (source := block.attributes.get("source"))
        ),
    )


def _marked(variables: list[hcl.Block], mark: str) -> tuple[str, ...]:
    """The variables for which an argument is the literal `true`."""
    return tuple(
        block.labels[0]
        for block in variables
        if mark in block.attributes and hcl.is_true(block.attributes[mark].expression)
    )


def _read_json(text: bytes, name: str) -> FileFacts:
    top = strictjson.parse_object(text, where=name)
    variables = list(_named(top.get("variable")))
    return FileFacts(
        variables=tuple(label for label, _ in variables),
        sensitive=tuple(label for label, body in variables if body.get("sensitive") is True),
        ephemeral=tuple(label for label, body in variables if body.get("ephemeral") is True),
        outputs=tuple(label for label, _ in _named(top.get("output"))),
        children=tuple(
            ChildSource(text=_plain(body["source"]), file=name, line=1, column=1)
            for _, body in _named(top.get("module"))
            if "source" in body
        ),
    )


def _named(value: JsonValue) -> Iterator[tuple[str, JsonObject]]:
    """(label, body) of blocks in JSON syntax: an object by label, or a list of such objects."""
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            for label, body in item.items():
                yield from ((label, one) for one in _objects(body))


def _objects(body: JsonValue) -> list[JsonObject]:
    return [one for one in (body if isinstance(body, list) else [body]) if isinstance(one, dict)]


def _plain(value: JsonValue) -> str | None:
    """The string, or None where it is another value or a template."""
    return value if isinstance(value, str) and "${" not in value and "%{" not in value else None
