"""Check that what modules need can be fetched, by an init of a copy of one of them, without its backend."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from karma_adapters.doctor.check import Check, passed
from karma_adapters.modules.archive import copied_root
from karma_adapters.processes.children import Processes
from karma_adapters.terraform.binary import Binary
from karma_adapters.terraform.command_line import FLAG, CommandLine
from karma_adapters.terraform.requirements import Requirement

_NEXT: Final = (
    "let this machine reach the provider's registry, or name a mirror in the file of TF_CLI_CONFIG_FILE; "
    "what Git and registries ask for is given to init (docs/settings.md)"
)
_SHOWN: Final = 300
"""Characters of Terraform's message that are shown. Ours."""


def check(
    binary: Binary,
    wanted: Requirement,
    archived: Path,
    processes: Processes,
    environment: Mapping[str, str],
    for_init: Mapping[str, str] = MappingProxyType({}),
) -> Check:
    """One init of a module that is archived at this path and needs this."""
    root = copied_root(archived)
    with tempfile.TemporaryDirectory(prefix="karma-providers-") as scratch:
        tree = Path(scratch) / root.name
        shutil.copytree(root, tree, symlinks=True)
        folder = tree / archived.relative_to(root)
        terraform = CommandLine(binary, folder, environment, processes, for_init=for_init)
        ended = terraform.cmd("init", input=False, no_color=FLAG, backend=False)
    names = ", ".join(one.partition(" = ")[0] for one in wanted)
    if ended.code == 0:
        return passed("providers", names)
    said = " ".join((ended.err or ended.out).translate({ord(c): " " for c in "│╷╵"}).split())
    said = said.partition("Error: ")[2] or said
    return Check(name="providers", status="failed", found=f"{names}: {said[:_SHOWN]}", next_step=_NEXT)
