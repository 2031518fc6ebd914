"""What the steps of one run share, and what one step of a component leaves for the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from karma_core.errors import KarmaError
from karma_core.masking.errors import without_secrets
from karma_core.model import Finding, Record
from karma_core.needs import Running
from karma_core.plan.judge import Judgement, Verdict
from karma_core.plan.shown import Shown
from karma_core.records import TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.states import state_error
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.runtime_writing import RuntimeWriter

AT_REST: Final = frozenset({Verdict.UNCHANGED, Verdict.CUT_OFF})
"""Verdicts on a component with nothing to do."""


class Left(Record, frozen=True, kw_only=True):
    """A component that an interrupted attempt had begun. `applied`: Terraform was seen to succeed."""

    generation: int
    applied: bool


class Planned(Record, frozen=True, kw_only=True):
    """The data that a component's plan step hands to its apply, and that to its propagation."""

    judgement: Judgement
    generation: int
    job: TerraformJob
    plan: TerraformPlan
    cause: str | None = None
    outputs: TerraformOutputs | None = None


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """One run, as its steps see it. Threads share it: each works on components of its own.

    `unfinished` says how an earlier attempt at this run left a component. `published`: component → the event
    of its runtime, for those that this run has published. `publishing`: components that Terraform was done
    with, whose runtime was to be published. `findings` are what the applies have shown.
    """

    workspace: Running
    fleet: Fleet
    decider: Decider
    recorder: Recorder
    runtimes: RuntimeWriter
    run_id: str
    shown: Shown | None = None
    unfinished: Mapping[str, Left] = field(default_factory=dict)
    published: dict[str, str] = field(default_factory=dict)
    publishing: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)

    def check_state(self, address: str) -> None:
        """Raise the fault (`STATE_CODES`) of a state that is not the one that was applied."""
        error = state_error(self.workspace, self.workspace.state.applied(address))
        if error is not None:
            raise error

    def hide_secrets(self, address: str, error: KarmaError) -> None:
        """Mask the secrets of a component's inputs in an error, before it is written or told."""
        without_secrets(error, self.workspace.known_secrets.masker(address))

    def generation(self, address: str) -> int:
        """Return the generation that an earlier attempt left unfinished, or a new one."""
        left = self.unfinished.get(address)
        return left.generation if left else self.workspace.state.next_generation(address)

    def cause(self, address: str) -> str | None:
        """The newest runtime event of a producer that moved in this run, else the run's own start."""
        events = [self.published[p] for p in self.fleet.graph.producers(address) if p in self.published]
        return max(events, default=self.recorder.root)
