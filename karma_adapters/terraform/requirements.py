"""What has to be fetched for a module: providers, named or implied, and child modules that lie elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

from karma_core import configuration, hcl, strictjson
from karma_core.configuration import Engine
from karma_core.errors import KarmaError
from karma_core.hcl import nodes
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.ports import Modules

Requirement = tuple[str, ...]
"""What a module has fetched, sorted: `aws`, `aws = {…}`, `source git::…`. Equal ones need one look."""
_OF_PROVIDERS: Final = ("resource", "data", "ephemeral")
_BUILT_IN: Final = "terraform"
_LOCAL: Final = ("./", "../")


def requirements(
    modules: Modules, engine_of: Callable[[str], Engine] = lambda _type: Engine.TERRAFORM
) -> dict[Requirement, list[str]]:
    """What is required → the types that require it, both sorted; types that need nothing are left out.

    A module that cannot be read is left out: building the graph says so, with its place.
    """
    by_requirement: dict[Requirement, list[str]] = {}
    for component_type in modules.types():
        try:
            module = modules.module(component_type)
            wanted = (
                _of_tree(Path(module.path).parent, modules.parts(component_type), engine_of(component_type))
                if module
                else ()
            )
        except (KarmaError, OSError):
            continue
        if wanted:
            by_requirement.setdefault(wanted, []).append(component_type)
    return dict(sorted(by_requirement.items()))


def _of_tree(root: Path, parts: Iterable[str], engine: Engine) -> Requirement:
    folders = {path for part in parts for path in (root / part).rglob("*") if path.is_dir()}
    folders |= {root / part for part in parts if (root / part).is_dir()}
    files = (
        folder / name
        for folder in sorted(folders)
        for name in configuration.in_order((file.name for file in folder.iterdir()), engine)
    )
    every = {one for file in files for one in _of_file(file)}
    named = {one.partition(" = ")[0] for one in every if " = " in one}
    return tuple(sorted(every - named - {_BUILT_IN}))


def _of_file(file: Path) -> Iterator[str]:
    content = file.read_bytes()
    if file.name.endswith(configuration.JSON):
        yield from _of_json(strictjson.parse_object(content, where=file.name))
    else:
        yield from _of_native(hcl.parse(content, file.name))


def _of_native(document: hcl.Document) -> Iterator[str]:
    for settings in document.body.of_type("terraform"):
        for block in settings.of_type("required_providers"):
            for name, attribute in block.attributes.items():
                expression = attribute.expression
                yield f"{name} = {document.text[expression.start : expression.end]}"
    for block in document.body.blocks:
        if block.type in _OF_PROVIDERS and block.labels:
            chosen = block.attributes.get("provider")
            yield _root_of(chosen.expression) if chosen else _implied(block.labels[0])
        elif block.type == "provider" and block.labels:
            yield block.labels[0]
        elif block.type == "module" and "source" in block.attributes:
            version = block.attributes.get("version")
            yield from _source(
                hcl.literal(block.attributes["source"].expression),
                hcl.literal(version.expression) if version else None,
            )


def _of_json(top: JsonMapping) -> Iterator[str]:
    for settings in _objects(top.get("terraform")):
        for block in _objects(settings.get("required_providers")):
            yield from (f"{name} = {strictjson.canonical(value).decode()}" for name, value in block.items())
    for kind in _OF_PROVIDERS:
        for block in _objects(top.get(kind)):
            yield from map(_implied, block)
    for block in _objects(top.get("provider")):
        yield from block
    for block in _objects(top.get("module")):
        for body in (one for named in block.values() for one in _objects(named)):
            yield from _source(body.get("source"), body.get("version"))


def _objects(value: JsonValue) -> list[JsonMapping]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _source(source: JsonValue, version: JsonValue) -> Iterator[str]:
    if isinstance(source, str) and not source.startswith(_LOCAL):
        yield f"source {source}" + (f" {version}" if isinstance(version, str) else "")


def _implied(resource_type: str) -> str:
    """The provider by a resource's type, as Terraform takes it where nothing else is said."""
    return resource_type.partition("_")[0]


def _root_of(node: hcl.Expression) -> str:
    """The local name of a provider in `aws.west`."""
    while isinstance(node, nodes.GetAttr):
        node = node.of
    return node.name if isinstance(node, nodes.Variable) else _BUILT_IN
