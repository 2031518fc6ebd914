"""One entry point of the table, and what its drivers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.gate_table.situations import Situation, TableSystem

if TYPE_CHECKING:
    from tests.gate_table.commands import Commands
    from tests.gate_table.flow_runs import FlowRuns
    from tests.gate_table.routes import Api


@dataclass(frozen=True, kw_only=True)
class Drivers:
    """Commands, flows and routes over environments in memory."""

    commands: Commands
    flows: FlowRuns
    api: Api


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An entry point, by its name in `orders.entry_points`, and how one asks for something.

    `through` says how it is reached (`command`, `form`, `server`, …). `ask` asks, and carries through what
    that starts. `proven` says whether it is proven who asks.
    """

    name: str
    through: str
    situation: Situation
    ask: Callable[[Drivers, TableSystem], object]
    proven: bool = True
    note: str = ""

    @property
    def id(self) -> str:
        """How the table calls it."""
        return " ".join(filter(None, (self.through, self.name, self.note or self.situation.kind)))
