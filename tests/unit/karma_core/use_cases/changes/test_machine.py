"""Random lives of random changes: none is lost, none overlap, configs are those of the applied in order.

Reduced, seeded counts by default; 2,000 runs of 40 steps with KARMA_SOAK=1.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from karma_core.changes.record import Change, overlap
from karma_core.changes.states import FINAL, IN_FLIGHT, OPEN, State
from karma_core.errors import KarmaError
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.graph.build import build_graph
from tests.change_system import ChangeSystem
from tests.memory_system import Killed

ADDRESSES = ("a/one", "b/two", "c/three", "d/four", "e/five")
REFERENCES = {
    "b/two": {"a_nickname": "one"},
    "c/three": {"b_nickname": "two"},
    "e/five": {"d_nickname": "four"},
}
POLICIES = (
    {},
    {"destroy_needs_approval": False},
    {"largest_cone": 1},
    {"require_approval": True},
    {"on_failure": "roll_back"},
)
START = {address: {"size": 0, **REFERENCES.get(address, {})} for address in ADDRESSES}

addresses = st.sampled_from(ADDRESSES)
sizes = st.integers(1, 3)
crashes = st.one_of(st.none(), st.none(), st.integers(0, 150))
choices = st.integers(0, 100)


def patched(config: Any, patch: Any) -> Any:
    """RFC 7396's own pseudocode."""
    if not isinstance(patch, dict):
        return patch
    target = dict(config) if isinstance(config, dict) else {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = patched(target.get(name), value)
    return target


class Changes(RuleBasedStateMachine):
    """People who request, decide and apply, processes that die, Terraform that fails, time that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.system = ChangeSystem()
        self.answered: set[str] = set()
        self.system.configure(**{a.replace("/", "_"): config for a, config in START.items()})
        self.system.deploy()

    @initialize(policy=st.sampled_from(POLICIES))
    def choose(self, policy: dict[str, Any]) -> None:
        self.system.policy = dict(policy)

    # -- what happens ---------------------------------------------------------------------------------

    def do(self, call: Callable[[], Any], crash: int | None = None) -> None:
        """Do it in a process of its own, which may die after so many calls; refusals are answers too."""
        self.system.dies_after = crash
        try:
            outcome = call()
            if isinstance(outcome, Change):
                self.answered.add(outcome.id)
        except (KarmaError, Killed):
            pass
        finally:
            self.system.dies_after = None
            if self.system.life.ended:
                self.system.clock.pass_seconds(61)  # its leases expire before anybody else comes

    def pick(self, states: Any, choice: int) -> Change | None:
        candidates = [change for change in self.changes() if change.status in states]
        return candidates[choice % len(candidates)] if candidates else None

    def changes(self) -> list[Change]:
        return Register(self.system.workspace).all()

    @rule(address=addresses, size=sizes, stale=st.booleans(), proceed=st.booleans(), crash=crashes)
    def patch(self, address: str, size: int, stale: bool, proceed: bool, crash: int | None) -> None:
        body: dict[str, Any] = {"proposed_change": {"size": size, "note": {"by": str(size)}}}
        if stale:
            body["base_version"] = 1
        self.do(lambda: self.system.request(address, proceed=proceed, **body), crash)

    @rule(address=addresses, crash=crashes)
    def drop_a_note(self, address: str, crash: int | None) -> None:
        self.do(lambda: self.system.request(address, proposed_change={"note": None}), crash)

    @rule(address=addresses, proceed=st.booleans(), crash=crashes)
    def remove(self, address: str, proceed: bool, crash: int | None) -> None:
        self.do(lambda: self.system.request(address, remove=True, proceed=proceed), crash)

    @rule(address=addresses, size=sizes, crash=crashes)
    def create(self, address: str, size: int, crash: int | None) -> None:
        config = {"size": size, **REFERENCES.get(address, {})}
        self.do(lambda: self.system.request(address, create=config, proceed=True), crash)

    @rule(some=st.sets(addresses, min_size=2, max_size=3), size=sizes, proceed=st.booleans(), crash=crashes)
    def patch_a_set(self, some: set[str], size: int, proceed: bool, crash: int | None) -> None:
        changes = [{"component": a, "proposed_change": {"size": size}} for a in sorted(some)]
        self.do(lambda: self.system.request(changes=changes, proceed=proceed), crash)

    @rule(choice=choices, crash=crashes)
    def approve(self, choice: int, crash: int | None) -> None:
        change = self.pick({State.AWAITING_APPROVAL}, choice)
        if change is not None:
            self.do(lambda: self.system.approve(change), crash)

    @rule(choice=choices, how=st.sampled_from(["reject", "cancel", "retry"]), crash=crashes)
    def decide(self, choice: int, how: str, crash: int | None) -> None:
        change = self.pick(OPEN if how != "retry" else {State.FAILED, State.STOPPED}, choice)
        if change is not None:
            self.do(lambda: getattr(decisions, how)(self.system.workspace, change.id), crash)

    @rule(choice=choices, crash=crashes)
    def apply(self, choice: int, crash: int | None) -> None:
        change = self.pick({State.APPROVED, State.APPLYING}, choice)
        if change is not None:
            self.do(lambda: self.system.apply(change), crash)

    @rule(choice=choices, include_later=st.booleans(), crash=crashes)
    def roll_back(self, choice: int, include_later: bool, crash: int | None) -> None:
        change = self.pick({State.APPLIED, State.FAILED, State.STOPPED}, choice)
        if change is not None:
            self.do(lambda: self.system.roll_back(change, include_later=include_later, proceed=True), crash)

    @rule(crash=crashes)
    def drain(self, crash: int | None) -> None:
        self.do(self.system.drain, crash)

    @rule(address=addresses, command=st.sampled_from(["plan", "apply", None]))
    def break_terraform(self, address: str, command: str | None) -> None:
        self.system.terraform.failures.pop(address, None)
        if command is not None:
            self.system.terraform.failures[address] = command

    @rule(seconds=st.sampled_from([1, 70, 3600 * 30]))
    def wait(self, seconds: int) -> None:
        self.system.clock.pass_seconds(seconds)

    # -- what always holds ----------------------------------------------------------------------------

    @invariant()
    def no_two_that_overlap_are_in_flight(self) -> None:
        flying = [change for change in self.changes() if change.status in IN_FLIGHT]
        for one, other in combinations(flying, 2):
            assert not overlap(one, other), (one.id, other.id)

    @invariant()
    def every_answered_change_is_kept(self) -> None:
        assert self.answered <= {change.id for change in self.changes()}

    @invariant()
    def a_reader_sees_a_set_whole_or_not_at_all(self) -> None:
        workspace = self.system.workspace
        unfinished = config_set.unfinished(workspace)
        for edit in unfinished.wanted.edits if unfinished else ():
            seen = config_set.as_before(workspace)[workspace.config_parameter(edit.address)]
            assert (seen is None) == (edit.before is None)

    def teardown(self) -> None:
        """Drained, every change has its end and a reason, and configs as by the applied in order."""
        self.system.terraform.failures.clear()
        for _ in range(1 + sum(change.status in OPEN for change in self.changes())):  # each pass ends one
            if all(change.status in FINAL for change in self.changes()):
                break
            self.system.clock.pass_seconds(3600 * 100)
            self.system.drain()
        changes = {change.id: change for change in self.changes()}
        assert {c.id: c.status for c in changes.values() if c.status not in FINAL} == {}
        assert [c.id for c in changes.values() if not c.why] == []
        self.check_configs(changes)
        assert self.system.log.verify().verified
        assert build_graph(self.system.workspace).status in {"unchanged", "published"}

    def check_configs(self, changes: dict[str, Change]) -> None:
        """Serial equivalence: the requests, applied one after the other, give what is stored."""
        model: dict[str, Any] = {address: dict(config) for address, config in START.items()}
        seen: set[tuple[str, str]] = set()
        for event in self.system.log.events(action="config_write"):
            key = (event.change_id or "", event.component or "")
            if event.status != "succeeded" or key in seen:
                continue
            seen.add(key)
            self.play(model, changes[key[0]], key[1])
        stored = {address: self.system.config(address) for address in ADDRESSES}
        assert {a: c for a, c in stored.items() if c is not None} == model
        for change in changes.values():
            mine = {component for change_id, component in seen if change_id == change.id}
            assert mine in (set(), {edit.address for edit in change.edits}), change

    def play(self, model: dict[str, Any], change: Change, address: str) -> None:
        parts = change.request.get("changes", [change.request])
        part = next(p for p in parts if p["component"] == address)
        if part.get("remove"):
            del model[address]
        elif "proposed_change" in part:
            model[address] = patched(model[address], part["proposed_change"])
        else:
            model[address] = part.get("create", part.get("replace"))


RUNS, STEPS = (2000, 40) if os.environ.get("KARMA_SOAK") == "1" else (60, 25)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_changes_survive_whatever_happens() -> None:
    """No change is lost, each ends with a reason, none overlap, configs are serial, the log verifies."""
    run_state_machine_as_test(
        Changes,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # shrinking a life of hundreds of calls takes longer than reading it
            suppress_health_check=list(HealthCheck),
        ),
    )
