"""The secrets that a process has learnt: its own credentials, and those of each component's inputs."""

from __future__ import annotations

from collections.abc import Iterable
from threading import Lock

from karma_core.masking.masker import Masker, masker_of


class KnownSecrets:
    """Secrets by component. Threads may share it; it only grows, and never leaves the process.

    `own` are the process's credentials and tokens, which are masked for every component.
    """

    def __init__(self, own: Iterable[str] = ()) -> None:
        self._own = frozenset(own)
        self._by_component: dict[str, frozenset[str]] = {}
        self._lock = Lock()

    def learn(self, address: str, secrets: Iterable[str]) -> None:
        """Mask these in what is said of a component from now on."""
        with self._lock:
            self._by_component[address] = self._by_component.get(address, frozenset()) | frozenset(secrets)

    def masker(self, address: str | None = None) -> Masker:
        """The masker of a component's secrets and the process's own; of the latter where none is named."""
        with self._lock:
            learnt = self._by_component.get(address or "", frozenset())
        return masker_of(self._own | learnt)
