"""A first component.yaml and an example config for a module that has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import yaml

from karma_adapters.terraform.binary import engine
from karma_adapters.wiring.settings import Settings
from karma_core import configuration, hcl, ids
from karma_core.errors import Refused, UsageError
from karma_core.module_schema import example_of, schema_of

DEFINITION: Final = "component.yaml"
EXAMPLE: Final = "example"
"""The nickname of the example."""


def describe_module(settings: Settings, folder: Path, environment: str | None) -> list[str]:
    """Write both files for the module in this folder; their paths from the project's root, sorted.

    UsageError `not-a-module` where the folder is none of the project's; Refused `project-exists` rather than
    touch a file that exists; BadInput `module-unreadable` with its place.
    """
    if folder.parent != settings.components_dir.resolve():
        raise UsageError(
            f"{folder} is not one of this project's modules",
            why=f"modules are the folders directly below {settings.project.components_dir}/",
            next_step="move it there, or set project.components_dir in karma.toml",
            code="not-a-module",
        )
    component_type = ids.check_type(folder.name)
    name = settings.choose_environment(environment).name
    documents = _documents(settings, name, folder)
    schema = schema_of(documents)
    example = settings.config_dir / name / component_type / EXAMPLE / "config.json"
    text = yaml.safe_dump({"schema": schema}, sort_keys=False, allow_unicode=True, width=100)
    files = {folder / DEFINITION: text, example: json.dumps(example_of(schema), indent=2) + "\n"}
    present = [path.relative_to(settings.root).as_posix() for path in files if path.exists()]
    if present:
        raise Refused(
            f"{component_type} is described already",
            why=f"{', '.join(present)} exist",
            next_step="edit those files, or remove them first",
            code="project-exists",
        )
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return sorted(path.relative_to(settings.root.resolve()).as_posix() for path in files)


def _documents(settings: Settings, environment: str, folder: Path) -> list[hcl.Document]:
    program = next((choice.binary for _, choice in settings.engines(environment) if choice.binary), "")
    names = configuration.in_order(
        (file.name for file in folder.iterdir()) if folder.is_dir() else (), engine(program)
    )
    native = [name for name in names if name.endswith(configuration.NATIVE)]
    if not native:
        raise UsageError(
            f"{folder} holds no module",
            why="there is no Terraform file in native syntax in it",
            next_step="name the folder of a module",
            code="not-a-module",
        )
    return [hcl.parse((folder / name).read_bytes(), f"{folder.name}/{name}") for name in native]
