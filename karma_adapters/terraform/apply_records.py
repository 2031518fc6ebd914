"""What is kept of an apply while it runs, so that whoever comes after a death knows how far it came.

A folder for each apply: its output, its exit code, and what the state was before. It holds secrets, is
readable by nobody else, and is removed once it is known that everything that was made is in the state.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_adapters.processes.output import CODE, OUT, is_busy
from karma_adapters.terraform.apply_events import ResourceKey, begun_creations, planned_creations
from karma_core import ids
from karma_core.decoding import decode
from karma_core.errors import BadInput
from karma_core.json_types import JsonMapping
from karma_core.model import Record

_STARTER: Final = "starter"
"""Locked by the Karma that waits for the apply."""
_BEFORE: Final = "before.json"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_MARKS: Final = 2
"""`@` in a folder's name; no type and no nickname has one."""
POLL_SECONDS: Final = 0.2

State = JsonMapping | None
"""A Terraform state as JSON (format version 4)."""


class Before(Record, frozen=True, kw_only=True):
    """What was there when the apply began: the boot of the machine, and digests of the state's resources."""

    boot: str
    instances: dict[str, str]


class ApplyRecords:
    """`<directory>/<type>@<nickname>@<random>/`, one for each apply that is not known to be settled.

    `state` reads a component's Terraform state.
    """

    def __init__(self, directory: Path, state: Callable[[str], State]) -> None:
        self._directory = directory.absolute()
        self._state = state

    @contextmanager
    def recorded(self, address: str) -> Iterator[Path]:
        """A folder for one apply. It is removed at the end, unless something may have been made unseen."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        for settled in self._folders(address):
            if not is_busy(settled / OUT):
                shutil.rmtree(settled, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=_prefix(address), dir=self._directory))
        _write(folder / _BEFORE, Before(boot=_boot(), instances=_digests(self._state(address))))
        descriptor = _locked(folder / _STARTER)
        try:
            yield folder
        finally:
            os.close(descriptor)
            if not is_busy(folder / OUT) and not self._unseen(address, folder):
                shutil.rmtree(folder, ignore_errors=True)

    def place(self) -> str:
        """An id of this folder on this machine, made once at random."""
        path = self._directory.with_name(f"{self._directory.name}-id")
        with suppress(FileNotFoundError):
            if known := path.read_text("ascii").strip():
                return known
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, secrets.token_hex(8).encode())
        return path.read_text("ascii")

    def digests(self, address: str, names: Iterable[str]) -> dict[str, str]:
        """Resource's address → digest of it in the state; empty where the state has none of it."""
        there = self._there(address)
        named = {_named(ResourceKey(*msgspec.json.decode(key))): digest for key, digest in there.items()}
        return {name: named.get(name, "") for name in names}

    def running(self, address: str) -> bool:
        """Whether an apply of the component still runs although the Karma that began it has gone."""
        return any(_is_left(folder) and is_busy(folder / OUT) for folder in self._folders(address))

    def wait(self, address: str, seconds: float, say: Callable[[int], None]) -> bool:
        """Wait for the end of such an apply; False where it still runs after that time."""
        begun = time.monotonic()
        said = -1
        while self.running(address):
            waited = int(time.monotonic() - begun)
            if waited > seconds:
                return False
            if waited // 5 > said:
                said = waited // 5
                say(waited)
            time.sleep(POLL_SECONDS)
        return True

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Resources that an apply began to create, whose end nobody has seen, and that the state lacks."""
        unseen = {
            name
            for folder in self._folders(address)
            if _is_left(folder) and not is_busy(folder / OUT)
            for name in self._unseen(address, folder)
        }
        return tuple(sorted(unseen))

    def drop_settled(self, address: str) -> None:
        """Remove what is left of applies whose Karma has gone and that have made nothing unseen."""
        for folder in self._folders(address):
            if _is_left(folder) and not is_busy(folder / OUT) and not self._unseen(address, folder):
                shutil.rmtree(folder, ignore_errors=True)

    def every_address(self) -> list[str]:
        """Components of which an apply is recorded, sorted."""
        if not self._directory.is_dir():
            return []
        names = (entry.name for entry in os.scandir(self._directory))
        return sorted({"/".join(name.split("@")[:2]) for name in names if name.count("@") == _MARKS})

    def forget(self, address: str) -> None:
        """Remove what is recorded of applies that have ended: the state is as it should be."""
        for folder in self._folders(address):
            if not is_busy(folder / OUT):
                shutil.rmtree(folder, ignore_errors=True)

    def _folders(self, address: str) -> list[Path]:
        prefix = _prefix(address)
        try:
            return [
                Path(entry.path) for entry in os.scandir(self._directory) if entry.name.startswith(prefix)
            ]
        except FileNotFoundError:
            return []

    def _unseen(self, address: str, folder: Path) -> list[str]:
        """Addresses of the resources that may have been created unseen by this apply.

        Where the machine itself stopped, the end of the output may be lost: then everything that the apply
        set out to create counts.
        """
        before = _read_before(folder / _BEFORE)
        try:
            with (folder / OUT).open("rb") as lines:
                same_boot = before.boot == _boot() or (folder / CODE).exists()
                begun = begun_creations(lines) if same_boot else planned_creations(lines)
        except FileNotFoundError:  # it was not started, or another process has settled it
            return []
        if not begun:
            return []
        now = self._there(address)
        return [
            name
            for key, name in begun.items()
            if now.get(_text(key)) in {None, before.instances.get(_text(key))}
        ]

    def _there(self, address: str) -> dict[str, str]:
        """The state's resources of now; none where it is damaged: nobody knows what it had."""
        try:
            return _digests(self._state(address))
        except BadInput:
            return {}


def _is_left(folder: Path) -> bool:
    """Whether the Karma that began the apply has gone."""
    return (folder / _STARTER).exists() and not is_busy(folder / _STARTER)


def _locked(path: Path) -> int:
    """Open a new file that is there only once we have its lock."""
    scratch = path.with_suffix(".new")
    descriptor = os.open(scratch, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    scratch.rename(path)
    return descriptor


def _digests(state: State) -> dict[str, str]:
    """Resource instances of a state → a digest of what they are; a replaced one has another."""
    return {
        _text(
            ResourceKey(
                resource.get("module", ""), resource["type"], resource["name"], instance.get("index_key")
            )
        ): hashlib.sha256(repr(instance.get("attributes")).encode()).hexdigest()
        for resource in (state or {}).get("resources", ())
        if resource.get("mode") == "managed"
        for instance in resource.get("instances", ())
        if not instance.get("deposed")
    }


def _text(key: ResourceKey) -> str:
    return msgspec.json.encode(list(key)).decode()


def _named(key: ResourceKey) -> str:
    """The address that Terraform writes for a resource instance."""
    module = f"{key.module}." if key.module else ""
    index = "" if key.key is None else f"[{key.key}]" if isinstance(key.key, int) else f"[{_quoted(key.key)}]"
    return f"{module}{key.type}.{key.name}{index}"


def _quoted(text: str) -> str:
    """A text as Terraform quotes it in an address: as in HCL, where templates are escaped, too."""
    return msgspec.json.encode(text).decode().replace("${", "$${").replace("%{", "%%{")


def _prefix(address: str) -> str:
    component_type, nickname, _ = ids.Address.parse(address)
    return f"{component_type}@{nickname}@"


def _boot() -> str:
    """What identifies the time since the machine's start; empty where the system does not say."""
    try:
        return _BOOT.read_text("ascii").strip()
    except OSError:
        return ""


def _read_before(path: Path) -> Before:
    try:
        return decode(path.read_bytes(), Before)
    except (FileNotFoundError, msgspec.MsgspecError):  # the machine stopped before it was written
        return Before(boot="", instances={})


def _write(path: Path, before: Before) -> None:
    """Durably: it is read after the machine has stopped."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(msgspec.json.encode(before))
        stream.flush()
        os.fsync(descriptor)
