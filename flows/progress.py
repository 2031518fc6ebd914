"""Progress of a run in the Prefect UI, in addition to other listeners."""

from __future__ import annotations

from threading import Lock
from typing import Any, Final
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

from karma_core.json_types import JsonObject
from karma_core.ports import Say

UPDATES: Final = 20
"""How often at most a bar is moved. Ours: every 5 %, so that a large run does not flood the server."""


class Progress:
    """A listener that passes everything on, and keeps a progress artifact for the run that begins."""

    def __init__(self, say: Say, environment: str) -> None:
        self._say = say
        self._environment = environment
        self._lock = Lock()
        self._artifact: UUID | None = None
        self._total = 0
        self._ended = 0
        self._shown = 0

    def __call__(self, event: str, facts: JsonObject) -> None:
        """Take one event of a run: its begin, or the end of one of its components."""
        self._say(event, facts)
        if event == "run":
            self._begin(facts)
        elif event == "outcome" and self._artifact is not None:
            self._advance(self._artifact)

    def _begin(self, facts: JsonObject) -> None:
        self._total = max(1, facts["components"])
        made: Any = create_progress_artifact(
            0.0, key=f"progress-{self._environment}", description=f"Run {facts['run_id']}"
        )
        self._artifact = made

    def _advance(self, artifact: UUID) -> None:
        with self._lock:
            self._ended += 1
            step = self._ended * UPDATES // self._total
            if step <= self._shown:
                return
            self._shown = step
            share = 100.0 * self._ended / self._total
        update_progress_artifact(artifact, share)
