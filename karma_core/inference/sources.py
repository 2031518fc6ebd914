"""Both of Terraform's syntaxes as one form: blocks whose attributes are expressions with their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from karma_core import hcl, strictjson
from karma_core.configuration import JSON
from karma_core.errors import BadInput
from karma_core.inference.expressions import Expression, Literal, Number, Object, Opaque, Tuple
from karma_core.inference.facts import Site
from karma_core.inference.translate import Translator, shown
from karma_core.json_types import JsonMapping, JsonObject, JsonValue

_LABELS: Final = {
    "resource": 2,
    "data": 2,
    "ephemeral": 2,
    "variable": 1,
    "output": 1,
    "module": 1,
    "provider": 1,
    "check": 1,
}
"""How many labels the blocks have that matter here; all others have none."""
_SCOPED: Final = "data"
"""The block that a `check` may hold; its name is one of the whole module's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A block. In JSON syntax nested blocks cannot be told from attributes and are attributes."""

    type: str
    labels: tuple[str, ...]
    place: str
    attributes: Mapping[str, Site]
    blocks: tuple[Source, ...] = field(default=())


def read(text: bytes, path: str, place: str) -> Iterator[Source]:
    """The blocks of a file in order; `place` is the file's name in places. BadInput as `hcl.parse`.

    The data source that a `check` may hold is a block of its own.
    """
    if path.endswith(JSON):
        yield from _from_json(strictjson.parse_object(text, where=path), place)
        return
    document = hcl.parse(text, path)
    translator = Translator(document.text, place)
    for block in document.body.blocks:
        source = _native(block, translator, place)
        scoped = [inner for inner in source.blocks if inner.type == _SCOPED] if source.type == "check" else []
        yield replace(source, blocks=tuple(b for b in source.blocks if b not in scoped)) if scoped else source
        yield from scoped


def values(text: bytes, path: str) -> dict[str, Expression]:
    """The values of variables in a file `terraform.tfvars`, `*.auto.tfvars` or such in JSON."""
    if path.endswith(".json"):
        return {name: _literal(value) for name, value in strictjson.parse_object(text, where=path).items()}
    document = hcl.parse(text, path)
    translator = Translator(document.text, path)
    attributes = document.body.attributes
    return {name: translator.translate(attribute.expression) for name, attribute in attributes.items()}


def _literal(value: JsonValue) -> Expression:
    """A value as it stands: no template in it is expanded."""
    if isinstance(value, dict):
        return Object(tuple((Literal(key), _literal(inner)) for key, inner in value.items()))
    return Tuple(tuple(map(_literal, value))) if isinstance(value, list) else _scalar(value)


def _scalar(value: JsonValue) -> Expression:
    """A text, bool or null as it is; a number whose digits a float would lose as it is written."""
    return Number(str(value)) if isinstance(value, Decimal) else Literal(value)


def _native(block: hcl.Block, translator: Translator, file: str) -> Source:
    return Source(
        type=block.type,
        labels=block.labels,
        place=f"{file}:{block.line}",
        attributes={
            name: Site(
                expression=translator.translate(attribute.expression),
                place=f"{file}:{attribute.line}",
                text=translator.shown(attribute.expression),
            )
            for name, attribute in block.attributes.items()
        },
        blocks=tuple(_native(inner, translator, file) for inner in block.blocks),
    )


def _from_json(top: JsonMapping, file: str) -> Iterator[Source]:
    """The blocks; all stand in line 1, because a parsed document has no lines."""
    place = f"{file}:1"
    for kind, content in top.items():
        for labels, body in _labelled(content, _LABELS.get(kind, 0)):
            scoped = body.get(_SCOPED) if kind == "check" else None
            if scoped is not None:
                body = {name: value for name, value in body.items() if name != _SCOPED}  # noqa: PLW2901 - less
                yield from _from_json({_SCOPED: scoped}, file)
            attributes = {
                name: Site(
                    expression=_of_json(value, file),
                    place=place,
                    text=shown(strictjson.canonical(value).decode()),
                )
                for name, value in body.items()
            }
            yield Source(type=kind, labels=labels, place=place, attributes=attributes)


def _labelled(content: JsonValue, labels: int) -> Iterator[tuple[tuple[str, ...], JsonObject]]:
    """(labels, body) of every block below: objects by label, one level a label; lists hold several."""
    for item in content if isinstance(content, list) else [content]:
        if not isinstance(item, dict):
            continue
        if not labels:
            yield (), item
            continue
        for label, inner in item.items():
            yield from (((label, *rest), body) for rest, body in _labelled(inner, labels - 1))


def _of_json(value: JsonValue, file: str) -> Expression:
    """Strings are templates (Terraform: JSON configuration syntax, expressions)."""
    if isinstance(value, dict):
        return Object(tuple((_of_json(key, file), _of_json(inner, file)) for key, inner in value.items()))
    if isinstance(value, list):
        return Tuple(tuple(_of_json(inner, file) for inner in value))
    if not isinstance(value, str) or ("${" not in value and "%{" not in value):
        return _scalar(value)
    try:
        template = hcl.template(value)
    except BadInput:
        return Opaque(shown(value))
    return Translator(value, file).translate(template)
