"""Deploys: order, cut-off, failure, exact plans, resume. Real use cases on in-memory adapters."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from karma_core import failpoints
from karma_core.errors import LeaseHeld, NotFound, Refused, StoreError, StoreUnavailable, UsageError
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs import unlocking
from karma_core.use_cases.runs.deploy import idle, resume
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.resume import abandon, close_dead_runs
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL, Killed, Meanwhile, System, reasons, statuses

CONSUMES = {"b": {"consumes": {"a": ["size"]}}}
RELOADS = {"b": {"propagation": "reload", "reload": {"command": ["true"]}}}


def die(system: System, name: str, nth: int = 1, command: Callable[[], object] | None = None) -> str:
    """Deploy, or do something else, be killed at the nth passing of a failpoint, and return the run's id."""
    passed: list[str] = []

    def hook(reached: str) -> None:
        passed.append(reached)
        if reached == name and passed.count(name) == nth:
            system.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            (command or system.deploy)()
    finally:
        failpoints.install(None)
    return system.state.runs()[0].id


@pytest.fixture
def chain() -> System:
    """a/one ← b/two ← c/three, and d/alone."""
    system = System()
    system.configure(
        a_one={"size": 1},
        b_two={"a_nickname": "one"},
        c_three={"b_nickname": "two"},
        d_alone={"x": 1},
    )
    return system


def test_producers_are_applied_before_consumers(chain: System) -> None:
    """I5: no component starts before its producers succeed."""
    result = chain.deploy()
    assert result.status == "succeeded"
    order = chain.applies()
    assert order.index("a/one") < order.index("b/two") < order.index("c/three")
    assert sorted(order) == ["a/one", "b/two", "c/three", "d/alone"]


def test_runtimes_are_published_and_given_to_consumers(chain: System) -> None:
    """A consumer gets the runtime that its producer published in the same run."""
    chain.deploy()
    assert chain.runtime("a/one")["size"] == 1
    job = chain.terraform._states["b/two"]
    assert job["input"]["dependencies"] == {"a/one": chain.runtime("a/one")}


def test_nothing_to_do_starts_nothing(chain: System) -> None:
    """An unchanged deploy plans nothing, applies nothing, writes nothing."""
    chain.deploy()
    chain.terraform.calls.clear()
    before = (chain.parameters.revision(), len(chain.state.runs()))
    result = chain.deploy()
    assert set(statuses(result).values()) == {"unchanged"}
    assert chain.terraform.calls == []
    assert (chain.parameters.revision(), len(chain.state.runs())) == before
    assert idle(chain.workspace, ALL) is not None


def test_a_consumer_is_cut_off_where_what_it_consumes_is_the_same() -> None:
    """Only b's counted key decides; the other consumer counts the whole runtime."""
    system = System(CONSUMES)
    system.configure(
        a_one={"size": 1, "note": "x"}, b_two={"a_nickname": "one"}, c_three={"a_nickname": "one"}
    )
    system.deploy()
    system.applies()
    system.configure(a_one={"size": 1, "note": "y"})
    result = system.deploy()
    assert statuses(result) == {"a/one": "applied", "b/two": "cut_off", "c/three": "applied"}
    assert system.applies() == ["a/one", "c/three"]
    assert "(size) is the same" in reasons(result)["b/two"]
    assert reasons(result)["c/three"] == "a/one: note changed"


def test_its_own_cause_wins_over_a_cut_off() -> None:
    """A component whose config changed is applied whatever its producers do."""
    system = System(CONSUMES)
    system.configure(a_one={"size": 1, "note": "x"}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one={"size": 1, "note": "y"}, b_two={"a_nickname": "one", "z": 1})
    assert statuses(system.deploy())["b/two"] == "applied"


def test_a_changed_module_is_a_cause(chain: System) -> None:
    """Every component of the type runs again, for that reason; one whose plan is empty is not applied."""
    chain.deploy()
    chain.modules.edit("a", "2")
    result = chain.deploy()
    assert statuses(result)["a/one"] == "unchanged"
    assert reasons(result)["a/one"] == "module changed; its plan has no changes"
    assert set(statuses(chain.deploy()).values()) == {"unchanged"}


def test_a_failure_stops_its_cone_and_nothing_else(chain: System) -> None:
    """Siblings go on; consumers are blocked by the root cause; the next deploy takes it up."""
    chain.terraform.failures["b/two"] = "apply"
    result = chain.deploy()
    assert result.status == "failed"
    assert statuses(result) == {
        "a/one": "applied",
        "b/two": "failed",
        "c/three": "blocked",
        "d/alone": "applied",
    }
    assert reasons(result)["c/three"] == "it needs b/two, which failed"
    assert chain.graph.load("test").graph.nodes[1].status == "failed"  # type: ignore[union-attr]
    chain.terraform.failures.clear()
    chain.applies()
    again = chain.deploy()
    assert again.status == "succeeded"
    assert chain.applies() == ["b/two", "c/three"]
    assert "failed" in reasons(again)["b/two"]


def test_a_failed_plan_is_the_components_own(chain: System) -> None:
    """A plan that fails blocks its component, as `plan` says; the run goes on beside it."""
    chain.terraform.failures["a/one"] = "plan"
    result = chain.deploy()
    assert statuses(result)["a/one"] == "blocked"
    assert result.status == "blocked"
    assert statuses(result)["d/alone"] == "applied"
    assert ("a/one", "failed") in chain.events("terraform_plan")


def test_reload_is_done_instead_of_an_apply_where_only_runtimes_changed() -> None:
    """A reload has its own idempotency key each time; the component's own change is applied."""
    system = System(RELOADS)
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    assert statuses(system.deploy())["b/two"] == "applied"
    for size in (2, 3):
        system.configure(a_one={"size": size})
        assert statuses(system.deploy())["b/two"] == "reloaded"
    assert [address for address, _ in system.reloader.calls] == ["b/two", "b/two"]
    assert len({key for _, key in system.reloader.calls}) == 2
    system.configure(b_two={"a_nickname": "one", "x": 1})
    assert statuses(system.deploy())["b/two"] == "applied"


def test_a_failed_reload_is_tried_again_by_the_next_deploy() -> None:
    """A component that was not reloaded stays stale."""
    system = System(RELOADS)
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one={"size": 2})
    system.reloader.failing.add("b/two")
    assert statuses(system.deploy())["b/two"] == "failed"
    system.reloader.failing.clear()
    assert statuses(system.deploy())["b/two"] == "reloaded"


def test_a_type_that_does_not_propagate_notes_the_change_and_rests() -> None:
    """`propagation: none`: nothing runs, and the next deploy finds nothing to do."""
    system = System({"b": {"propagation": "none"}})
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    system.configure(a_one={"size": 2})
    result = system.deploy()
    assert statuses(result)["b/two"] == "unchanged"
    assert idle(system.workspace, ALL) is not None


def test_an_error_blocks_its_cone_only(chain: System) -> None:
    """A component with a finding is not deployed, nor what needs it; the others are."""
    chain.configure(b_two={"a_nickname": "gone"})
    result = chain.deploy()
    assert statuses(result) == {
        "a/one": "applied",
        "b/two": "blocked",
        "c/three": "blocked",
        "d/alone": "applied",
    }
    assert "missing-component" in reasons(result)["b/two"]


def test_intent_and_outcome_are_in_log_and_journal(chain: System) -> None:
    """I2: every applied change has both; the chain verifies; the runtime event follows from the apply."""
    chain.deploy(Selection(targets=("d/alone",)))
    assert chain.events("terraform_apply") == [("d/alone", "started"), ("d/alone", "succeeded")]
    entries = [(e.step, e.status) for e in chain.state.entries(address="d/alone")]
    assert entries == [("apply", "started"), ("apply", "succeeded"), ("publish_runtime", "succeeded")]
    by_id = {event.id: event for event in chain.log.events()}
    published = next(e for e in by_id.values() if e.action == "runtime_publish")
    applied = by_id[published.cause or ""]
    assert (applied.action, applied.status) == ("terraform_apply", "succeeded")
    assert by_id[by_id[applied.cause or ""].cause or ""].action == "deploy"
    assert chain.log.verify().verified


def test_where_the_log_cannot_be_written_nothing_is_applied(chain: System, monkeypatch: Any) -> None:
    """The intent comes first: with the required sink down, Terraform is not called."""

    def down(*_: Any, **__: Any) -> None:
        raise StoreUnavailable("the log cannot be written")

    chain.workspace  # noqa: B018 - opened before the sink fails
    monkeypatch.setattr(chain.sink, "append", down)
    with pytest.raises(StoreUnavailable):
        chain.deploy()
    assert chain.applies() == []


def test_two_deploys_of_one_component_do_not_overlap(chain: System) -> None:
    """The second is refused while the first holds the component's lease."""
    chain.state.acquire(["component:b/two"], "somebody", 60)
    with pytest.raises(LeaseHeld):
        chain.deploy()
    assert chain.applies() == []


def test_a_component_that_does_not_exist_is_said(chain: System) -> None:
    """A mistyped address does nothing."""
    with pytest.raises(NotFound):
        chain.deploy(Selection(targets=("a/other",)))
    with pytest.raises(UsageError):
        chain.deploy(Selection())


# -- secrets ----------------------------------------------------------------------------------------------


def test_a_secret_output_reaches_consumers_and_nothing_else() -> None:
    """I6: it is published as SecureString, counts in the fingerprint, and is in no log, artifact or graph."""
    system = System()
    system.configure(a_one={"secret": "s3cr3t-canary"}, b_two={"a_nickname": "one"})
    system.deploy()
    stored = system.parameters.get("/iac/a/one/runtime")
    assert stored is not None
    assert (stored.kind, stored.value) == ("SecureString", None) or "s3cr3t" not in str(stored.value)
    everything = repr(list(system.log.events())) + repr(system.graph.load("test"))
    everything += repr([system.artifacts.get(key) for key in system.artifacts.keys("")])
    everything += repr([a.keys for a in system.state.all_applied().values()])
    assert "s3cr3t-canary" not in everything.replace("/config", "")


# -- exact plans ------------------------------------------------------------------------------------------


def test_a_shown_plan_is_applied_as_it_is(chain: System) -> None:
    """What was planned with values that came true is not planned again."""
    shown = plan(chain.workspace, ALL)
    planned = [a for command, a in chain.terraform.calls if command == "plan"]
    chain.terraform.calls.clear()
    result = chain.deploy(plan_id=shown.id)
    assert result.status == "succeeded"
    again = [a for command, a in chain.terraform.calls if command == "plan"]
    assert set(again) < set(planned), "a/one and d/alone were planned with all their inputs known"
    assert "a/one" not in again


def test_a_plan_that_would_replace_more_than_was_shown_stops() -> None:
    """The config moved after the plan was shown, so that it replaces: nothing of it is applied."""
    system = System()
    system.configure(a_one={"replace_on": 1}, b_two={"a_nickname": "one"}, d_alone={})
    system.deploy()
    system.configure(a_one={"replace_on": 1, "size": 2})
    shown = plan(system.workspace, ALL)
    system.configure(a_one={"replace_on": 2, "size": 2})
    system.applies()
    result = system.deploy(plan_id=shown.id)
    assert result.status == "stopped"
    assert statuses(result)["a/one"] == statuses(result)["b/two"] == "stopped"
    assert reasons(result)["b/two"] == "it needs a/one, which was stopped for approval"
    assert "terraform_data.this" in reasons(result)["a/one"]
    assert system.applies() == []


def test_a_stale_saved_plan_is_made_anew(chain: System) -> None:
    """Somebody else applied in between: Terraform refuses the saved plan, and a new one is applied."""
    shown = plan(chain.workspace, Selection(targets=("d/alone",)))
    chain.terraform._serials["d/alone"] = 7
    result = chain.deploy(Selection(targets=("d/alone",)), plan_id=shown.id)
    assert statuses(result) == {"d/alone": "applied"}
    assert ("d/alone", "refused") in chain.events("terraform_apply")


def test_an_unknown_plan_is_said(chain: System) -> None:
    """A mistyped plan applies nothing."""
    with pytest.raises(NotFound):
        chain.deploy(plan_id="nonsense")


# -- death and resume ---------------------------------------------------------------------------------------

BOUNDARIES = [
    "deploy.after_start",
    "deploy.after_intent",
    "deploy.before_apply",
    "deploy.after_apply",
    "deploy.before_outcome",
    "deploy.before_runtime",
    "deploy.after_runtime",
]


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_run_that_died_anywhere_is_resumed_to_the_same_end(boundary: str, nth: int) -> None:
    """I3, I4: only what was left is done, nothing completes twice, every apply has an outcome."""
    quiet = System()
    system = System()
    for one in (quiet, system):
        one.configure(a_one={"size": 1}, b_two={"a_nickname": "one"}, c_three={"b_nickname": "two"})
    quiet.deploy()
    nth = 1 if boundary == "deploy.after_start" else nth
    run_id = die(system, boundary, nth)
    system.clock.pass_seconds(61)
    done = {e.address for e in system.state.entries(run_id=run_id) if e.step == "publish_runtime"}
    system.terraform.calls.clear()
    result = system.resume(run_id)
    assert result.status == "succeeded"
    assert set(statuses(result).values()) == {"applied"}
    assert not {address for _, address in system.terraform.calls} & done
    finished = [
        (e.address, e.generation)
        for e in system.state.entries()
        if e.step == "apply" and e.status == "succeeded"
    ]
    assert len(finished) == len(set(finished)) == 3
    for address in ("a/one", "b/two", "c/three"):
        assert system.events("terraform_apply").count((address, "succeeded")) >= 1
        assert system.runtime(address).keys() == quiet.runtime(address).keys()
    assert idle(system.workspace, ALL) is not None
    assert system.log.verify().verified


def test_a_resumed_run_works_with_the_versions_that_it_began_with(chain: System) -> None:
    """What was published meanwhile waits for the next deploy."""
    run_id = die(chain, "deploy.after_runtime")
    chain.configure(c_three={"b_nickname": "two", "new": True})
    chain.clock.pass_seconds(61)
    chain.resume(run_id)
    assert "new" not in chain.runtime("c/three")
    assert statuses(chain.deploy())["c/three"] == "applied"
    assert chain.runtime("c/three")["new"] is True


def test_the_next_deploy_names_dead_runs_and_gives_their_applies_an_outcome(chain: System) -> None:
    """Nothing stays `running` for ever, and no intent without a word on how it ended."""
    run_id = die(chain, "deploy.before_apply")
    chain.clock.pass_seconds(61)
    result = chain.deploy()
    assert any(run_id in warning for warning in result.warnings)
    run = chain.state.run(run_id)
    assert run is not None
    assert run.status == "interrupted"
    assert any(status == "interrupted" for _, status in chain.events("terraform_apply"))


@pytest.mark.parametrize("boundary", ["deploy.after_intent", "deploy.before_apply", "deploy.after_apply"])
def test_a_config_that_is_reverted_after_an_apply_died_is_applied_again(boundary: str) -> None:
    """Its fingerprint is that of the last success, and nobody knows how far the one that died came."""
    system = System()
    system.configure(a_one={"size": 1})
    system.deploy()
    system.configure(a_one={"size": 2})
    run_id = die(system, boundary)
    system.clock.pass_seconds(61)
    system.configure(a_one={"size": 1})
    made = plan(system.workspace, ALL)
    assert run_id in made.components[0].reason
    assert made.components[0].action == ("update" if boundary == "deploy.after_apply" else "no-op")
    assert statuses(system.deploy()) == {
        "a/one": "applied" if boundary == "deploy.after_apply" else "unchanged"
    }
    assert system.terraform.inputs()["a/one"]["config"] == {"size": 1}
    record = system.state.applied("a/one")
    assert record is not None
    assert (record.begun, idle(system.workspace, ALL) is not None) == ("", True)


def test_a_component_whose_destroy_died_is_not_called_unchanged() -> None:
    """A part of it may be gone; a deploy looks, and makes it again."""
    system = System()
    system.configure(a_one={"size": 1})
    system.deploy()
    die(system, "destroy.after_destroy", command=lambda: destroy(system.workspace, ALL, ThreadExecutor))
    system.clock.pass_seconds(61)
    assert {c.action for c in plan(system.workspace, ALL).components} == {"create"}
    assert statuses(system.deploy()) == {"a/one": "applied"}
    assert len(system.terraform.states()) == 1


def test_a_living_run_is_neither_closed_nor_resumed(chain: System) -> None:
    """A lease that is being renewed belongs to somebody."""
    run_id = die(chain, "deploy.before_apply")
    run = chain.state.run(run_id)
    assert run is not None
    lease = chain.state.acquire(["component:other/x"], run.holder, 3600)
    assert close_dead_runs(chain.workspace) == []
    with pytest.raises(LeaseHeld):
        abandon(chain.workspace, run_id)
    chain.state.release(lease)
    chain.clock.pass_seconds(61)
    assert abandon(chain.workspace, run_id).status == "abandoned"
    with pytest.raises(Refused):
        chain.resume(run_id)


@pytest.mark.parametrize("how", ["resume", "abandon", "deploy"])
def test_a_run_that_died_under_a_clock_that_was_ahead_can_be_taken_up(chain: System, how: str) -> None:
    """Its leases seem to hold for another year: they are taken once they stood still for their length."""
    system_clock = chain.clock.now
    chain.clock.pass_seconds(400 * 24 * 3600)
    chain.lease_seconds = 0.5
    run_id = die(chain, "deploy.before_apply")
    lock = {"id": "lock-1", "created": chain.clock.now.isoformat()}
    chain.clock.now = system_clock
    if how == "resume":
        chain.terraform.locks["a/one"] = lock
    if how == "resume":
        assert chain.resume(run_id).status == "succeeded"
    elif how == "abandon":
        assert abandon(chain.workspace, run_id).status == "abandoned"
    else:
        assert chain.deploy().status == "succeeded"
    assert chain.state.leases() == ()


def test_a_resume_that_could_not_begin_holds_nothing(chain: System) -> None:
    """The store was away for a moment: the next try is not told that somebody is at work."""
    run_id = die(chain, "deploy.before_apply")
    chain.clock.pass_seconds(61)

    def away() -> None:
        raise StoreUnavailable("the parameter store is away")

    made = chain.workspace
    with pytest.raises(StoreUnavailable):
        resume(
            replace(made, parameters=Meanwhile(made.parameters, "read_tree", away)), run_id, ThreadExecutor
        )
    assert chain.state.leases() == ()
    assert chain.resume(run_id).status == "succeeded"


def test_a_run_is_resumed_however_long_its_fleet_takes_to_read(chain: System) -> None:
    """The lease is kept alive from the moment it is had, not only once the walk begins."""
    run_id = die(chain, "deploy.before_apply")
    chain.clock.pass_seconds(61)

    def slow() -> None:
        for _ in range(3):
            chain.clock.pass_seconds(0.4)
            time.sleep(0.7)  # the lease is renewed three times in its 0.6 seconds

    made = chain.workspace
    workspace = replace(
        made,
        environment=replace(made.environment, lease_seconds=0.6),
        parameters=Meanwhile(made.parameters, "read_tree", slow),
    )
    assert resume(workspace, run_id, ThreadExecutor).status == "succeeded"


class MovingTree:
    """A work tree whose commit moves."""

    def __init__(self) -> None:
        self.commit = "old"

    def head(self) -> str:
        return self.commit

    def move(self) -> None:
        """Somebody pulls."""
        self.commit = "new"


def test_what_is_done_cannot_be_resumed(chain: System) -> None:
    """A finished run, and one that never was."""
    run_id = chain.deploy().run_id
    with pytest.raises(Refused):
        chain.resume(run_id)
    with pytest.raises(NotFound):
        chain.resume("nonsense")


def test_a_state_that_was_kept_aside_is_taken_up_before_the_plan(chain: System) -> None:
    """With intent and outcome in journal and log; no plan that was made before is applied to it."""
    chain.deploy()
    chain.configure(a_one={"size": 2})
    chain.terraform.lost.add("a/one")
    chain.terraform.failures["a/one"] = "recover"
    chain.terraform.calls.clear()
    assert statuses(chain.deploy())["a/one"] == "failed"
    looked_ahead, recovered = "plan", "recover"
    assert [c for c, a in chain.terraform.calls if a == "a/one"] == [looked_ahead, recovered]
    chain.terraform.failures.clear()
    chain.terraform.calls.clear()
    assert statuses(chain.deploy())["a/one"] == "applied"
    assert [c for c, a in chain.terraform.calls if a == "a/one"] == [looked_ahead, recovered, "plan", "apply"]
    assert chain.events("state_recover") == [
        ("a/one", status) for status in ("started", "failed", "started", "succeeded")
    ]
    steps = [e.status for e in chain.state.entries(address="a/one") if e.step == "recover_state"]
    assert steps == ["started", "failed", "started", "succeeded"]


@pytest.mark.parametrize(
    ("seconds", "released"), [(-3600, False), (0, True), (50, True), (3600, False), (None, False)]
)
def test_only_the_lock_of_the_dead_attempt_is_released(
    chain: System, seconds: int | None, released: bool
) -> None:
    """Taken while that attempt held the lease: before and after it others may have; nor without a time."""
    run_id = die(chain, "deploy.before_apply")
    moment = chain.clock.now + timedelta(seconds=seconds or 0)
    chain.terraform.locks["a/one"] = {
        "id": "lock-1",
        "created": moment.isoformat() if seconds is not None else "",
    }
    chain.clock.pass_seconds(61)
    result = chain.resume(run_id)
    assert statuses(result)["a/one"] == ("applied" if released else "failed")
    assert chain.events("state_unlock") == [("a/one", s) for s in ("started", "succeeded") if released]
    assert ("a/one" in chain.terraform.locks) is not released


def test_a_terraform_on_another_machine_may_save_before_its_lock_is_released(
    chain: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody here can see whether it still runs: until it must have ended, its lock is left alone."""
    monkeypatch.setattr(unlocking, "PAUSE_SECONDS", 0.1)
    run_id = die(chain, "deploy.before_apply")
    chain.terraform.locks["a/one"] = {"id": "lock-1", "created": chain.clock.now.isoformat()}
    chain.terraform.lock_facts = {"may_save_seconds": 0.5}
    chain.clock.pass_seconds(61)
    begun = time.monotonic()
    assert statuses(chain.resume(run_id))["a/one"] == "applied"
    assert time.monotonic() - begun > 0.5
    assert chain.terraform.calls.count(("plan", "a/one")) > 3


def test_a_new_run_releases_no_lock(chain: System) -> None:
    """There is no dead attempt whose it could be."""
    chain.terraform.locks["a/one"] = {"id": "lock-1", "created": chain.clock.now.isoformat()}
    result = chain.deploy()
    assert statuses(result)["a/one"] == "blocked"
    assert "a/one" in chain.terraform.locks


def test_a_run_that_cannot_begin_leaves_no_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its leases would be renewed for ever by a thread that nobody ends."""
    system = System()
    system.configure(a_one={})

    def full(_run: object) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr(system.state, "put_run", full)
    with pytest.raises(StoreError):
        system.deploy()
    assert [thread.name for thread in threading.enumerate() if thread.name == "karma-lease"] == []
    assert system.state.leases() == ()
