"""Cache of the metadata that SSM's listings leave out, tier and description, by version.

A version never changes, so that what was read once need not be read again; the time of its writing is part of
the key, because a parameter that was deleted and put again counts from 1 anew.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_core.decoding import decode
from karma_core.model import Record
from karma_core.records import Tier

FORM: Final = 1


class Version(Record, frozen=True, kw_only=True):
    """Identifies one version of a parameter for good. `modified_at` is ISO 8601 in UTC."""

    name: str
    version: int
    modified_at: str


class Metadata(Record, frozen=True, kw_only=True):
    """Tier and description of one version."""

    tier: Tier
    description: str = ""


class _Stored(msgspec.Struct, array_like=True):
    version: int
    modified_at: str
    tier: Tier
    description: str


class _File(msgspec.Struct):
    form: int
    newest: dict[str, _Stored]


class SeenVersions:
    """Metadata of the newest version seen of each parameter; kept in `path` where one is given.

    The file is a cache: one that is missing or unreadable costs reading the metadata again, no more.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._newest: dict[str, _Stored] | None = None

    def find(self, wanted: Version) -> Metadata | None:
        """Return the cached metadata of a version, or None."""
        with self._lock:
            entry = self._load().get(wanted.name)
        if entry is None or (entry.version, entry.modified_at) != (wanted.version, wanted.modified_at):
            return None
        return Metadata(tier=entry.tier, description=entry.description)

    def learn(self, learnt: Mapping[Version, Metadata]) -> None:
        """Remember versions, and keep the file where anything is new."""
        if not learnt:
            return
        with self._lock:
            newest = self._load()
            for version, metadata in learnt.items():
                newest[version.name] = _Stored(
                    version.version, version.modified_at, metadata.tier, metadata.description
                )
            if self._path is not None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(self._path, msgspec.json.encode(_File(FORM, newest)))

    def _load(self) -> dict[str, _Stored]:
        if self._newest is None:
            self._newest = self._read()
        return self._newest

    def _read(self) -> dict[str, _Stored]:
        try:
            file = decode(self._path.read_bytes(), _File) if self._path else None
        except (FileNotFoundError, msgspec.MsgspecError):
            return {}
        return file.newest if file is not None and file.form == FORM else {}
