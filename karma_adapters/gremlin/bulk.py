"""The port to a loader of many vertices and edges at once, outside of any transaction: Neptune's, from S3."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from karma_core.deadlines import Deadline
from karma_core.errors import StoreError

STAGE: Final = "load:"
"""Begins `Lock.staging` while a first graph is loaded: elements may be there that no build has."""


class LoadFailed(StoreError):
    """A load ended without everything loaded, or was refused. What it had loaded by then is there."""

    code = "graph-load-failed"


class BulkLoader(Protocol):
    """Loads files of `bulk_csv`. An element that is there already is an error of its load."""

    @property
    def vertices(self) -> int:
        """A first graph with more components than these is loaded."""
        ...

    def put(self, stage: str, step: str, files: Iterable[bytes]) -> int:
        """Put files where the loader reads them, and return how many; `step` names them within the stage.

        LoadFailed where they cannot be put.
        """
        ...

    def load(self, stage: str, step: str, until: Deadline) -> None:
        """Load the files of a step, and return once all is there.

        LoadFailed or StoreUnavailable where not; nothing is being loaded any more then, as far as the loader
        still answers.
        """
        ...

    def abandon(self, stage: str, until: Deadline) -> None:
        """Return once nothing of the stage is being loaded, whoever began it, and forget its files.

        StoreUnavailable where that cannot be said.
        """
        ...

    def failed(self, error: StoreError) -> None:
        """Say that a load failed, and that the graph is written by requests instead."""
        ...
