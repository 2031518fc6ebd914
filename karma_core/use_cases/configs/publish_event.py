"""How a publish of configs is told in the log: its events, and the artifacts beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from karma_core.events import event_of
from karma_core.json_types import JsonMapping
from karma_core.needs import HasArtifacts
from karma_core.outcomes import Phase
from karma_core.records import Event
from karma_core.strictjson import canonical

ACTION: Final = "config_publish"
VERSIONS: Final = "versions.json"
"""Name of the artifact with the new versions by address, where they are too many for the event."""
_NAMED_ADDRESSES: Final = 200
"""Up to so many addresses stand in the event itself; more are an artifact: sinks limit an event's size."""


def intent_event(
    workspace: HasArtifacts, addresses: Mapping[str, Sequence[str]], status: str, said: JsonMapping
) -> Event:
    """What is to be done, or was not let be done: addresses by `write` and `prune`; `said` is the verdict."""
    if sum(map(len, addresses.values())) <= _NAMED_ADDRESSES:
        return event_of(workspace, ACTION, status, inputs={**addresses, **said})
    key = f"{workspace.name}/publishes/{workspace.new_id()}/addresses.json"
    workspace.artifacts.put(key, canonical(addresses))
    counts = {kind: len(named) for kind, named in addresses.items()}
    return event_of(workspace, ACTION, status, inputs={**counts, **said}, artifacts=(key,))


def outcome_event(workspace: HasArtifacts, written: Mapping[str, int], pruned: int, *, cause: str) -> Event:
    """Return the event of a finished publish, with the versions by which deploys are traced to it."""
    counts = {"written": len(written), "pruned": pruned}
    if len(written) <= _NAMED_ADDRESSES:
        versions = [{"component": address, "version": version} for address, version in written.items()]
        return event_of(
            workspace, ACTION, Phase.SUCCEEDED, inputs={**counts, "versions": versions}, cause=cause
        )
    key = f"{workspace.name}/publishes/{workspace.new_id()}/{VERSIONS}"
    workspace.artifacts.put(key, canonical(written))
    return event_of(workspace, ACTION, Phase.SUCCEEDED, inputs=counts, cause=cause, artifacts=(key,))
