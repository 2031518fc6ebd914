"""What a plan says of a component is what a deploy makes of it, on random systems."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from karma_adapters.thread_runs import ThreadRuns
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.plan.document import CHANGING, Action, Plan
from karma_core.use_cases.build import read_fleet
from karma_core.use_cases.changes.applying import apply
from karma_core.use_cases.decider import Decider
from karma_core.use_cases.destroy_plan import plan_destroy
from karma_core.use_cases.plan import plan
from karma_core.use_cases.plans import load_plan
from karma_core.use_cases.runs import Order, Outcome, RunResult, Selection
from karma_core.use_cases.vouching import vouch
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem, run_order
from tests.memory_system import ALL

SYSTEMS = 2000 if os.environ.get("KARMA_SOAK") else 200
DEPLOYED = ("nothing", "some", "everything")
WAYS = ("target", "with-producers", "everything", "changed")
RELOAD = {"propagation": "reload", "reload": {"command": ["true"]}}
REST = frozenset({"unchanged", "cut_off"})
ENDS = frozenset({"applied", "reloaded", "destroyed", "failed", "stopped"}) | REST
OTHER_VALUES = "the plan expected other values"


def violations(made: Plan, outcomes: Mapping[str, Outcome], applied: set[str]) -> Iterator[str]:
    """Every outcome that the table does not allow for what the plan says, and every apply that it forbids."""
    planned = {component.address: component.action for component in made.components}
    if planned.keys() != outcomes.keys():
        yield f"planned {sorted(planned)}, ended {sorted(outcomes)}"
    for address in sorted(planned.keys() & outcomes.keys()):
        action, ended = planned[address], outcomes[address]
        if not _allowed(action, ended, outcomes):
            yield f"{address}: planned {action}, ended {ended.status} ({ended.reason})"
    for address in sorted(applied):
        if planned.get(address, Action.BLOCKED) is Action.BLOCKED:
            yield f"{address}: applied, although {'blocked' if address in planned else 'not selected'}"


def _allowed(action: Action, ended: Outcome, outcomes: Mapping[str, Outcome]) -> bool:
    if action is Action.BLOCKED:
        return ended.status == "blocked"
    if ended.status == "blocked":  # by a producer that failed, and by nothing else
        cause = ended.reason.removeprefix("it needs ").partition(",")[0]
        return cause in outcomes and outcomes[cause].status in {"failed", "blocked"}
    if action in CHANGING | {Action.RELOAD}:
        return ended.status in ENDS
    if action in {Action.NO_OP, Action.CUT_OFF}:
        return ended.status in REST or (ended.status == "applied" and OTHER_VALUES in ended.reason)
    return action is Action.DEFERRED


def status_of(outcomes: Mapping[str, Outcome]) -> str:
    """The run's status by the contract: the worst of its outcomes."""
    found = {outcome.status for outcome in outcomes.values()}
    return next((s for s in ("failed", "blocked", "stopped") if s in found), "succeeded")


def random_system(seed: int, deployed: str) -> ChangeSystem:
    """3 to 8 components, deployed as far as asked, then edited and made to fail here and there."""
    rng = random.Random(f"{seed} {deployed}")
    system = ChangeSystem({t: _definition(rng) for t in "abcde"})
    configs = _configs(rng)
    names = sorted(configs)
    system.configure(**configs)
    if deployed == "everything":
        system.deploy()
    elif deployed == "some":
        target = rng.choice(names).replace("_", "/")
        system.deploy(Selection(targets=(target,), with_producers=rng.random() < 0.7))
    for name in names:
        if rng.random() < 0.4:
            configs[name][rng.choice(("size", "note", "replace_on"))] = rng.randrange(9)
    _seed_faults(rng, system, configs)
    system.configure(**configs)
    system.terraform.calls.clear()
    system.said.clear()
    return system


def _definition(rng: random.Random) -> dict[str, Any]:
    spread = rng.choice(({}, {}, RELOAD, {"propagation": "none"}))
    consumes = {t: rng.choice((["size"], ["note"], ["size", "note"], ["id"])) for t in "abcde"}
    return {**spread, "consumes": {t: keys for t, keys in consumes.items() if rng.random() < 0.5}}


def _configs(rng: random.Random) -> dict[str, dict[str, Any]]:
    configs: dict[str, dict[str, Any]] = {}
    for number in range(rng.randint(3, 8)):
        config: dict[str, Any] = {"size": 1, "note": 1, "replace_on": 1}
        for producer in rng.sample(sorted(configs), min(len(configs), rng.randint(0, 2))):
            producer_type, _, nickname = producer.partition("_")
            config[f"{producer_type}_nickname"] = nickname
        configs[f"{rng.choice('abcde')}_n{number}"] = config
    return configs


def _seed_faults(rng: random.Random, system: ChangeSystem, configs: dict[str, dict[str, Any]]) -> None:
    """A plan or an apply that fails, a reference to nothing, a type without a module; each now and then."""
    for command in ("plan", "apply"):
        if rng.random() < 0.3:
            system.terraform.failures[rng.choice(sorted(configs)).replace("_", "/")] = command
    if rng.random() < 0.2:
        configs[rng.choice(sorted(configs))]["a_nickname"] = "gone"
    if rng.random() < 0.15:
        configs["f_bare"] = {"size": 1}


def selection_of(system: ChangeSystem, seed: int, way: str) -> Selection:
    """What is asked for."""
    if way in {"changed", "everything"}:
        return Selection(changed=way == "changed", everything=way == "everything")
    addresses = _configured(system)
    target = random.Random(f"{seed} target").choice(addresses)
    return Selection(targets=(target,), with_producers=way == "with-producers")


def _configured(system: ChangeSystem) -> list[str]:
    fleet = read_fleet(system.workspace)
    return sorted(address for address in fleet.graph if fleet[address].config is not None)


def directly(system: ChangeSystem, order: Order) -> RunResult | str:
    """The result of the direct walk, or the code of the refusal."""
    try:
        return run_order(order, system.workspace)
    except Refused as error:
        return error.code


def in_a_thread(system: ChangeSystem, order: Order) -> Mapping[str, str] | str:
    """Address → status of a run that REST started without Prefect, or the code of the refusal."""
    system.said.clear()
    workspace = system.workspace
    parameters: dict[str, Any] = {
        "environment": "test", "requested_by": "ann", "source": "api", "plan_id": order.plan_id,
        "targets": list(order.selection.targets), "everything": order.selection.everything,
        "changed": order.selection.changed, "with_producers": order.selection.with_producers,
    }  # fmt: skip
    runs = ThreadRuns(lambda _: workspace)
    runs.start("deploy", vouch(workspace, "deploy", parameters), idempotency_key="k")
    runs.close()
    refused = [facts["code"] for event, facts in system.said if event == "run_failed"]
    said = {facts["address"]: facts["status"] for event, facts in system.said if event == "outcome"}
    return refused[0] if refused else said


def applied_by(system: ChangeSystem) -> set[str]:
    """What Terraform was told to apply."""
    return {address for command, address in system.terraform.calls if command == "apply"}


def check_deploy(seed: int, deployed: str, way: str, *, stored: bool) -> list[str]:
    """Plan, deploy at once, and hold the one against the other; what the table does not allow."""
    system = random_system(seed, deployed)
    selection = selection_of(system, seed, way)
    made = plan(system.workspace, selection)
    system.terraform.calls.clear()
    allow = seed % 3 == 0
    order = Order(
        kind="deploy", selection=selection, plan_id=made.id if stored else None, allow_blocked=allow
    )
    result = directly(system, order)
    breaks = any(finding.code == "would-break" for finding in made.findings)
    where = f"seed {seed}, {deployed} deployed, {way}, stored={stored}: "
    if isinstance(result, str):
        good = result == "would-break" and breaks and not allow and not applied_by(system)
        return [] if good else [f"{where}refused {result}"]
    outcomes = {outcome.address: outcome for outcome in result.components}
    bad = list(violations(made, outcomes, applied_by(system)))
    if result.status != status_of(outcomes):
        bad.append(f"the run {result.status}, its outcomes {status_of(outcomes)}")
    if breaks and not allow:
        bad.append("it would break a consumer, and was not refused")
    return [where + said for said in bad]


@pytest.mark.soak
@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("deployed", DEPLOYED)
def test_every_outcome_is_one_that_the_plan_allows(deployed: str, way: str, stored: bool) -> None:
    """The table of the contract, the run's status, and that nothing blocked or unselected is applied.

    Half of the systems follow the stored plan, half plan for themselves.
    """
    bad = [
        said
        for seed in range(int(stored), SYSTEMS, 2)
        for said in check_deploy(seed, deployed, way, stored=stored)
    ]
    assert not bad, "\n".join(bad[:20])


def test_the_oracle_finds_a_decider_that_blocks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is right, the deploy's own decision is not: the table says so."""

    def mutant() -> Iterator[str]:
        for seed in range(60):
            system = random_system(seed, "nothing")
            made = plan(system.workspace, ALL)
            with monkeypatch.context() as patch:
                patch.setattr(Decider, "blocked", {})
                result = directly(system, Order(kind="deploy", selection=ALL))
            if isinstance(result, RunResult):
                outcomes = {outcome.address: outcome for outcome in result.components}
                yield from violations(made, outcomes, applied_by(system))

    assert list(mutant())


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("deployed", DEPLOYED)
def test_the_thread_runner_ends_components_as_the_direct_walk_does(deployed: str, way: str) -> None:
    """The same refusal, or the same status of every component that was worked on."""
    for seed in range(1, SYSTEMS // 10, 2):
        direct, threaded = random_system(seed, deployed), random_system(seed, deployed)
        order = Order(kind="deploy", selection=selection_of(direct, seed, way))
        result, said = directly(direct, order), in_a_thread(threaded, order)
        if isinstance(result, str) or isinstance(said, str):
            assert said == result, seed
            continue
        ended = {outcome.address: outcome.status for outcome in result.components}
        assert said.items() <= ended.items(), seed
        silent = {ended[address] for address in ended.keys() - said.keys()}
        assert silent <= {"blocked", "unchanged"}, seed
        assert applied_by(direct) == applied_by(threaded), seed


@pytest.mark.soak
@pytest.mark.parametrize("deployed", ["some", "everything"])
def test_a_destroy_ends_as_its_plan_says(deployed: str) -> None:
    """What is planned as destroyed is destroyed, fails, or waits for what failed; blocked stays."""
    for seed in range(SYSTEMS):
        system = random_system(seed, deployed)
        made = plan_destroy(system.workspace, ALL)
        system.terraform.calls.clear()
        result = directly(system, Order(kind="destroy", selection=ALL, plan_id=made.id))
        assert isinstance(result, RunResult), seed
        outcomes = {outcome.address: outcome for outcome in result.components}
        planned = {component.address: component.action for component in made.components}
        assert planned.keys() == outcomes.keys(), seed
        stays = {a for a, action in planned.items() if action is Action.BLOCKED}
        assert {outcomes[a].status for a in stays} <= {"blocked"}, seed
        assert not stays & applied_by(system), seed
        assert {o.status for o in outcomes.values()} <= {"destroyed", "failed", "blocked"}, seed


@pytest.mark.soak
@pytest.mark.parametrize("deployed", DEPLOYED)
def test_a_change_and_its_rollback_end_as_their_plans_say(deployed: str) -> None:
    """Requested and applied, then taken back: each outcome is one that the change's plan allows."""
    applied = 0
    for seed in range(SYSTEMS):
        system = random_system(seed, deployed)
        address = selection_of(system, seed, "target").targets[0]
        change = system.request(address, proposed_change={"size": 20 + seed})
        if not _ends_as_planned(system, change, f"seed {seed}, {deployed}"):
            continue
        applied += 1
        back = system.roll_back(system.change(change.id))
        _ends_as_planned(system, back, f"seed {seed}, {deployed}, rollback")
    assert applied > SYSTEMS // 10


def _ends_as_planned(system: ChangeSystem, change: Change, where: str) -> bool:
    """Apply an open change and hold its runs against its plan; whether its configs were written."""
    if change.status is State.AWAITING_APPROVAL:
        change = system.approve(change)
    if change.status is not State.APPROVED:
        assert not applied_by(system), where
        return False
    results: list[RunResult] = []

    def run(order: Order, workspace: Workspace) -> RunResult:
        results.append(run_order(order, workspace))
        return results[-1]

    system.terraform.calls.clear()
    ended = apply(system.workspace, change.id, run)
    made, _ = load_plan(system.workspace, ended.plan_id or "")
    for result in results:
        outcomes = {outcome.address: outcome for outcome in result.components}
        bad = list(violations(made, outcomes, applied_by(system)))
        assert not bad, f"{where}: {bad}"
        assert result.status == status_of(outcomes), where
    return bool(ended.stands)
