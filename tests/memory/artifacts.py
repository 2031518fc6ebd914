"""Artifacts in memory."""

from __future__ import annotations

import threading

from karma_core.artifact_keys import already_other, check_key, listing_prefix


class MemoryArtifacts:
    """ports.ArtifactStore in a dict."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._content: dict[str, bytes] = {}

    def put(self, key: str, content: bytes) -> str:
        """Store and return the key."""
        check_key(key)
        with self._lock:
            if self._content.setdefault(key, bytes(content)) != content:
                raise already_other(key)
        return key

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        check_key(key)
        with self._lock:
            return self._content.get(key)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Keys below prefix, sorted."""
        start = listing_prefix(prefix)
        with self._lock:
            return tuple(sorted(key for key in self._content if key.startswith(start)))
