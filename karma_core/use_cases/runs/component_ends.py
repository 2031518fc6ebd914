"""How the components of a run end: each outcome is noted once, with its reason and its time."""

from __future__ import annotations

import time
from typing import Final

from karma_core.errors import KarmaError
from karma_core.outcomes import End, Phase
from karma_core.plan.judge import Judgement, Verdict
from karma_core.plan.steps import PLAN
from karma_core.use_cases.plans.decider import in_one_line
from karma_core.use_cases.runs.records import Outcome
from karma_core.use_cases.runs.step_context import AT_REST, StepContext
from karma_core.walk import Result

STOPPING: Final = frozenset({End.FAILED, End.BLOCKED, End.STOPPED, End.INTERRUPTED, End.NOT_RUN})
"""How a component ends whose consumers are not worked on."""
ENDS: Final = {
    End.STOPPED: "was stopped for approval",
    End.INTERRUPTED: "was interrupted",
    End.BLOCKED: "is blocked",
}
"""What is said of a component that ended without success, where that was no failure of its own."""


class ComponentEnds:
    """Notes how each component ended. `interrupted`: the run was told to stop."""

    def __init__(self, run: StepContext) -> None:
        self._run = run
        self._started: dict[str, float] = {}
        self.interrupted = False
        self.outcomes: dict[str, Outcome] = {}

    def begin(self, address: str) -> None:
        """Note when the component's first step began."""
        self._started.setdefault(address, time.monotonic())

    def finish(self, address: str, status: End, reason: str) -> Result:
        """Note how the component ended."""
        started = self._started.get(address)
        seconds = time.monotonic() - started if started is not None else 0.0
        outcome = Outcome(address=address, status=status, reason=reason, seconds=seconds)
        self.outcomes[address] = outcome
        self._run.workspace.say("outcome", {"address": address, "status": status, "reason": reason})
        return Result(succeeded=status not in STOPPING)

    def done_before(self, address: str, status: End) -> None:
        """Record a component that an earlier attempt at this run finished; it is not touched again."""
        reason = "done before the run was resumed"
        self.outcomes[address] = Outcome(address=address, status=status, reason=reason)
        here = (address, *self._run.fleet.written_by(address))
        self._run.decider.spread.reach(here)
        if status is End.APPLIED:
            self._run.decider.spread.move(here)

    def left_behind(self, address: str, cause: str) -> None:
        """Finish a component that was not worked on because of another's end, in dependency order.

        It is blocked, or stopped with what was stopped. Where the plan that the run follows left it alone and
        its inputs are still those that were applied, it had nothing to wait for: it ends as the plan says.
        """
        at_rest = self._at_rest(address)
        if at_rest is not None:
            as_planned = Verdict.CUT_OFF if at_rest.verdict is Verdict.CUT_OFF else Verdict.UNCHANGED
            self.finish(address, End(as_planned), at_rest.reason)
            return
        ended = self.outcomes.get(cause)
        how = ENDS.get(ended.status, "failed") if ended else "failed"
        status = End.STOPPED if ended and ended.status is End.STOPPED else End.BLOCKED
        self.finish(address, status, f"it needs {cause}, which {how}")

    def _at_rest(self, address: str) -> Judgement | None:
        """Return the judgement of a component that the plan left alone, if it is still the same."""
        if self._run.shown is None or self._run.shown.expected(address):
            return None
        try:
            judgement = self._run.decider.decide(address)
        except KarmaError:  # it cannot be told any more: then it is not called unchanged
            return None
        return judgement if judgement.verdict in AT_REST | {Verdict.RECORD} else None

    def failed(self, address: str, step: str, error: KarmaError) -> Result:
        """Return the result of a step that failed for a reason of the component's own.

        A component that cannot even be planned is blocked, as a plan says of it. It has failed where the plan
        that the run follows foresaw that it can be planned, or where an earlier attempt had begun it.
        """
        inputs = {"step": step, "error": error.document()}
        self._run.recorder.log(
            f"terraform_{step}" if step == PLAN else step, Phase.FAILED, address, inputs=inputs
        )
        begun = address in self._run.unfinished or (
            self._run.shown is not None and self._run.shown.plans(address)
        )
        return self.ended_by(address, error, End.BLOCKED if step == PLAN and not begun else End.FAILED)

    def ended_by(self, address: str, error: KarmaError, status: End = End.FAILED) -> Result:
        """Note the end that an error brought: interrupted, where the run was told to stop."""
        self._run.workspace.say("error", {"address": address, "error": str(error)})
        return self.finish(address, End.INTERRUPTED if self.interrupted else status, in_one_line(error))
