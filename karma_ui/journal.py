"""Progress of a run: one line per component, and the critical path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from karma_core.json_types import JsonMapping

DONE: Final = frozenset({"succeeded", "skipped", "unchanged"})


@dataclass(kw_only=True)
class Progress:
    """One component of a run. Times are ISO 8601; `seconds` is from its first event to its last."""

    address: str
    began: str
    ended: str
    state: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    artifacts: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long the component took, or has taken so far."""
        return (datetime.fromisoformat(self.ended) - datetime.fromisoformat(self.began)).total_seconds()


def progress(events: Iterable[JsonMapping]) -> list[Progress]:
    """Components in the order in which they were begun, from a run's events, oldest first."""
    by_address: dict[str, Progress] = {}
    for event in events:
        address = event["component"]
        if not address:
            continue
        at = event["timestamp"]
        line = by_address.setdefault(address, Progress(address=address, began=at, ended=at, state=""))
        line.ended = at
        line.state = _state(event["action"], event["status"], line.state)
        line.steps.append((event["action"], event["status"]))
        line.artifacts += event["artifacts"]
        error = event["inputs"].get("error")
        if isinstance(error, dict):
            line.error = str(error.get("message", ""))
    return list(by_address.values())


def _state(action: str, status: str, before: str) -> str:
    """Return a component's state after its newest event; a failure is kept."""
    if status == "started":
        return "running"
    if before == "failed" and status in DONE:
        return before
    return "applied" if status == "succeeded" and action == "terraform_apply" else status


def critical_path(lines: Sequence[Progress], producers: Mapping[str, Sequence[str]]) -> list[str]:
    """The chain of producer → consumer that took longest in all, first component first. O(V+E) of the run.

    Lines are in the order of work, so that producers come before their consumers.
    """
    longest: dict[str, float] = {}
    came_from: dict[str, str] = {}
    for line in lines:
        before = [p for p in producers.get(line.address, ()) if p in longest]
        best = max(before, key=lambda address: longest[address], default="")
        longest[line.address] = line.seconds + (longest[best] if best else 0.0)
        if best:
            came_from[line.address] = best
    if not longest:
        return []
    path = [max(longest, key=lambda address: longest[address])]
    while path[-1] in came_from:
        path.append(came_from[path[-1]])
    return path[::-1]
