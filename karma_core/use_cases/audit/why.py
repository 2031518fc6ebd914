"""Why a component is as it is: from the newest event about it back to who or what set it off; and forward."""

from __future__ import annotations

from typing import Final

from karma_core import ids
from karma_core.errors import NotFound
from karma_core.json_types import JsonObject
from karma_core.model import Record, to_builtins
from karma_core.needs import EventsAndArtifacts, GraphBuilding, HasLog, HasParameters
from karma_core.records import Event
from karma_core.use_cases.audit.causes import TAKES_UP, TRIGGERS, Cause, Causes
from karma_core.use_cases.fleet.binding import check_binding

ABOVE = "shown above"
"""Said of an event that is reached a second time; its causes are not repeated."""


class Step(Record, frozen=True, kw_only=True):
    """One link of a chain. `parent` is the event that this one led to (or, forward, that led to this one).

    Without an event, `missing` says what the log does not hold.
    """

    depth: int
    parent: str | None
    event: Event | None = None
    because: str = ""
    missing: str = ""

    def document(self) -> JsonObject:
        """Return the step as JSON: the event's fields and the step's own."""
        own = {"because": self.because, "depth": self.depth, "parent": self.parent}
        if self.event is None:
            return {**own, "missing": self.missing}
        return {**to_builtins(self.event), **own}


def why(workspace: GraphBuilding, address: str) -> tuple[Step, ...]:
    """The newest event about a component and what led to it, down to the triggers.

    A change that was only asked for has done nothing to it yet, and is no answer where there is another.
    Depth first: a cause follows what it led to, one level deeper. NotFound where the log knows nothing.
    """
    _check(workspace, address)
    causes = Causes(workspace)
    start = _newest_effect(workspace, address) or _newest_write(workspace, causes, address)
    steps: list[Step] = []
    seen: set[str] = set()
    todo: list[tuple[int, str | None, Cause]] = [(0, None, Cause(event=start))]
    while todo:
        depth, parent, cause = todo.pop()
        event = cause.event
        if event is None:
            steps.append(Step(depth=depth, parent=parent, missing=cause.missing))
            continue
        repeated = event.id in seen
        because = ABOVE if repeated else because_of(event)
        steps.append(Step(depth=depth, parent=parent, event=event, because=because))
        if not repeated:
            seen.add(event.id)
            todo += [(depth + 1, event.id, leading) for leading in reversed(causes.of(event))]
    return tuple(steps)


def consequences(workspace: GraphBuilding, address: str) -> tuple[Step, ...]:
    """Return the newest work on a component and everything that followed from it."""
    _check(workspace, address)
    root = _newest_work(workspace, address)
    followers = _followers(workspace, root, address)
    steps: list[Step] = []
    todo: list[tuple[int, str | None, Event]] = [(0, None, root)]
    while todo:
        depth, parent, event = todo.pop()
        steps.append(Step(depth=depth, parent=parent, event=event, because=because_of(event)))
        todo += [(depth + 1, event.id, follower) for follower in reversed(followers.get(event.id, []))]
    return tuple(steps)


def _check(workspace: HasParameters, address: str) -> None:
    ids.Address.parse(address)
    check_binding(workspace)


def _newest_effect(workspace: HasLog, address: str) -> Event | None:
    """The newest event about a component, but for the steps of changes; else the newest of these."""
    step: Event | None = None
    for event in workspace.log.events(component=address, newest_first=True):
        if event.action != "change":
            return event
        step = step or event
    return step


def _newest_write(workspace: HasLog, causes: Causes, address: str) -> Event:
    for event in workspace.log.events(newest_first=True):
        if address in causes.written_versions(event):
            return event
    raise NotFound(
        f"the log knows nothing about {address}",
        why="no event of this environment is about it, and none wrote its config",
        next_step="`karma graph show` lists the components; `karma log list` shows what happened",
        component=address,
    )


def _newest_work(workspace: EventsAndArtifacts, address: str) -> Event:
    """The newest intent to apply, reload or destroy, else the newest write of the config."""
    actions = TAKES_UP | {"terraform_destroy"}
    for event in workspace.log.events(component=address, newest_first=True):
        if event.action in actions and event.status == "started":
            return event
    return _newest_write(workspace, Causes(workspace), address)


def _followers(workspace: HasLog, root: Event, address: str) -> dict[str, list[Event]]:
    """Event id → the events that it led to, for all that follows from the root. O(events after it)."""
    reached = {root.id}
    waiting = {} if root.component else {address: root.id}
    followers: dict[str, list[Event]] = {}
    for event in workspace.log.events(since=root.timestamp):
        if event.seq <= root.seq:
            continue
        parent = event.cause if event.cause in reached else None
        if event.action in TAKES_UP and event.status == "started":
            unseen = waiting.pop(event.component or "", None)
            parent = parent or unseen
        if parent is None:
            continue
        reached.add(event.id)
        followers.setdefault(parent, []).append(event)
        if event.action == "runtime_publish" and event.inputs.get("changed"):
            waiting |= dict.fromkeys(event.inputs.get("consumers", ()), event.id)
    return followers


_DRIFT: Final = {
    "drifted": "the cloud differs from what was applied; who changed it is not in this log",
    "state-lost": "its Terraform state is not the one that was applied; who changed it is not in this log",
    "state-older": "its Terraform state is older than its last apply; who restored it is not in this log",
    "state-altered": "its Terraform state was damaged or edited; who did it is not in this log",
}
"""What a drift check said, by the status of its event."""


def because_of(event: Event) -> str:
    """Why an event happened, in words, as far as it says so itself."""
    error = event.inputs.get("error")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    if event.action == "runtime_publish":
        changed = ", ".join(event.inputs.get("changed", ()))
        return f"it was applied; changed: {changed}" if changed else "it was applied; nothing in it changed"
    if event.action == "drift":
        return _DRIFT.get(event.status, "the cloud is as it was applied again")
    if event.action in TRIGGERS and event.cause is None:
        said = event.inputs.get("reason")
        return f"{event.user} asked for it ({event.source})" + (f": {said}" if said else "")
    return str(event.inputs.get("reason") or event.inputs.get("why", ""))
