"""Where Terraform keeps its state."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from karma_core import ids, strictjson
from karma_core.errors import StoreError

OVERRIDE: Final = "zz_karma_override.tf"
"""Terraform merges override files by name, the last wins: after whatever a module brings along."""


LOCAL_OVERRIDE: Final = 'terraform {\n  backend "local" {}\n}\n'
"""A local backend in place of whichever the module names."""


class Backend(Protocol):
    """A place of states. It is given to Terraform by an override file and by options of `init`."""

    def override(self) -> str:
        """The override file: a backend block, the same for all components."""
        ...

    def options(self, address: str) -> dict[str, str]:
        """The component's own part of the configuration, no secret."""
        ...

    def state(self, address: str) -> dict[str, Any] | None:
        """The component's state as JSON (format version 4), or None before its first."""
        ...


class LocalBackend:
    """`<directory>/<type>/<nickname>/terraform.tfstate`, readable by nobody else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def override(self) -> str:
        """A local backend in place of whichever the module names."""
        return LOCAL_OVERRIDE

    def options(self, address: str) -> dict[str, str]:
        """The path of the state; its directory is made."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if stat.S_IMODE(self._directory.stat().st_mode) & 0o077:
            self._directory.chmod(0o700)
        return {"path": str(self._path(address))}

    def state(self, address: str) -> dict[str, Any] | None:
        """The state file's content; StoreError if it is not JSON."""
        try:
            raw = self._path(address).read_bytes()
        except FileNotFoundError:
            return None
        if not raw:
            return None
        try:
            state: dict[str, Any] = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"the state of {address} cannot be read",
                why=f"{self._path(address).name}: {error}",
                next_step="restore it from terraform.tfstate.backup beside it",
            ) from error
        return state

    def _path(self, address: str) -> Path:
        component_type, nickname = ids.split_address(address)
        return self._directory.absolute() / component_type / nickname / "terraform.tfstate"


def key(backend: Backend, address: str) -> str:
    """Changes whenever init would have to be run again for the backend's sake."""
    return strictjson.digest([backend.override(), backend.options(address)])
