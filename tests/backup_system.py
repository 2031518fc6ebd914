"""Backups of systems in memory: taken to a file, restored from one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from karma_adapters.local.backup_file import BackupFile, OpenedBackup
from karma_core.use_cases.backup.manifest import Manifest, Others
from karma_core.use_cases.backup.restoring import Restored, restore
from karma_core.use_cases.backup.taking import take
from karma_core.use_cases.plans.plan import plan
from tests.memory.copies import MemoryModuleCopies, MemoryStates
from tests.memory_system import ALL, System


def others_of(system: System) -> Others:
    """A system's Terraform states and archived modules."""
    states, modules = MemoryStates(system.terraform), MemoryModuleCopies(system.modules)
    return Others(states=states, modules=modules)


def back_up(system: System, path: Path, *, others: Others | None = None, secure: bool = False) -> Manifest:
    """Take a backup of a system to a new file."""
    with closing(BackupFile(path.parent)) as backup:
        taken = take(
            system.workspace, others or others_of(system), backup, to=path.name, secure_strings=secure
        )
        backup.finish(path)
    return taken


def put_back(system: System, path: Path, **options: Any) -> Restored:
    """Restore a file into a system."""
    with closing(OpenedBackup(path)) as backup:
        return restore(system.workspace, others_of(system), backup, source=path.name, **options)


def planned(system: System) -> dict[str, str]:
    """Address → action of a plan of everything."""
    found = plan(system.workspace, ALL)
    return {component.address: str(component.action) for component in found.components}
