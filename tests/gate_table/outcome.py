"""What became of what was asked for, told by what Terraform applied, by the changes and by the errors."""

from __future__ import annotations

from collections.abc import Callable

from karma_core.changes.states import State
from karma_core.errors import KarmaError
from karma_core.use_cases.changes.register import Register
from tests.gate_table.rules import PASSED, WAITING
from tests.gate_table.situations import TableSystem


def outcome(system: TableSystem, ask: Callable[[], object]) -> str:
    """Ask, and tell what became of it: `passed`, `waiting`, or the code of what refused it.

    What Terraform applied decides whether it passed.
    """
    before = {change.id for change in Register(system.workspace).all()}
    raised = ""
    try:
        ask()
    except KarmaError as error:
        raised = error.code
    changes = [c for c in Register(system.workspace).all() if c.id not in before or c.id == system.subject]
    if system.applies():
        return PASSED
    failed = [raised] if raised else []
    failed += [str(facts["code"]) for event, facts in system.said if event == "run_failed"]
    if failed:
        return failed[0]
    if any(change.status is State.AWAITING_APPROVAL for change in changes):
        return WAITING
    rejected = [code for change in changes for code in sorted(system.codes(change))]
    if rejected:
        return rejected[0]
    return ", ".join(sorted({str(change.status) for change in changes})) or "nothing"
