"""The only place that creates events of the log, with actor, change and cause."""

from __future__ import annotations

from typing import Any

from karma_core.needs import Context, HasLog
from karma_core.records import Event


def event_of(
    workspace: Context, action: str, status: str, component: str | None = None, **fields: Any
) -> Event:
    """An event of the workspace's environment, now, by its actor, for its change and with its cause.

    `fields` are further fields of an `Event`. What is given there, and is not None, stands in place of what
    the workspace says.
    """
    actor = workspace.actor
    of_workspace = {
        "id": workspace.new_id(),
        "timestamp": workspace.now(),
        "environment": workspace.name,
        "user": actor.user,
        "source": actor.source,
        "change_id": actor.change_id,
        "cause": actor.cause,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    return Event(action=action, status=status, component=component, **{**of_workspace, **given})


def log_event(
    workspace: HasLog, action: str, status: str, component: str | None = None, **fields: Any
) -> str:
    """Append the event that `event_of` makes to the log, and return its id."""
    return workspace.log.append(event_of(workspace, action, status, component, **fields)).id
