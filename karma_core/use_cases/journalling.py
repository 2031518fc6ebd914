"""Intent and outcome around every side effect of a run, in the journal and in the log.

The journal is what resume reads; the log is what people read. Both are durable before the side effect
begins, so whatever dies, what was being done is known.
"""

from __future__ import annotations

from threading import Event as Flag
from threading import Thread
from typing import Any

from karma_core.errors import Conflict, StaleLease, StoreError
from karma_core.records import Applied, Event, JournalEntry, Lease, Run
from karma_core.workspace import Workspace


class Recorder:
    """Writes a run's journal and log entries. Safe to use from several threads."""

    def __init__(self, workspace: Workspace, run: Run, cause: str | None) -> None:
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
        **detail: Any,
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
        workspace = self._workspace
        fields.setdefault("cause", self.root)
        event = Event(
            id=workspace.new_id(),
            timestamp=workspace.now(),
            action=action,
            environment=workspace.name,
            component=address,
            user=workspace.actor.user,
            source=workspace.actor.source,
            status=status,
            run_id=self._run.id,
            change_id=workspace.actor.change_id,
            **fields,
        )
        return workspace.log.append(event).id


class Heartbeat:
    """Keeps a lease alive while a run works; `check` refuses to go on once it is lost."""

    def __init__(self, workspace: Workspace, lease: Lease) -> None:
        self._workspace = workspace
        self._lease = lease
        self._lost: Conflict | None = None
        self._stop = Flag()
        self._thread = Thread(target=self._beat, name="karma-lease", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._workspace.state.release(self._lease)

    @property
    def lease(self) -> Lease:
        """The lease as last renewed."""
        return self._lease

    def check(self) -> None:
        """StaleLease if somebody else has taken over: nothing may be started any more."""
        expired = self._workspace.clock().timestamp() > self._lease.expires_at
        if self._lost is not None or expired:
            raise StaleLease(
                "the run has lost its lease",
                why=self._lost.what if self._lost else "it was not renewed in time",
                next_step="see `karma log list` for who works on these components now",
            ) from self._lost

    def _beat(self) -> None:
        """Renew three times per lifetime, so that two missed beats do not lose the lease."""
        seconds = self._workspace.environment.lease_seconds
        while not self._stop.wait(seconds / 3):
            try:
                self._lease = self._workspace.state.renew(self._lease, seconds)
            except Conflict as lost:
                self._lost = lost
                return
            except StoreError:
                continue  # the next beat tries again; `check` refuses once the lease has expired
