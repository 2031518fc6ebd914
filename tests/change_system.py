"""Changes on an environment in memory: short ways to request, decide and apply."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from karma_core import failpoints
from karma_core.changes.record import Change
from karma_core.changes.request import read_request
from karma_core.changes.states import State
from karma_core.needs import CarryingOut
from karma_core.use_cases.changes import decisions, intake
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.changes.drain import drain
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.rollback import roll_back
from karma_core.use_cases.orders.carrying_out import carry_out
from karma_core.use_cases.runs.records import Order, RunResult
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.memory_system import Killed, System


def request(workspace: Workspace, document: Any, **options: Any) -> Change:
    """Request a change by a document, as every entry point does."""
    return intake.request(workspace, read_request(document), **options)


def run_order(order: Order, workspace: CarryingOut) -> RunResult:
    """Deploy or destroy in threads of this process."""
    return carry_out(order, workspace, ThreadExecutor)


class ChangeSystem(System):
    """A system whose `policy` is as in karma.toml; `user` acts, proven by `proof`.

    A process may die after so many calls.
    """

    def __init__(
        self, definitions: dict[str, dict[str, Any]] | None = None, types: str = "a b c d e"
    ) -> None:
        super().__init__(definitions, types)
        self.policy: dict[str, Any] = {}
        self.foreign_prefixes: tuple[str, ...] = ()
        self.user = "ann"
        self.proof = "token"
        self.dies_after: int | None = None

    @property
    def workspace(self) -> Workspace:
        """What a new process would open, with the policy and the user of now."""
        made = super().workspace
        self.life.calls_left = self.dies_after
        environment = replace(made.environment, policy=self.policy, foreign_prefixes=self.foreign_prefixes)
        actor = replace(made.actor, user=self.user, proof=self.proof)
        return replace(made, environment=environment, actor=actor)

    def request(self, component: str = "", *, proceed: bool = False, **body: Any) -> Change:
        """Request a change."""
        document = {"component": component, **body} if component else body
        return request(self.workspace, document, proceed=proceed)

    def approve(self, change: Change, **options: Any) -> Change:
        """Approve it as the present user."""
        return decisions.approve(self.workspace, change.id, **options)

    def apply(self, change: Change) -> Change:
        """Apply it."""
        return apply(self.workspace, change.id, run_order)

    def applied(self, component: str, **body: Any) -> Change:
        """Request, approve where needed, and apply."""
        change = self.request(component, **body)
        if change.status is State.AWAITING_APPROVAL:
            change = self.approve(change)
        change = self.apply(change)
        assert change.status is State.APPLIED, change.why
        return change

    def roll_back(self, change: Change, **options: Any) -> Change:
        """Request the rollback of a change."""
        return roll_back(self.workspace, change.id, **options)

    def drain(self) -> list[Change]:
        """Let everything go on."""
        return drain(self.workspace, run_order)

    def change(self, change_id: str) -> Change:
        """The change as it is kept."""
        return Register(self.workspace).get(change_id).change

    def config(self, address: str) -> Any:
        """The stored config."""
        parameter = self.parameters.get(f"/iac/{address}/config")
        return json.loads(parameter.value) if parameter and parameter.value else None

    def codes(self, change: Change) -> set[str]:
        """Rules that spoke against the change."""
        return {f.code for f in change.findings if f.severity == "error"}


def die(system: ChangeSystem, name: str, call: Callable[[], Any]) -> None:
    """Be killed at a failpoint; the leases expire afterwards."""

    def hook(reached: str) -> None:
        if reached == name:
            system.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            call()
    finally:
        failpoints.install(None)
    system.clock.pass_seconds(61)
