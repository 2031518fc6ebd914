"""The parameter store in memory, with the semantics of SSM and of the embedded store."""

from __future__ import annotations

import bisect
import secrets
import threading
from collections.abc import Iterator, Sequence

import msgspec

from karma_core.parameters import (
    KEPT_VERSIONS,
    PAGE_SIZE,
    Held,
    page_start,
    path_bounds,
    plan_writes,
    unique,
)
from karma_core.ports import Clock
from karma_core.records import Parameter, ParameterKind, ParameterPage, ParameterWrite


class MemoryParameters:
    """ports.ParameterStore in a dict: name → kept versions, oldest first."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._id = secrets.token_hex(16)
        self._writes = 0
        self._versions: dict[str, tuple[Parameter, ...]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    def revision(self) -> str | None:
        """The object's random id and its count of writes."""
        with self._lock:
            return f"{self._id}:{self._writes}"

    def page(self, prefix: str, *, token: str | None = None, decrypt: bool = False) -> ParameterPage:
        """One page; the token is the page's last name."""
        low, high = path_bounds(prefix)
        start = page_start(token, low, high)
        with self._lock:
            names = self._names_between(start, high)
            parameters = tuple(_shown(self._versions[name][-1], decrypt) for name in names[:PAGE_SIZE])
        return ParameterPage(
            parameters=parameters, token=parameters[-1].name if len(names) > PAGE_SIZE else None
        )

    def read_tree(self, prefix: str) -> Iterator[Parameter]:
        """A copy of the current versions, sorted."""
        low, high = path_bounds(prefix)
        with self._lock:
            newest = [self._versions[name][-1] for name in self._names_between(low, high)]
        return (_shown(parameter, decrypt=False) for parameter in newest)

    def get(self, name: str, *, version: int | None = None, decrypt: bool = False) -> Parameter | None:
        """One version, or None."""
        with self._lock:
            versions = self._versions.get(name, ())
        wanted = versions[-1:] if version is None else [p for p in versions if p.version == version]
        return _shown(wanted[0], decrypt) if wanted else None

    def history(self, name: str) -> tuple[Parameter, ...]:
        """All kept versions, oldest first."""
        with self._lock:
            versions = self._versions.get(name, ())
        return tuple(_shown(parameter, decrypt=False) for parameter in versions)

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        """All writes or none."""
        if not writes:
            return []
        now = self._clock().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        with self._lock:
            planned = plan_writes(writes, self._held(writes), now)
            for step in planned:
                name = step.parameter.name
                self._versions[name] = (*self._versions.get(name, ()), step.parameter)[-KEPT_VERSIONS:]
                self._tags[name] = step.tags
            self._writes += 1
        return [step.parameter.version for step in planned]

    def delete(self, names: Sequence[str]) -> list[str]:
        """Delete with history and tags."""
        with self._lock:
            gone = [name for name in unique(names) if self._versions.pop(name, None)]
            for name in gone:
                del self._tags[name]
            self._writes += bool(gone)
        return gone

    def tags(self, name: str) -> dict[str, str]:
        """Tags of a parameter."""
        with self._lock:
            return dict(self._tags.get(name, {}))

    def _names_between(self, start: str, high: str) -> list[str]:
        names = sorted(self._versions)
        return names[bisect.bisect_right(names, start) : bisect.bisect_left(names, high)]

    def _held(self, writes: Sequence[ParameterWrite]) -> dict[str, Held]:
        known = [name for name in unique(write.name for write in writes) if name in self._versions]
        return {
            name: Held(
                version=self._versions[name][-1].version,
                tier=self._versions[name][-1].tier,
                tags=self._tags[name],
            )
            for name in known
        }


def _shown(parameter: Parameter, decrypt: bool) -> Parameter:
    if parameter.kind is ParameterKind.SECURE and not decrypt:
        return msgspec.structs.replace(parameter, value=None)
    return parameter
