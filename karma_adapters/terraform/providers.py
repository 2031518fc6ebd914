"""Check that the required providers can be installed, by an init of an empty module that requires them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from karma_adapters.doctor.check import Check, passed
from karma_adapters.processes.children import Processes
from karma_adapters.terraform.binary import Binary
from karma_adapters.terraform.command_line import FLAG, CommandLine
from karma_core import configuration, hcl
from karma_core.configuration import Engine
from karma_core.errors import BadInput

_NEXT: Final = (
    "let this machine reach the provider's registry, or name a mirror in the file of TF_CLI_CONFIG_FILE"
)
_SHOWN: Final = 300
"""Characters of Terraform's message that are shown. Ours."""

Requirement = tuple[tuple[str, str], ...]
"""The entries of a module's `required_providers`, (name, expression), by name."""


def requirements(components: Path, engine: Engine = Engine.TERRAFORM) -> dict[Requirement, list[str]]:
    """Return required providers → the types that need them, both sorted; unparsable files are left out."""
    by_entries: dict[Requirement, list[str]] = {}
    for folder in sorted(path for path in components.glob("*") if path.is_dir()):
        names = configuration.in_order((file.name for file in folder.iterdir()), engine)
        native = (folder / name for name in names if name.endswith(configuration.NATIVE))
        entries = {entry for file in native for entry in _of_file(file)}
        if entries:
            by_entries.setdefault(tuple(sorted(entries)), []).append(folder.name)
    return dict(sorted(by_entries.items()))


def _of_file(file: Path) -> Iterator[tuple[str, str]]:
    try:
        document = hcl.parse(file.read_bytes(), file.name)
    except (BadInput, OSError):
        return  # building the graph says so, with its place
    for settings in document.body.of_type("terraform"):
        for block in settings.of_type("required_providers"):
            for attribute in block.attributes.values():
                expression = attribute.expression
                yield attribute.name, document.text[expression.start : expression.end]


def check(
    binary: Binary,
    wanted: Requirement,
    processes: Processes,
    environment: Mapping[str, str],
    for_init: Mapping[str, str] = MappingProxyType({}),
) -> Check:
    """One init of an empty module with the requirement."""
    lines = "\n".join(f"    {name} = {expression}" for name, expression in wanted)
    with tempfile.TemporaryDirectory(prefix="karma-providers-") as scratch:
        text = f"terraform {{\n  required_providers {{\n{lines}\n  }}\n}}\n"
        (Path(scratch) / "main.tf").write_text(text, "utf-8")
        terraform = CommandLine(binary, Path(scratch), environment, processes, for_init=for_init)
        ended = terraform.cmd("init", input=False, no_color=FLAG, backend=False)
    names = ", ".join(name for name, _ in wanted)
    if ended.code == 0:
        return passed("providers", names)
    said = " ".join((ended.err or ended.out).translate({ord(c): " " for c in "│╷╵"}).split())
    said = said.partition("Error: ")[2] or said
    return Check(name="providers", status="failed", found=f"{names}: {said[:_SHOWN]}", next_step=_NEXT)
