"""What a plan says of a component is what a deploy makes of it, on random systems."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest

from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.plan.document import Action, Plan, PlannedComponent
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.plans.decider import Decider
from karma_core.use_cases.plans.destroy_plan import plan_destroy
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.stored import load_plan
from karma_core.use_cases.runs.records import Order, Outcome, RunResult
from karma_core.workspace import Workspace
from tests.change_system import run_order
from tests.memory_system import ALL
from tests.random_systems import DEPLOYED, WAYS, RandomSystem

SYSTEMS = 2000 if os.environ.get("KARMA_SOAK") else 100
REST = frozenset({"unchanged", "cut_off"})
ENDS = frozenset({"applied", "reloaded", "destroyed", "failed", "stopped"}) | REST
OTHER_VALUES = "the plan expected other values"
NO_CHANGES = "its plan has no changes"
"""Said of a no-op that only Terraform could tell: behind a producer that failed, it cannot be told again."""
Seen = set[tuple[str, str]]
"""(action, status) of components; ("run", code) of a run that was refused."""


def violations(
    made: Plan, outcomes: Mapping[str, Outcome], applied: set[str], moved: str = ""
) -> Iterator[str]:
    """Every outcome that the table does not allow for what the plan says, and every apply that it forbids.

    `moved` is the component that was changed between the plan and its deploy.
    """
    planned = {component.address: component for component in made.components}
    if planned.keys() != outcomes.keys():
        yield f"planned {sorted(planned)}, ended {sorted(outcomes)}"
    for address in sorted(planned.keys() & outcomes.keys()):
        component, ended = planned[address], outcomes[address]
        if not _allowed(component, ended, outcomes, moved=address == moved):
            yield f"{address}: planned {component.action}, ended {ended.status} ({ended.reason})"
    blocked = {address for address, component in planned.items() if component.action is Action.BLOCKED}
    for address in sorted(applied):
        if address in blocked or address not in planned:
            yield f"{address}: applied, although {'blocked' if address in blocked else 'not selected'}"


def _allowed(
    planned: PlannedComponent, ended: Outcome, outcomes: Mapping[str, Outcome], *, moved: bool
) -> bool:
    action = planned.action
    if action is Action.BLOCKED:
        return ended.status == "blocked"
    if action in {Action.NO_OP, Action.CUT_OFF}:
        if ended.status in REST or (ended.status == "applied" and OTHER_VALUES in ended.reason):
            return True
        if moved:
            return ended.status == "stopped" or (ended.status == "failed" and _could_not_plan(ended))
        return NO_CHANGES in planned.reason and _waits(ended, outcomes)
    if ended.status == "blocked":
        return _waits(ended, outcomes) or (action is Action.DEFERRED and _could_not_plan(ended))
    return ended.status in ENDS


def _waits(ended: Outcome, outcomes: Mapping[str, Outcome]) -> bool:
    """Whether a component was not worked on because of how one ended that it needs, and of nothing else."""
    cause = ended.reason.removeprefix("it needs ").partition(",")[0]
    ends = {"stopped"} if ended.status == "stopped" else {"failed", "blocked"}
    return cause in outcomes and outcomes[cause].status in ends


def _could_not_plan(ended: Outcome) -> bool:
    return ended.reason.startswith("terraform plan of")


def status_of(outcomes: Mapping[str, Outcome]) -> str:
    """The run's status by the contract: the worst of its outcomes."""
    statuses = {outcome.status for outcome in outcomes.values()}
    return next((s for s in ("failed", "blocked", "stopped") if s in statuses), "succeeded")


def directly(system: RandomSystem, order: Order) -> RunResult | str:
    """The result of the direct walk, or the code of the refusal."""
    try:
        return run_order(order, system.workspace)
    except Refused as error:
        return error.code


def check_deploy(seed: int, deployed: str, way: str, *, stored: bool) -> tuple[list[str], Seen]:
    """Plan, deploy, and hold the one against the other: what the table does not allow, and what was seen.

    A stored plan is followed after the world may have moved on; else nothing happens in between.
    """
    system = RandomSystem(seed, deployed)
    made = plan(system.workspace, system.selection(way))
    moved = system.move_on() if stored else ""
    system.forget()
    order = system.order(way, made.id if stored else None)
    result = directly(system, order)
    breaks = any(finding.code == "would-break" for finding in made.findings)
    where = f"seed {seed}, {deployed} deployed, {way}, stored={stored}: "
    if isinstance(result, str):
        breaking = result == "would-break" and breaks and not order.allow_blocked
        good = (breaking or (result == "plan-outdated" and moved)) and not system.applied_here()
        return [] if good else [f"{where}refused {result}"], {("run", result)}
    outcomes = {outcome.address: outcome for outcome in result.components}
    bad = list(violations(made, outcomes, system.applied_here(), moved))
    if result.status != status_of(outcomes):
        bad.append(f"the run {result.status}, its outcomes {status_of(outcomes)}")
    if breaks and not order.allow_blocked:
        bad.append("it would break a consumer, and was not refused")
    seen = {(c.action, outcomes[c.address].status) for c in made.components if c.address in outcomes}
    return [where + said for said in bad], seen


@pytest.mark.soak
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("deployed", DEPLOYED)
def test_every_outcome_is_one_that_the_plan_allows(deployed: str, way: str, stored: bool) -> None:
    """The table of the contract, the run's status, and that nothing blocked or unselected is applied.

    Half of the systems follow the stored plan, half plan for themselves.
    """
    bad: list[str] = []
    for seed in range(int(stored), SYSTEMS, 2):
        bad += check_deploy(seed, deployed, way, stored=stored)[0]
    assert not bad, "\n".join(bad[:20])


def test_the_systems_reach_every_row_of_the_table() -> None:
    """What the oracle is never shown it cannot judge: every action, every end, and a refused run."""
    seen: Seen = set()
    for seed in range(100):
        for deployed in DEPLOYED:
            seen |= check_deploy(seed, deployed, "everything", stored=seed % 2 == 1)[1]
    ends = ("applied", "failed", "stopped", "blocked")
    assert {(Action.UPDATE, end) for end in ends} <= seen
    assert {(Action.NO_OP, "unchanged"), (Action.CUT_OFF, "cut_off"), (Action.DEFERRED, "applied")} <= seen
    assert {(Action.RELOAD, "reloaded"), (Action.RELOAD, "failed"), ("run", "would-break")} <= seen
    assert {(Action.CREATE, "applied"), (Action.REPLACE, "applied"), (Action.BLOCKED, "blocked")} <= seen


def test_the_oracle_finds_a_decider_that_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is right, the deploy's own decision is not: the table says so."""

    def mutant() -> Iterator[str]:
        for seed in range(60):
            system = RandomSystem(seed, "nothing")
            made = plan(system.workspace, ALL)
            with monkeypatch.context() as patch:
                patch.setattr(Decider, "blocked", {})
                result = directly(system, Order(kind="deploy", selection=ALL))
            if isinstance(result, RunResult):
                outcomes = {outcome.address: outcome for outcome in result.components}
                yield from violations(made, outcomes, system.applied_here())

    assert list(mutant())


@pytest.mark.soak
@pytest.mark.parametrize("deployed", ["some", "everything"])
def test_a_destroy_ends_as_its_plan_says(deployed: str) -> None:
    """What is planned as destroyed is destroyed, fails, or waits for what failed; blocked stays."""
    for seed in range(SYSTEMS):
        system = RandomSystem(seed, deployed)
        made = plan_destroy(system.workspace, ALL)
        system.forget()
        result = directly(system, Order(kind="destroy", selection=ALL, plan_id=made.id))
        assert isinstance(result, RunResult), seed
        outcomes = {outcome.address: outcome for outcome in result.components}
        planned = {component.address: component.action for component in made.components}
        assert planned.keys() == outcomes.keys(), seed
        stays = {a for a, action in planned.items() if action is Action.BLOCKED}
        assert {outcomes[a].status for a in stays} <= {"blocked"}, seed
        assert not stays & system.applied_here(), seed
        assert {o.status for o in outcomes.values()} <= {"destroyed", "failed", "blocked"}, seed


@pytest.mark.soak
@pytest.mark.parametrize("deployed", DEPLOYED)
def test_a_change_and_its_rollback_end_as_their_plans_say(deployed: str) -> None:
    """Requested and applied, then taken back: each outcome is one that the change's plan allows."""
    applied = 0
    for seed in range(SYSTEMS):
        system = RandomSystem(seed, deployed)
        address = system.selection("target").targets[0]
        change = system.request(address, proposed_change={"size": 20 + seed})
        if not _ends_as_planned(system, change, f"seed {seed}, {deployed}"):
            continue
        applied += 1
        system.forget()
        back = system.roll_back(system.change(change.id))
        _ends_as_planned(system, back, f"seed {seed}, {deployed}, rollback")
    assert applied > SYSTEMS // 10


def _ends_as_planned(system: RandomSystem, change: Change, where: str) -> bool:
    """Apply an open change and hold its runs against its plan; whether its configs were written."""
    if change.status is State.AWAITING_APPROVAL:
        change = system.approve(change)
    if change.status is not State.APPROVED:
        assert not system.applied_here(), where
        return False
    results: list[RunResult] = []

    def run(order: Order, workspace: Workspace) -> RunResult:
        results.append(run_order(order, workspace))
        return results[-1]

    system.forget()
    ended = apply(system.workspace, change.id, run)
    made, _ = load_plan(system.workspace, ended.plan_id or "")
    for result in results:
        outcomes = {outcome.address: outcome for outcome in result.components}
        bad = list(violations(made, outcomes, system.applied_here()))
        assert not bad, f"{where}: {bad}"
        assert result.status == status_of(outcomes), where
    return bool(ended.stands)
