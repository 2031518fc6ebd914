"""All changes of an environment, kept in the state store, with one event in the log for every step.

A step's event is written before the step is kept: where the log cannot be written, nothing moves. Documents
carry a revision, so that of two who move one change at once, one gets a Conflict.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace as with_fields
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.changes.record import Change
from karma_core.changes.states import KIND, State, check_transition
from karma_core.decoding import convert
from karma_core.errors import Conflict, LeaseHeld, NotFound
from karma_core.events import log_event
from karma_core.ids import shown
from karma_core.json_types import JsonValue
from karma_core.model import Record, to_builtins
from karma_core.needs import Context, HasState, RecordsAndLog
from karma_core.use_cases import leasing
from karma_core.use_cases.changes import open_index
from karma_core.use_cases.leasing import Heartbeat

_Context = TypeVar("_Context", bound=Context)

ORDER: Final = "change-order"
KEYS: Final = "change-key"
MAX_NAMED: Final = 200
"""Components that an event of a change names; the others are counted. Ours: as many as a request may have."""
ADMISSION: Final = "changes"
"""Held, briefly, while it is decided which change may go on: one decision at a time."""
ADMISSION_SECONDS: Final = 600.0
"""How long to wait for that. Ours: a decision takes as long as two builds in memory."""


class Kept(Record, frozen=True, kw_only=True):
    """A change with the revision of its document."""

    change: Change
    revision: int


class Register:
    """Finds, adds and moves changes."""

    def __init__(self, workspace: RecordsAndLog) -> None:
        self._workspace = workspace

    def get(self, change_id: str) -> Kept:
        """One change; NotFound."""
        kept = self.find(change_id)
        if kept is None:
            raise NotFound(
                f"there is no change {shown(change_id)!r} in this environment",
                next_step="`karma change list` shows those that there are",
            )
        return kept

    def find(self, change_id: str) -> Kept | None:
        """One change, or None."""
        document = self._workspace.state.document(KIND, change_id)
        if document is None:
            return None
        return Kept(change=convert(document.body, Change), revision=document.revision)

    def all(self) -> list[Change]:
        """Every change, in the order of acceptance."""
        changes = (convert(d.body, Change) for d in self._workspace.state.documents(KIND))
        return sorted(changes, key=_accepted)

    def open(self) -> list[Change]:
        """Changes on which work remains, in the order of acceptance."""
        records = (self.find(change_id) for change_id in open_index.read(self._workspace.state))
        return sorted((kept.change for kept in records if kept and kept.change.is_open), key=_accepted)

    def next_number(self) -> int:
        """A new place at the end of the order. The caller holds ADMISSION."""
        return self._workspace.state.put_document(ORDER, "last", {})

    def remember(self, key: str, change_id: str) -> str:
        """The id of the change that was first requested under an idempotency key."""
        name = strictjson.digest(key)
        with suppress(Conflict):
            self._workspace.state.put_document(KEYS, name, {"change_id": change_id}, revision=0)
        document = self._workspace.state.document(KEYS, name)
        return str(document.body["change_id"]) if document else change_id

    def add(self, change: Change) -> Kept:
        """Accept a new change."""
        event = self.log(change, str(change.status), reason=change.reason)
        change = replace(change, last_event=event)
        return self._store(change, 0, was_open=False)

    def move(self, kept: Kept, status: State, why: str, **fields: Any) -> Kept:
        """Bring a change into a state, with its reason; Refused `change-state` where that may not follow."""
        change = kept.change
        check_transition(change.id, change.status, status, written=bool(change.stands))
        return self.keep(kept, status=status, why=why, **fields)

    def keep(self, kept: Kept, **fields: Any) -> Kept:
        """Set fields of a change, log its state, and store it."""
        change = replace(kept.change, **fields)
        event = self.log(change, str(change.status), why=change.why)
        change = replace(change, updated_at=self._workspace.now(), last_event=event)
        stored = self._store(change, kept.revision, was_open=kept.change.is_open)
        self._workspace.say(
            "change", {"change_id": change.id, "status": str(change.status), "why": change.why}
        )
        return stored

    def _store(self, change: Change, revision: int, *, was_open: bool) -> Kept:
        """Store the change on `revision`, keeping the index of open changes complete."""
        state = self._workspace.state
        if change.is_open and not was_open:
            open_index.add(state, change.id, revision + 1)
        stored = state.put_document(KIND, change.id, to_builtins(change), revision=revision)
        if was_open and not change.is_open:
            open_index.drop(state, change.id, stored)
        return Kept(change=change, revision=stored)

    def log(self, change: Change, status: str, **inputs: JsonValue) -> str:
        """One event of a change; its id. Its cause is the change's event before."""
        workspace = self._workspace
        addresses = list(change.addresses)
        facts = {
            **inputs,
            "kind": change.kind if change.kind != "config" else "",
            "components": addresses[:MAX_NAMED],
            "more_components": max(len(addresses) - MAX_NAMED, 0),
            "findings": to_builtins(change.findings),
            "plan": change.plan_id,
            "promoted_from": to_builtins(change.promoted_from),
        }
        return log_event(
            workspace,
            "change",
            status,
            addresses[0] if len(addresses) == 1 else None,
            inputs={name: value for name, value in facts.items() if value},
            change_id=change.id or None,
            cause=change.last_event or workspace.actor.cause,
        )


def _accepted(change: Change) -> tuple[int, str]:
    """Sort key: the order of acceptance."""
    return change.number, change.id


@contextmanager
def admission(workspace: HasState) -> Iterator[Heartbeat]:
    """Hold the right to decide which change may go on; `check` it before the decision is kept."""
    with leasing.held(workspace, [ADMISSION], wait_seconds=ADMISSION_SECONDS) as right:
        yield right


@contextmanager
def working(workspace: HasState, change_id: str) -> Iterator[Heartbeat]:
    """Hold the right to plan or apply one change, kept alive; LeaseHeld where another process has it."""
    lease = leasing.wait_for(workspace, [change_lease(change_id)], wait_seconds=0)
    with Heartbeat(workspace, lease) as heartbeat:
        yield heartbeat


def change_lease(change_id: str) -> str:
    """Name of the lease under which a change is planned and applied."""
    return f"change:{change_id}"


def worked_on(workspace: HasState, change_id: str) -> bool:
    """Whether a living process works on the change."""
    name = change_lease(change_id)
    return any(name in lease.names for lease in workspace.state.leases())


def refuse_if_worked_on(workspace: HasState, change_id: str) -> None:
    """LeaseHeld while a living process works on the change."""
    if leasing.still_held(workspace, [change_lease(change_id)]):
        raise LeaseHeld(
            f"change {change_id} is being worked on",
            why="another process plans or applies it",
            next_step="wait until it has finished",
            names=[change_lease(change_id)],
        )


def acting_for(workspace: _Context, change: Change) -> _Context:
    """The workspace whose events name the change and follow from its newest one."""
    actor = with_fields(workspace.actor, change_id=change.id, cause=change.last_event)
    return workspace.acting_as(actor)
