"""Files that hold secrets in the clear: variables and binary plans. Never served, and they expire."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from karma_core import exact_numbers, ids
from karma_core.decoding import decode
from karma_core.errors import DeployFailed

VARIABLES: Final = "karma.tfvars.json"
PLAN: Final = "plan"
SECRETS: Final = "secrets.json"
KEEP_SECONDS: Final = 7 * 24 * 3600
"""How long a plan can be applied. Ours: a week for an approval; state rarely stands still longer."""


class PrivateFiles:
    """A folder for each plan, `<directory>/<type>/<nickname>/<random>/`, mode 0700, files 0600."""

    def __init__(self, directory: Path, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self._directory = directory.absolute()
        self._keep_seconds = keep_seconds

    def new(self, address: str) -> Path:
        """A new folder; the component's expired ones are removed."""
        component_type, nickname, _ = ids.Address.parse(address)
        parent = self._directory / component_type / nickname
        parent.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(0o700)
        self._expire(parent)
        return Path(tempfile.mkdtemp(dir=parent))

    def root(self) -> Path:
        """The directory itself, for what lives no longer than one call."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self._directory

    def write_variables(self, folder: Path, variables: object) -> Path:
        """The variables as JSON, which Terraform takes literally: no template in a value is expanded."""
        return _write(folder / VARIABLES, variables)

    def write_secrets(self, folder: Path, secrets: Iterable[str]) -> None:
        """Store the secrets that must be masked in Terraform's output when this plan is applied."""
        _write(folder / SECRETS, sorted(set(secrets)))

    def secrets(self, folder: Path) -> list[str]:
        """Return what `write_secrets` stored."""
        return decode((folder / SECRETS).read_bytes(), list[str])

    def name(self, folder: Path) -> str:
        """Return the folder's name as a plan's record stores it."""
        return folder.relative_to(self._directory).as_posix()

    def find(self, name: str) -> Path:
        """The folder of a kept plan; DeployFailed `plan-expired` if it is gone."""
        folder = self._directory / name
        if not folder.resolve().is_relative_to(self._directory.resolve()) or not (folder / PLAN).is_file():
            raise DeployFailed(
                f"the plan {ids.shown(name)} is not kept any more",
                why="plans are removed when they have been applied, and when they are old",
                next_step="plan again",
                code="plan-expired",
            )
        return folder

    def drop(self, folder: Path) -> None:
        """Remove a folder; fine if it is gone."""
        shutil.rmtree(folder, ignore_errors=True)

    def _expire(self, parent: Path) -> None:
        oldest = time.time() - self._keep_seconds
        for entry in os.scandir(parent):
            with suppress(FileNotFoundError):  # its plan has been applied meanwhile
                if entry.stat().st_mtime < oldest:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _write(path: Path, value: object) -> Path:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(exact_numbers.encode(value))
    return path
