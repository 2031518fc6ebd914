"""The life of a change: queue, approval, apply, failure, recovery, rollback."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from karma_core import failpoints
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import BadInput, Conflict, LeaseHeld, NotFound, Refused, StaleLease, UsageError
from karma_core.model import to_builtins
from karma_core.use_cases import leasing
from karma_core.use_cases.audit.why import why
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.drain import left_approved
from karma_core.use_cases.changes.queue import expire
from karma_core.use_cases.changes.reading import list_changes, result_of, show
from karma_core.use_cases.changes.register import Register, change_lease
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.graph.build import build_graph
from tests.change_system import ChangeSystem, die, request
from tests.memory_system import Killed, Meanwhile

FIELDS = ["change_id", "status", "affected_components", "warnings", "findings", "plan", "log_entry_id"]


@pytest.fixture
def system() -> ChangeSystem:
    """a/one ← b/two, and d/four; all deployed."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one"}, d_four={"size": 1})
    system.deploy()
    system.applies()
    return system


def test_the_result_document_has_exactly_the_contracts_fields(system: ChangeSystem) -> None:
    """Whatever became of the change, and for a dry run too."""
    good = system.request("a/one", proposed_change={"size": 2})
    bad = system.request("a/one", remove=True)
    dry = system.request("d/four", proposed_change={"size": 2}, dry_run=True)
    for change in (good, bad, dry):
        document = result_of(system.workspace, change)
        assert list(document) == FIELDS
        assert document["log_entry_id"] == change.last_event
    assert result_of(system.workspace, dry)["change_id"] is None
    assert result_of(system.workspace, bad)["plan"] is None
    assert result_of(system.workspace, good)["plan"]["components"][0]["address"] == "a/one"
    assert list(show(system.workspace, good.id))[:7] == FIELDS


def test_an_applied_change_is_written_deployed_and_propagated(system: ChangeSystem) -> None:
    """The config with its provenance, the cone in order, one run, the plan that was shown."""
    change = system.applied("a/one", proposed_change={"size": 2})
    assert system.applies() == ["a/one", "b/two"]
    assert system.runtime("a/one")["size"] == 2
    stored = system.parameters.get("/iac/a/one/config")
    assert stored is not None
    assert (stored.version, change.id in stored.description) == (2, True)
    run = system.state.run(change.runs[0])
    assert run is not None
    assert run.options["plan"] == change.plan_id


def test_every_step_is_an_event_with_the_change_and_its_cause(system: ChangeSystem) -> None:
    """From the apply of a consumer, causes lead back to the request."""
    change = system.applied("a/one", proposed_change={"size": 2})
    by_id = {event.id: event for event in system.log.events()}
    event = [e for e in by_id.values() if e.action == "terraform_apply" and e.component == "b/two"][-1]
    path = []
    while event.cause is not None:
        assert event.change_id == change.id
        path.append(event.action)
        event = by_id[event.cause]
    assert (event.action, event.status) == ("change", "proposed")
    assert {"runtime_publish", "deploy", "change"} <= set(path)
    states = [e.status for e in by_id.values() if e.action == "change"]
    assert states == ["proposed", "planning", "approved", "applying", "applying", "applied"]
    assert system.log.verify().verified


def test_overlapping_changes_wait_in_order_disjoint_ones_do_not(system: ChangeSystem) -> None:
    """The position is shown; the order is that of acceptance; the queue moves when its head has ended."""
    first = system.request("a/one", proposed_change={"size": 2})
    second = system.request("b/two", proposed_change={"x": 1}, proceed=True)
    third = system.request("a/one", proposed_change={"size": 3}, proceed=True)
    beside = system.request("d/four", proposed_change={"size": 2})
    assert [c.status for c in (first, second, third, beside)] == ["approved", "queued", "queued", "approved"]
    positions = {line["change_id"]: line["position"] for line in list_changes(system.workspace)}
    assert [positions[c.id] for c in (first, second, third, beside)] == [0, 2, 3, 0]
    with pytest.raises(Refused, match="queued"):
        system.apply(third)
    system.apply(first)
    system.drain()
    assert [system.change(c.id).status for c in (second, third)] == ["applied", "applied"]
    writes = [component for component, status in system.events("config_write") if status == "succeeded"]
    assert writes == ["a/one", "b/two", "a/one"]


def test_at_the_head_of_the_queue_a_change_is_judged_again(system: ChangeSystem) -> None:
    """A moved base rejects it; without one the patch is applied to what is there then."""
    first = system.request("a/one", proposed_change={"size": 2})
    stale = system.request("a/one", proposed_change={"x": 1}, base_version=1)
    fresh = system.request("a/one", proposed_change={"y": 1}, proceed=True)
    system.apply(first)
    system.drain()
    assert system.change(stale.id).status is State.REJECTED
    assert system.codes(system.change(stale.id)) == {"stale-base"}
    assert system.change(fresh.id).status is State.APPLIED
    assert system.config("a/one") == {"size": 2, "y": 1}


def test_a_change_that_begins_to_use_what_another_removes_waits(system: ChangeSystem) -> None:
    """Their cones are disjoint; together they would leave a dangling reference."""
    removal = system.approve(system.request("d/four", remove=True))
    user = system.request("b/two", proposed_change={"d_nickname": "four"}, proceed=True)
    assert user.status is State.QUEUED
    system.apply(removal)
    system.drain()
    assert system.change(user.id).status is State.REJECTED


def test_an_approval_is_bound_to_the_plan(system: ChangeSystem) -> None:
    """Where the plan becomes another one, the change awaits another approval and nothing is written."""
    system.policy = {"require_approval": True}
    change = system.approve(system.request("b/two", proposed_change={"x": 1}), why="seen")
    assert change.approval is not None
    assert (change.approval.by, change.approval.why, change.approval.digest) == ("ann", "seen", change.digest)
    system.configure(a_one={"size": 9})
    system.configure(b_two={"a_nickname": "one", "y": 1})
    after = system.apply(change)
    assert (after.status, after.approval) == (State.AWAITING_APPROVAL, None)
    assert "versions have moved" in after.why
    assert system.config("b/two") == {"a_nickname": "one", "y": 1}
    with pytest.raises(Conflict, match="not the one that was seen"):
        system.approve(after, digest=change.digest)
    assert system.apply(system.approve(after, digest=after.digest)).status is State.APPLIED
    assert system.config("b/two") == {"a_nickname": "one", "x": 1, "y": 1}


def test_what_moves_elsewhere_does_not_void_an_approval(system: ChangeSystem) -> None:
    """The plan is made again, and is the same."""
    system.policy = {"require_approval": True}
    change = system.approve(system.request("b/two", proposed_change={"x": 1}))
    system.configure(d_four={"size": 5})
    assert system.apply(change).status is State.APPLIED


def test_who_may_approve_is_kept_to_and_denials_are_logged(system: ChangeSystem) -> None:
    """The requester is not the approver, where that is the rule."""
    system.policy = {"require_approval": True, "distinct_approver": True}
    change = system.request("a/one", proposed_change={"size": 2})
    with pytest.raises(Refused) as caught:
        system.approve(change)
    assert caught.value.code == "not-approver"
    assert ("a/one", "denied") in system.events("change")
    system.user = "bob"
    assert system.approve(change).status is State.APPROVED


def test_unapproved_and_unapplied_changes_expire(system: ChangeSystem) -> None:
    """They give their part of the graph back, so that nobody waits for ever."""
    system.policy = {"require_approval": True, "approval_hours": 1}
    change = system.request("a/one", proposed_change={"size": 2})
    waiting = system.request("a/one", proposed_change={"size": 3})
    system.clock.pass_seconds(3601)
    with pytest.raises(Refused, match="cannot become approved"):
        system.approve(change)
    assert system.change(change.id).status is State.EXPIRED
    system.drain()
    assert system.change(waiting.id).status is State.AWAITING_APPROVAL


def test_what_was_decided_while_the_overdue_are_looked_for_does_not_expire(system: ChangeSystem) -> None:
    """A list of changes is old when it has been read: the approval of a moment ago counts."""
    system.policy = {"require_approval": True, "approval_hours": 1}
    change = system.request("a/one", proposed_change={"size": 2})
    system.clock.pass_seconds(3601)

    def approve() -> None:
        register = Register(system.workspace)
        register.move(register.get(change.id), State.APPROVED, "approved by bob")

    made = system.workspace
    assert expire(replace(made, state=Meanwhile(made.state, "leases", approve))) == []
    assert system.change(change.id).status is State.APPROVED


def test_a_request_that_is_made_twice_at_once_is_one_change(system: ChangeSystem) -> None:
    """The same key gives the same change, also to the one who came second by a moment."""
    body = {"component": "a/one", "proposed_change": {"size": 2}, "idempotency_key": "k"}
    first: list[Change] = []
    made = system.workspace
    beside = Meanwhile(made.state, "acquire", lambda: first.append(request(system.workspace, body)))
    second = request(replace(made, state=beside), body)
    assert [second.id] == [change.id for change in first]
    assert len(Register(system.workspace).all()) == 1


def test_who_slept_past_the_right_to_decide_decides_nothing(system: ChangeSystem) -> None:
    """Another may have let an overlapping change go on meanwhile."""
    made = system.workspace
    asleep = Meanwhile(made.parameters, "read_tree", lambda: system.clock.pass_seconds(61))
    body = {"component": "a/one", "proposed_change": {"size": 2}}
    with pytest.raises(StaleLease):
        request(replace(made, parameters=asleep), body)
    assert [change.status for change in Register(system.workspace).all()] == [State.PROPOSED]
    system.drain()
    assert [change.status for change in Register(system.workspace).all()] == [State.APPROVED]


def test_a_writer_that_slept_past_its_lease_leaves_the_next_ones_note(system: ChangeSystem) -> None:
    """The note of the set that is being written now stays: builds go by it, and it is rolled forward."""
    change = system.request("a/one", proposed_change={"size": 2})
    other = config_set.ConfigSet(change_id="other", edits=(), cause="")
    slept = []

    def sleep(reached: str) -> None:
        if reached != "change.config_written" or slept:
            return
        slept.append(reached)
        system.clock.pass_seconds(61)
        workspace = system.workspace
        with leasing.held(workspace, [leasing.PARAMETERS]):
            config_set.finish(workspace)
            workspace.state.put_document(config_set.KIND, config_set.UNFINISHED, to_builtins(other))

    failpoints.install(sleep)
    try:
        system.apply(change)
    finally:
        failpoints.install(None)
    unfinished = config_set.unfinished(system.workspace)
    assert unfinished is not None
    assert unfinished.wanted.change_id == "other"


def test_rejected_and_cancelled_changes_end_with_their_reason(system: ChangeSystem) -> None:
    """What was decided, by whom and why, is kept; it cannot be decided again."""
    one = system.request("a/one", proposed_change={"size": 2})
    assert decisions.reject(system.workspace, one.id, why="too large").why == "rejected by ann: too large"
    other = system.request("a/one", proposed_change={"size": 2})
    assert decisions.cancel(system.workspace, other.id).status is State.CANCELLED
    with pytest.raises(Refused):
        decisions.cancel(system.workspace, other.id)
    with pytest.raises(NotFound):
        decisions.cancel(system.workspace, "none")


def test_a_failed_deploy_keeps_the_configs_and_can_be_tried_again(system: ChangeSystem) -> None:
    """Dependents are not started; a retry writes nothing twice."""
    system.terraform.failures["a/one"] = "apply"
    change = system.request("a/one", proposed_change=[{"op": "add", "path": "/list", "value": [1]}])
    failed = system.apply(change)
    assert failed.status is State.FAILED
    assert "a/one failed" in failed.why
    assert system.config("a/one") == {"size": 1, "list": [1]}
    system.terraform.failures.clear()
    again = decisions.retry(system.workspace, change.id)
    assert again.status is State.APPROVED
    assert system.apply(again).status is State.APPLIED
    stored = system.parameters.get("/iac/a/one/config")
    assert stored is not None
    assert stored.version == 2


def test_only_what_failed_or_was_stopped_is_tried_again(system: ChangeSystem) -> None:
    """A retry of an approved change would take its approval away."""
    change = system.request("a/one", proposed_change={"size": 2})
    with pytest.raises(Refused) as caught:
        decisions.retry(system.workspace, change.id)
    assert caught.value.code == "change-state"
    assert system.change(change.id).status is State.APPROVED


def test_a_retry_does_not_deploy_what_somebody_else_wrote_since(system: ChangeSystem) -> None:
    """What the change wrote must still be what is there."""
    system.terraform.failures["a/one"] = "apply"
    failed = system.apply(system.request("a/one", proposed_change={"size": 2}))
    system.configure(a_one={"size": 7})
    again = decisions.retry(system.workspace, failed.id)
    assert (again.status, system.codes(again)) == (State.REJECTED, {"stale-base"})


def test_a_rollback_is_a_change_with_the_old_content(system: ChangeSystem) -> None:
    """Planned and shown first; the change that is taken back says so; a creation is removed again."""
    change = system.applied("a/one", proposed_change={"size": 2})
    made = system.applied("d/new", create={"x": 1})
    back = system.roll_back(change)
    assert (back.status, bool(back.plan_id)) == (State.APPROVED, True)
    assert system.change(change.id).status is State.APPLIED
    system.apply(back)
    assert system.config("a/one") == {"size": 1}
    assert system.change(change.id).status is State.ROLLED_BACK
    gone = system.apply(system.approve(system.roll_back(made)))
    assert gone.status is State.APPLIED
    assert system.config("d/new") is None
    with pytest.raises(Refused, match="rolled_back"):
        system.roll_back(change)


def test_a_rollback_over_later_versions_has_to_include_them(system: ChangeSystem) -> None:
    """Somebody's later change is never taken back by accident."""
    change = system.applied("a/one", proposed_change={"size": 2})
    system.applied("a/one", proposed_change={"x": 1})
    with pytest.raises(Refused) as caught:
        system.roll_back(change)
    assert caught.value.code == "later-versions"
    back = system.roll_back(change, include_later=True)
    assert system.apply(back).status is State.APPLIED
    assert system.config("a/one") == {"size": 1}


def test_an_idempotency_key_gives_the_same_change(system: ChangeSystem) -> None:
    """A repeated delivery is not a second change."""
    one, other = (system.request("a/one", proposed_change={"size": 2}, idempotency_key="k") for _ in range(2))
    assert one.id == other.id
    assert len(list_changes(system.workspace)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"proposed_change": {"size": 3}},
        {"replace": {"size": 2}},
        {"changes": [{"component": "d/four", "proposed_change": {"size": 2}}]},
    ],
    ids=["another value", "another way", "another component"],
)
def test_another_request_under_the_same_key_is_refused(system: ChangeSystem, other: dict[str, Any]) -> None:
    """Giving the earlier change for it would swallow the request; a moved version or reason is no other."""
    key: dict[str, Any] = {"idempotency_key": "k"}
    first = system.request("a/one", proposed_change={"size": 2}, base_version=1, **key)
    again = system.request("a/one", proposed_change={"size": 2}, base_version=9, reason="again", **key)
    assert again.id == first.id
    with pytest.raises(Conflict) as caught:
        system.request("" if "changes" in other else "a/one", **other, **key)
    assert (caught.value.code, caught.value.facts["change_id"]) == ("idempotency-key", first.id)
    assert len(list_changes(system.workspace)) == 1


def test_a_document_that_cannot_be_read_leaves_nothing(system: ChangeSystem) -> None:
    """It is refused at the door."""
    with pytest.raises(BadInput):
        system.request(nonsense=True)
    assert list_changes(system.workspace) == []


SET = [
    {"component": "a/one", "proposed_change": {"size": 2}},
    {"component": "b/two", "proposed_change": {"x": 1}},
    {"component": "d/four", "remove": True},
]


@pytest.mark.parametrize(
    "place", ["change.applying", "change.set_noted", "change.config_written", "change.set_finished"]
)
def test_a_set_is_rolled_forward_after_a_crash(system: ChangeSystem, place: str) -> None:
    """Until it is whole a build sees none of it; whoever comes next finishes it; nothing is written twice."""
    change = system.approve(system.request(changes=SET))
    die(system, place, lambda: system.apply(change))
    assert system.change(change.id).status is State.APPLYING
    if place != "change.set_finished":
        build_graph(system.workspace)
        snapshot = system.graph.load("test")
        assert snapshot is not None
        seen = {n.address: n.config_version for n in snapshot.graph.nodes}
        assert seen == {"a/one": 1, "b/two": 1, "d/four": 1}
    system.drain()
    assert system.change(change.id).status is State.APPLIED
    assert system.config("a/one") == {"size": 2}
    assert system.config("d/four") is None
    stored = system.parameters.get("/iac/b/two/config")
    assert stored is not None
    assert stored.version == 2


def test_the_next_writer_finishes_a_set_whose_writer_died(system: ChangeSystem) -> None:
    """A disjoint change does not wait for its recovery, and leaves no half of it."""
    system.configure(e_five={"size": 1})
    dead = system.approve(system.request(changes=SET))
    die(system, "change.config_written", lambda: system.apply(dead))
    system.applied("e/five", proposed_change={"size": 2})
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 2}, None)
    system.drain()
    assert system.change(dead.id).status is State.APPLIED


@pytest.mark.parametrize("place", ["deploy.after_start", "deploy.before_apply", "change.ended"])
def test_a_deploy_that_died_is_taken_up(system: ChangeSystem, place: str) -> None:
    """The change ends as it would have."""
    change = system.request("a/one", proposed_change={"size": 2})
    die(system, place, lambda: system.apply(change))
    system.drain()
    assert system.change(change.id).status is State.APPLIED
    assert system.runtime("a/one")["size"] == 2


def test_a_planner_that_died_is_replaced(system: ChangeSystem) -> None:
    """Wherever it died, the change goes back to the queue and is planned by whoever comes next."""
    left = set()
    for calls in range(10, 100, 3):
        system.dies_after = calls
        with suppress(Killed):
            system.request("a/one", proposed_change={"size": 2})
        system.dies_after = None
        system.clock.pass_seconds(61)
        left |= {line["status"] for line in list_changes(system.workspace)}
        system.drain()
        assert {line["status"] for line in list_changes(system.workspace)} <= {"approved", "cancelled"}
        for line in list_changes(system.workspace, status="approved"):
            decisions.cancel(system.workspace, line["change_id"])
    assert {"proposed", "planning", "approved"} <= left


def test_a_living_process_is_not_disturbed(system: ChangeSystem) -> None:
    """While one works on a change, nobody else applies, approves or cancels it."""
    change = system.request("a/one", proposed_change={"size": 2})
    with leasing.held(system.workspace, [change_lease(change.id)]):
        for call in (
            lambda: system.apply(change),
            lambda: system.approve(change),
            lambda: decisions.cancel(system.workspace, change.id),
        ):
            with pytest.raises(LeaseHeld):
                call()


def test_a_foreign_writer_is_not_overwritten(system: ChangeSystem) -> None:
    """Who writes beside Karma between the last judgement and the write wins, and the change says so."""
    change = system.request("a/one", proposed_change={"size": 2})

    def hook(reached: str) -> None:
        if reached == "change.applying":
            system.configure(a_one={"size": 77})

    failpoints.install(hook)
    try:
        ended = system.apply(change)
    finally:
        failpoints.install(None)
    assert ended.status is State.FAILED
    assert "has moved" in ended.why
    assert system.config("a/one") == {"size": 77}


def test_a_freeze_holds_an_approved_change_back(system: ChangeSystem) -> None:
    """It stays approved, and is applied when the freeze has ended."""
    change = system.request("a/one", proposed_change={"size": 2})
    system.policy = {
        "freeze": [{"reason": "sale", "starts": "2026-01-01T00:00:00", "ends": "2026-01-03T00:00:00"}]
    }
    with pytest.raises(Refused) as caught:
        system.apply(change)
    assert caught.value.code == "policy-freeze"
    assert left_approved(system.workspace) == {change.id: "sale (UTC)"}
    refused = system.request("b/two", proposed_change={"size": 3}, dry_run=True)
    assert [finding.said for finding in refused.findings] == [
        "policy-freeze: b/two: no changes now: sale (UTC)."
    ]
    system.clock.pass_seconds(3600 * 24)
    assert system.apply(change).status is State.APPLIED
    assert left_approved(system.workspace) == {}


def test_why_tells_the_story_of_a_change(system: ChangeSystem) -> None:
    """From a consumer's run back to who asked, and why; the config's version is found to be the change's."""
    system.policy = {"require_approval": True}
    change = system.applied("a/one", proposed_change={"size": 2}, reason="more room")
    steps = why(system.workspace, "b/two")
    assert [step.missing for step in steps if step.event is None] == []
    told = [(s.event.action, s.event.status) for s in steps if s.event and s.event.change_id == change.id]
    assert ("config_write", "succeeded") in told
    assert ("change", "approved") in told
    assert "ann asked for it (cli): more room" in {step.because for step in steps}


def test_a_rollback_names_the_change_as_its_cause(system: ChangeSystem) -> None:
    """So that the story goes on from the change that it takes back."""
    change = system.applied("a/one", proposed_change={"size": 2})
    back = system.roll_back(change)
    first = next(e for e in system.log.events(action="change") if e.change_id == back.id)
    cause = system.log.event(first.cause or "")
    assert cause is not None
    assert (cause.change_id, cause.status) == (change.id, "applied")


def test_the_log_sums_up_what_changes_went_through(system: ChangeSystem) -> None:
    """Between two times: who asked for what, and where it stood at the end."""
    change = system.applied("a/one", proposed_change={"size": 2}, reason="more room")
    system.request("d/four", remove=True, dry_run=True)
    (told,) = system.log.diff("2026-01-01", "2026-01-31").changes
    assert (told.change_id, told.user, told.reason) == (change.id, "ann", "more room")
    assert (told.components, told.first_status, told.last_status) == (("a/one",), "proposed", "applied")


def test_who_sends_a_request_for_another_does_not_approve_it(system: ChangeSystem) -> None:
    """`requested_by` is only said: neither the one nor the other is the second person."""
    system.policy = {"require_approval": True}
    change = system.request("a/one", proposed_change={"size": 2}, requested_by="bob")
    system.policy = {"require_approval": True, "distinct_approver": True}
    for user in ("ann", "bob"):
        system.user = user
        with pytest.raises(Refused) as caught:
            system.approve(change)
        assert caught.value.code == "not-approver"
    system.user = "carol"
    assert system.approve(change).status is State.APPROVED


def test_naming_an_allowed_requester_does_not_help(system: ChangeSystem) -> None:
    """Who sends it has to be allowed; one who names another is refused, whatever the rules say of either."""
    system.policy = {"requesters": ["bob"]}
    change = system.request("a/one", proposed_change={"size": 2})
    assert system.codes(change) == {"policy-requester"}
    with pytest.raises(Refused) as caught:
        system.request("a/one", proposed_change={"size": 2}, requested_by="bob")
    assert caught.value.code == "forged-requester"


def test_a_dry_run_that_would_wait_shows_its_plan(system: ChangeSystem) -> None:
    """The whole verdict: that it would wait, for whom, and what it would do if its turn were now."""
    holder = system.request("a/one", proposed_change={"size": 2})
    dry = system.request("a/one", proposed_change={"size": 3}, dry_run=True)
    assert (dry.status, dry.waits_for, bool(dry.plan_id)) == (State.QUEUED, (holder.id,), True)
    assert holder.id in dry.why


def test_a_state_that_does_not_exist_is_said(system: ChangeSystem) -> None:
    """A misspelt filter is no empty list."""
    with pytest.raises(UsageError, match="nonsense"):
        list_changes(system.workspace, status="nonsense")


def test_a_change_that_cannot_be_made_still_names_its_components(system: ChangeSystem) -> None:
    """In the list and in the log."""
    change = system.request("a/one", proposed_change={"size": 2}, base_version=7)
    assert change.status is State.REJECTED
    assert list_changes(system.workspace)[0]["components"] == ["a/one"]
    assert {e.component for e in system.log.events(action="change")} == {"a/one"}


def test_why_is_not_about_what_was_only_asked_for(system: ChangeSystem) -> None:
    """A rejected request and a dry run did nothing to the component."""
    system.request("a/one", proposed_change={"size": 2}, base_version=7)
    system.request("a/one", proposed_change={"size": 2}, dry_run=True)
    first = why(system.workspace, "a/one")[0].event
    assert first is not None
    assert first.action == "runtime_publish"
