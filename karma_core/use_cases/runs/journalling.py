"""Intent and outcome around every side effect of a run, in the journal and in the log.

The journal is what resume reads; the log is what people read. Both are durable before the side effect
begins, so whatever dies, what was being done is known.
"""

from __future__ import annotations

from typing import Any

from karma_core.events import log_event
from karma_core.json_types import JsonValue
from karma_core.needs import RecordsAndLog
from karma_core.records import Applied, JournalEntry, Run


class Recorder:
    """Writes a run's journal and log entries. Safe to use from several threads."""

    def __init__(self, workspace: RecordsAndLog, run: Run, cause: str | None) -> None:
        self._workspace = workspace
        self._run = run
        self.root = cause or workspace.actor.cause

    def journal(
        self,
        address: str,
        generation: int,
        step: str,
        status: str,
        *,
        applied: Applied | None = None,
        forget: str | None = None,
        **detail: JsonValue,
    ) -> None:
        """One journal entry, with the applied record that it makes true."""
        entry = JournalEntry(
            run_id=self._run.id,
            address=address,
            generation=generation,
            step=step,
            status=status,
            at=self._workspace.now(),
            detail=detail,
        )
        self._workspace.state.journal(entry, applied=applied, forget=forget)

    def log(self, action: str, status: str, address: str | None = None, **fields: Any) -> str:
        """One event of this run; its id, so that what follows can name it as its cause."""
        fields.setdefault("cause", self.root)
        return log_event(self._workspace, action, status, address, run_id=self._run.id, **fields)
