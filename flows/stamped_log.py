"""The log of a flow: every event names the flow run, and the task run, that it came from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace
from prefect.runtime import task_run

from karma_core.ports import EventLog
from karma_core.records import Event
from karma_core.use_cases.runs.records import FLOW_RUN
from karma_core.workspace import Workspace


class StampedLog:
    """An EventLog over another: `inputs.flow_run` and `task_run_id` are Prefect's ids."""

    def __init__(self, log: EventLog, flow_run: str) -> None:
        self._log = log
        self._flow_run = flow_run

    def append(self, event: Event) -> Event:
        """Store it, stamped."""
        return self._log.append(self._stamped(event))

    def append_all(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Store them, stamped, in one step."""
        return self._log.append_all([self._stamped(event) for event in events])

    def events(self, **chosen: Any) -> Iterable[Event]:
        """As the log itself."""
        return self._log.events(**chosen)

    def event(self, event_id: str) -> Event | None:
        """As the log itself."""
        return self._log.event(event_id)

    def doubt(self) -> str:
        """As the log itself."""
        return self._log.doubt()

    def accept(self) -> str:
        """As the log itself."""
        return self._log.accept()

    def copy_out(self, through: int) -> Iterator[bytes]:
        """As the log itself."""
        return self._log.copy_out(through)

    def check_copy(self, lines: Iterable[bytes]) -> int:
        """As the log itself."""
        return self._log.check_copy(lines)

    def copy_in(self, lines: Iterable[bytes]) -> None:
        """As the log itself."""
        self._log.copy_in(lines)

    def _stamped(self, event: Event) -> Event:
        inputs = {**event.inputs, FLOW_RUN: self._flow_run}
        return replace(event, inputs=inputs, task_run_id=event.task_run_id or task_run.get_id())


def stamped(workspace: Workspace, flow_run: str) -> Workspace:
    """The workspace whose events name the flow run."""
    return dataclasses.replace(workspace, log=StampedLog(workspace.log, flow_run))
