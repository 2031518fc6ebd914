"""A workspace for tests of publishing, with small fakes of the ports that publishing needs little of.

The fakes of StateStore and EventLog keep only what publishing uses; the adapters' own in-memory versions
have the whole contract.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from karma_adapters.git.repository import GitConfigRepository
from karma_core import ports
from karma_core.errors import LeaseHeld
from karma_core.records import Applied, ConfigFile, Document, Event, Lease
from karma_core.workspace import Actor, EnvironmentSettings, Workspace
from tests.memory.artifacts import MemoryArtifacts
from tests.memory.parameters import MemoryParameters
from tests.memory.terraform import MemoryModules

TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def clock() -> datetime:
    """Always the same time."""
    return TIME


class FakeState:
    """Leases, applied records and documents in memory."""

    def __init__(self) -> None:
        self.held: dict[str, Lease] = {}
        self.grants: list[tuple[str, ...]] = []
        self.records: dict[str, Applied] = {}
        self.kept: dict[tuple[str, str], Document] = {}

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        if any(name in self.held for name in names):
            raise LeaseHeld("held", names=list(names))
        lease = Lease(names=tuple(names), holder=holder, token=len(self.grants) + 1, expires_at=seconds)
        self.grants.append(lease.names)
        self.held.update(dict.fromkeys(names, lease))
        return lease

    def release(self, lease: Lease) -> None:
        for name in lease.names:
            self.held.pop(name, None)

    def renew(self, lease: Lease, seconds: float) -> Lease:
        return Lease(names=lease.names, holder=lease.holder, token=lease.token, expires_at=seconds)

    def fence(self) -> int:
        return len(self.grants)

    def secret(self, name: str) -> bytes:
        return name.encode().ljust(32)

    def document(self, kind: str, document_id: str) -> Document | None:
        return self.kept.get((kind, document_id))

    def documents(self, kind: str) -> tuple[Document, ...]:
        return tuple(document for key, document in sorted(self.kept.items()) if key[0] == kind)

    def put_document(self, kind: str, document_id: str, body: dict[str, Any]) -> int:
        self.kept[kind, document_id] = Document(kind=kind, id=document_id, body=body, revision=1)
        return 1

    def all_applied(self) -> dict[str, Applied]:
        return dict(self.records)

    def applied(self, address: str) -> Applied | None:
        return self.records.get(address)


class FakeLog:
    """Events in a list."""

    def __init__(self) -> None:
        self.events_: list[Event] = []

    def append(self, event: Event) -> Event:
        self.events_.append(msgspec.structs.replace(event, seq=len(self.events_) + 1))
        return self.events_[-1]

    @property
    def said(self) -> list[tuple[str, str]]:
        """(action, status) of every event."""
        return [(event.action, event.status) for event in self.events_]


class FakeIndex:
    """A publish index in memory."""

    def __init__(self) -> None:
        self.saved: dict[str, tuple[dict[str, tuple[str, str]], str]] = {}

    def load(self, environment: str) -> dict[str, tuple[str, str]]:
        return dict(self.saved.get(environment, ({}, ""))[0])

    def save(self, environment: str, entries: dict[str, tuple[str, str]], revision: str) -> None:
        self.saved[environment] = (dict(entries), revision)

    def revision(self, environment: str) -> str | None:
        return self.saved[environment][1] if environment in self.saved else None


class CountedRepository(GitConfigRepository):
    """A repository that counts the files it reads."""

    reads = 0

    def read(self, file: ConfigFile) -> bytes:
        self.reads += 1
        return super().read(file)


class CountedParameters(MemoryParameters):
    """A store that counts calls, and can let another writer in before a write."""

    def __init__(self) -> None:
        super().__init__(clock=clock)
        self.reads = 0
        self.puts = 0
        self.before_put: Any = None

    def get(self, name: str, *, version: int | None = None, decrypt: bool = False) -> Any:
        self.reads += 1
        return super().get(name, version=version, decrypt=decrypt)

    def read_tree(self, prefix: str) -> Any:
        self.reads += 1
        return super().read_tree(prefix)

    def put(self, writes: Any) -> list[int]:
        if self.before_put is not None:
            rival, self.before_put = self.before_put, None
            rival()
        self.puts += 1
        return super().put(writes)


def make_workspace(
    root: Path,
    *,
    environment: str = "dev",
    parameters: ports.ParameterStore | None = None,
    repository: ports.ConfigRepository | None = None,
    index: ports.PublishIndex | None = None,
    state: FakeState | None = None,
    log: FakeLog | None = None,
) -> Workspace:
    """A workspace over a project directory; ports that publishing never calls are absent."""
    numbers = itertools.count(1)
    absent = cast("Any", None)
    return Workspace(
        environment=EnvironmentSettings(name=environment),
        parameters=parameters or CountedParameters(),
        graph=absent,
        state=cast("ports.StateStore", state or FakeState()),
        log=cast("ports.EventLog", log or FakeLog()),
        artifacts=MemoryArtifacts(),
        modules=MemoryModules(()),
        terraform=absent,
        reloader=absent,
        repository=repository or CountedRepository(root),
        publish_index=index or FakeIndex(),
        actor=Actor(user="ann@example.org"),
        clock=clock,
        new_id=lambda: f"id-{next(numbers)}",
        say=lambda event, facts: None,
    )


def write_config(root: Path, address: str, text: str | bytes, *, environment: str = "dev") -> Path:
    """Put a config file in place."""
    path = root / "iac" / environment / address / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
