"""Backends: where Terraform stores its state."""

from __future__ import annotations

import json
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from karma_adapters.terraform import exact_json
from karma_core import ids, strictjson
from karma_core.decoding import convert
from karma_core.errors import BadInput
from karma_core.json_types import JsonObject, JsonValue
from karma_core.records import StateHeight

OVERRIDE: Final = "~karma_override.tf"
"""Terraform merges override files by name, the last wins: after whatever a module brings along."""


LOCAL_OVERRIDE: Final = 'terraform {\n  backend "local" {}\n}\n'
"""A local backend in place of whichever the module names."""


_LOCKED: Final = ".{}.lock.info"
"""Beside the state of this name while Terraform has it locked (its file-system state manager)."""
_PAUSES: Final = (0.01, 0.04, 0.2)
"""Seconds before a state is read again that is being written. Ours: writing takes a millisecond."""


class _Output(msgspec.Struct):
    value: JsonValue
    sensitive: bool = False


class _State(msgspec.Struct):
    """What Karma reads of a state, to see that it has its form."""

    version: int
    serial: int = 0
    outputs: dict[str, _Output] = {}
    resources: list[JsonObject] = []


class Backend(Protocol):
    """A place for states, passed to Terraform by an override file and by options of `init`."""

    def override(self) -> str:
        """The override file: a backend block, the same for all components."""
        ...

    def options(self, address: str, version: str) -> dict[str, str]:
        """The component's own part of the configuration, no secret. `version`: `terraform 1.11.4`."""
        ...

    def state(self, address: str) -> JsonObject | None:
        """The component's state as JSON (format version 4), or None before its first."""
        ...


class LocalBackend:
    """`<directory>/<type>/<nickname>/terraform.tfstate`, readable by nobody else."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def override(self) -> str:
        """A local backend in place of whichever the module names."""
        return LOCAL_OVERRIDE

    def options(self, address: str, version: str) -> dict[str, str]:  # noqa: ARG002 - as the protocol
        """The path of the state; its directory is made."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if stat.S_IMODE(self._directory.stat().st_mode) & 0o077:
            self._directory.chmod(0o700)
        return {"path": str(self._path(address))}

    def state(self, address: str) -> JsonObject | None:
        """The state file's content; BadInput `state-unreadable` if it is not a state in JSON.

        Terraform empties the file before it writes: as long as it has it locked, half a state is read again.
        """
        path = self._path(address)
        for pause in _PAUSES:
            with suppress(ValueError):
                if state := _read(path):
                    return state
            if not path.with_name(_LOCKED.format(path.name)).exists():
                break
            time.sleep(pause)
        try:
            return _read(path)
        except ValueError as error:
            step = "restore it from terraform.tfstate.backup beside it, then deploy again"
            raise unreadable(address, str(path), error, step) from error

    def _path(self, address: str) -> Path:
        component_type, nickname, _ = ids.Address.parse(address)
        return self._directory.absolute() / component_type / nickname / "terraform.tfstate"


def _read(path: Path) -> JsonObject | None:
    """The state, or None where there is none: no file, or an empty one, which Terraform makes to lock it."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    return decoded(raw) if raw else None


def height_of(state: JsonObject | None) -> StateHeight | None:
    """The height of a state (format version 4): lineage, serial, managed instances, digest."""
    if state is None:
        return None
    managed = (one for one in state.get("resources") or () if one.get("mode") == "managed")
    return StateHeight(
        lineage=str(state.get("lineage", "")),
        serial=int(state.get("serial", 0)),
        resources=sum(len(one.get("instances") or ()) for one in managed),
        digest=_digest(state),
    )


def _digest(state: JsonObject) -> str:
    """Digest of a state's content, whatever its layout; numbers count as they are written."""
    return strictjson.bytes_digest(json.dumps(state, sort_keys=True, default=str).encode())


def decoded(raw: bytes) -> JsonObject:
    """A state's content; ValueError where it is no JSON or has not the form of a state (version 4)."""
    try:
        state = exact_json.decode_state(raw)
        convert(state, _State)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    return state


def unreadable(address: str, place: str, error: Exception, next_step: str) -> BadInput:
    """The component's state is damaged: the component is blocked, others go on."""
    return BadInput(
        f"the state of {address} cannot be read",
        why=f"{place}: {error}",
        next_step=next_step,
        code="state-unreadable",
        component=address,
    )


def key(backend: Backend, address: str, version: str) -> str:
    """Return a key that changes whenever the backend requires a new init."""
    return strictjson.digest([backend.override(), backend.options(address, version)])
