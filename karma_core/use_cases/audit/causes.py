"""Finds the events of the log that led to another one.

Most events name their cause. An apply names the run or the producer that set it off; what else made it
necessary is found here: who wrote the config version that it applied, and which producers published, in
earlier runs, what it had not taken up yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from karma_core.decoding import decode
from karma_core.model import Record
from karma_core.needs import EventsAndArtifacts
from karma_core.outcomes import Phase
from karma_core.records import Event
from karma_core.use_cases.configs.publish_event import ACTION, VERSIONS

TAKES_UP: Final = frozenset({"terraform_apply", "reload"})
"""Actions by which a component takes up its config and its producers' runtimes."""
CHANGE_WRITES: Final = "config_write"
"""Action by which a change writes one config."""
TRIGGERS: Final = frozenset({"change", "config_publish", "deploy", "destroy", "drift_check", "graph_build"})
"""Actions that somebody asks for: a chain may end at them."""


class Cause(Record, frozen=True, kw_only=True):
    """An event that led to another, or, where the log does not hold it, what is missing."""

    event: Event | None = None
    missing: str = ""


class Causes:
    """Finds the causes of events in one environment's log."""

    def __init__(self, workspace: EventsAndArtifacts) -> None:
        self._workspace = workspace
        self._log = workspace.log

    def of(self, event: Event) -> tuple[Cause, ...]:
        """Return the causes of an event, its named one first; empty for a trigger. O(events before it)."""
        causes = list(self._named(event))
        if event.action in TAKES_UP and event.status == "started":
            causes += self._taken_up(event)
        if event.action == "drift":
            causes += [Cause(event=e) for e in self._done(event)]
        by_id: dict[str, Cause] = {}
        for cause in causes:
            by_id.setdefault(cause.event.id if cause.event else cause.missing, cause)
        return tuple(by_id.values())

    def _named(self, event: Event) -> Iterator[Cause]:
        if event.cause is not None:
            cause = self._log.event(event.cause)
            missing = f"the log holds no event {event.cause}, which is named as the cause"
            yield Cause(event=cause) if cause is not None else Cause(missing=missing)
        elif event.action not in TRIGGERS:
            yield Cause(missing="the event names no cause")

    def _taken_up(self, event: Event) -> Iterator[Cause]:
        """Yield the inputs that this event took up first: the config version, producers' runtimes."""
        last = next(self._done(event), None)
        begun = self._log.event(last.cause) if last is not None and last.cause else None
        version = event.inputs.get("config_version")
        if version is not None and (begun is None or begun.inputs.get("config_version") != version):
            yield self.writer(str(event.component), int(version), before=event.seq)
        yield from self._published_for(event, after=begun.seq if begun is not None else 0)

    def _done(self, event: Event) -> Iterator[Event]:
        """Yield the last apply or reload of the component before an event, unless it was destroyed since."""
        for earlier in self._before(event.seq, component=event.component):
            if earlier.status != Phase.SUCCEEDED:
                continue
            if earlier.action in TAKES_UP:
                yield earlier
            if earlier.action in TAKES_UP or earlier.action == "terraform_destroy":
                return

    def _published_for(self, event: Event, *, after: int) -> Iterator[Cause]:
        """The newest change of each producer's runtime between two events."""
        seen: set[str | None] = set()
        for earlier in self._before(event.seq, action="runtime_publish"):
            if earlier.seq <= after:
                return
            concerns = event.component in earlier.inputs.get("consumers", ()) and earlier.inputs.get(
                "changed"
            )
            if concerns and earlier.component not in seen:
                seen.add(earlier.component)
                yield Cause(event=earlier)

    def writer(self, address: str, version: int, *, before: int) -> Cause:
        """The event that wrote a config version."""
        for event in self._before(before):
            if self.written_versions(event).get(address) == version:
                return Cause(event=event)
        return Cause(missing=f"the log does not say who wrote version {version} of the config of {address}")

    def written_versions(self, event: Event) -> dict[str, int]:
        """Address → the config version that an event says it wrote."""
        if event.status != Phase.SUCCEEDED:
            return {}
        if event.action == CHANGE_WRITES and event.component:
            return {event.component: int(event.inputs["version"])}
        if event.action != ACTION:
            return {}
        versions = {one["component"]: one["version"] for one in event.inputs.get("versions", ())}
        for key in event.artifacts:
            if key.endswith(f"/{VERSIONS}") and (raw := self._workspace.artifacts.get(key)) is not None:
                versions |= decode(raw, dict[str, int])
        return versions

    def _before(self, seq: int, **conditions: Any) -> Iterator[Event]:
        """Earlier events, newest first."""
        events = self._log.events(newest_first=True, **conditions)
        return (event for event in events if event.seq < seq)
