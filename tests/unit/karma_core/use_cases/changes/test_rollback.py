"""Taking changes back: one, with all that came later, a whole cone, and by policy after a failure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from karma_core import failpoints
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes import drain as drain_module
from karma_core.use_cases.changes.drain import apply_and_drain, drain
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.changes.rollback import roll_back_cone
from tests.change_system import ChangeSystem, die, run_order


@pytest.fixture
def system() -> ChangeSystem:
    """a/one ← b/two, and d/four; all deployed."""
    system = ChangeSystem()
    system.configure(a_one={"size": 1}, b_two={"a_nickname": "one", "size": 1}, d_four={"size": 1})
    system.deploy()
    system.applies()
    return system


def size_of(system: ChangeSystem, size: int, *addresses: str) -> Change:
    """An applied change of one size in several components."""
    parts = [{"component": a, "proposed_change": {"size": size}} for a in addresses]
    return system.applied("", changes=parts)


def statuses(system: ChangeSystem, *changes: Change) -> list[str]:
    """Where they stand now."""
    return [str(system.change(change.id).status) for change in changes]


def failing(system: ChangeSystem, address: str, size: int) -> Change:
    """A change whose deploy fails, and everything that the queue does then."""
    system.terraform.failures[address] = "apply"
    change = system.request(address, proposed_change={"size": size})
    assert change.status is State.APPROVED, change.why
    return apply_and_drain(system.workspace, change.id, run_order)


@contextmanager
def at(place: str, do: Callable[[], Any]) -> Iterator[None]:
    """Do something whenever a failpoint is reached."""
    failpoints.install(lambda name: do() if name == place else None)
    try:
        yield
    finally:
        failpoints.install(None)


def test_all_that_came_later_is_taken_back_and_says_so(system: ChangeSystem) -> None:
    """Named with its later ones, each ends as rolled back, not only the one that was named."""
    first = system.applied("a/one", proposed_change={"size": 2})
    second = system.applied("a/one", proposed_change={"size": 3})
    other = system.applied("d/four", proposed_change={"size": 2})
    back = system.roll_back(first, include_later=True)
    assert back.undoes == (first.id, second.id)
    system.apply(back)
    assert statuses(system, first, second, other) == ["rolled_back", "rolled_back", "applied"]
    assert system.config("a/one") == {"size": 1}


def test_a_later_set_is_taken_back_whole(system: ChangeSystem) -> None:
    """All or none holds for a rollback, too: what the later set wrote elsewhere goes, too."""
    first = system.applied("a/one", proposed_change={"size": 2})
    a_set = size_of(system, 3, "a/one", "d/four")
    third = system.applied("d/four", proposed_change={"size": 4})
    back = system.roll_back(first, include_later=True)
    assert back.undoes == (first.id, a_set.id, third.id)
    system.apply(back)
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 1}, {"size": 1})
    assert statuses(system, first, a_set, third) == ["rolled_back"] * 3


def test_a_rollback_that_came_later_goes_too(system: ChangeSystem) -> None:
    """What a later change and its own rollback did to another config stays as before both."""
    first = system.applied("a/one", proposed_change={"size": 2})
    a_set = size_of(system, 3, "a/one", "d/four")
    system.apply(system.roll_back(a_set))
    system.apply(system.roll_back(first, include_later=True))
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 1}, {"size": 1})


def test_where_nothing_is_left_there_is_nothing_to_restore(system: ChangeSystem) -> None:
    """What was created and removed since has nothing before it."""
    made = system.applied("d/new", create={"x": 1})
    system.applied("d/new", remove=True)
    with pytest.raises(Refused) as caught:
        system.roll_back(made, include_later=True)
    assert caught.value.code == "nothing-to-restore"


def test_a_second_try_that_was_cancelled_can_be_taken_back(system: ChangeSystem) -> None:
    """Its configs are written: no state may keep them from being rolled back."""
    change = failing(system, "a/one", 2)
    system.terraform.failures.clear()
    decisions.retry(system.workspace, change.id)
    assert decisions.cancel(system.workspace, change.id).status is State.CANCELLED
    system.apply(system.roll_back(change))
    assert (system.config("a/one"), statuses(system, change)) == ({"size": 1}, ["rolled_back"])


# -- a whole cone ---------------------------------------------------------------------------------------


def test_a_cone_goes_back_to_what_was_deployed_last(system: ChangeSystem) -> None:
    """Only what is not as it was deployed is restored; the changes that wrote it are taken back."""
    good = system.applied("b/two", proposed_change={"size": 2})
    bad = [failing(system, "a/one", size) for size in (5, 6)]
    system.configure(b_two={"a_nickname": "one", "size": 9})
    system.terraform.failures.clear()
    back = roll_back_cone(system.workspace, "a/one")
    assert [edit.address for edit in back.edits] == ["a/one", "b/two"]
    assert back.plan_id
    assert system.apply(back).status is State.APPLIED
    assert system.config("a/one") == {"size": 1}
    assert system.config("b/two") == {"a_nickname": "one", "size": 2}
    assert statuses(system, good, *bad) == ["applied", "failed", "rolled_back"]


def test_a_cone_that_is_as_deployed_has_nothing_to_restore(system: ChangeSystem) -> None:
    """A rollback without an effect is refused, and a component that was never deployed is left alone."""
    system.configure(e_new={"a_nickname": "one"})
    with pytest.raises(Refused) as caught:
        roll_back_cone(system.workspace, "a/one")
    assert caught.value.code == "nothing-to-restore"


# -- by policy ------------------------------------------------------------------------------------------


def test_a_failure_is_taken_back_where_the_policy_says_so(system: ChangeSystem) -> None:
    """The old configs are written and deployed; why the change failed stays said."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    change = system.request("a/one", proposed_change={"size": 2})
    ended = apply_and_drain(system.workspace, change.id, run_order)
    assert ended.status is State.ROLLED_BACK
    assert "a/one failed" in ended.why
    assert system.config("a/one") == {"size": 1}
    assert system.runtime("a/one")["size"] == 1


def test_a_rollback_that_fails_is_not_taken_back_itself(system: ChangeSystem) -> None:
    """Two failures leave the old configs, both changes with their reason, and nothing going on."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    parts = [{"component": a, "proposed_change": {"size": 2}} for a in ("a/one", "d/four")]
    change = system.request(changes=parts)
    with at("change.ended", lambda: system.terraform.failures.update({"d/four": "apply"})):
        ended = apply_and_drain(system.workspace, change.id, run_order)
    changes = Register(system.workspace).all()
    assert [str(c.status) for c in changes] == ["failed", "failed"]
    assert changes[1].id in ended.why
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 1}, {"size": 1})
    assert system.drain() == []


def test_a_rollback_by_policy_keeps_its_place_before_those_that_wait(system: ChangeSystem) -> None:
    """Nobody changes what has failed before it is as it was."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    change = system.request("a/one", proposed_change={"size": 2})
    waiting = system.request("a/one", proposed_change={"x": 1}, proceed=True)
    apply_and_drain(system.workspace, change.id, run_order)
    assert statuses(system, change, waiting) == ["rolled_back", "applied"]
    assert system.config("a/one") == {"size": 1, "x": 1}


@pytest.mark.parametrize("place", ["change.ended", "change.applying"])
def test_a_rollback_by_policy_survives_a_crash(system: ChangeSystem, place: str) -> None:
    """Whoever comes next requests it, once."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    change = system.request("a/one", proposed_change={"size": 2})
    die(system, place, lambda: system.apply(change))
    system.drain()
    assert statuses(system, change) == ["rolled_back"]
    assert len(Register(system.workspace).all()) == 2


def test_a_rollback_by_policy_is_judged_like_any_other(system: ChangeSystem) -> None:
    """Where it is rejected the configs stay, and the failed change says why."""
    system.policy = {"on_failure": "roll_back", "requesters": ["bob"]}
    system.terraform.failures["a/one"] = "apply"
    system.user = "bob"
    change = system.request("a/one", proposed_change={"size": 2})
    with at("change.set_finished", lambda: system.policy.update(requesters=["carol"])):
        ended = apply_and_drain(system.workspace, change.id, run_order)
    assert ended.status is State.FAILED
    assert "policy-requester" in ended.why
    assert system.config("a/one") == {"size": 2}


def test_a_stop_is_left_to_a_person(system: ChangeSystem) -> None:
    """Only a failure is taken back by itself; the default keeps the configs in any case."""
    ended = failing(system, "a/one", 2)
    assert (ended.status, system.config("a/one")) == (State.FAILED, {"size": 2})
    assert "configs are kept" in ended.why


def test_a_set_that_was_overtaken_can_be_taken_back_as_far_as_it_was_written(system: ChangeSystem) -> None:
    """The foreign write stays; what the set wrote beside it does not have to."""
    parts = [{"component": a, "proposed_change": {"size": 2}} for a in ("a/one", "d/four")]
    change = system.request(changes=parts)
    wrote: list[str] = []

    def foreign() -> None:
        if not wrote:
            wrote.append("d/four")
            system.configure(d_four={"size": 77})

    with at("change.config_written", foreign):
        ended = system.apply(change)
    assert ended.status is State.FAILED
    assert "configs are kept" in ended.why
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 2}, {"size": 77})
    back = system.apply(system.roll_back(ended))
    assert (back.status, statuses(system, change)) == (State.APPLIED, ["rolled_back"])
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 1}, {"size": 77})


def test_what_a_dead_writer_wrote_of_an_overtaken_set_can_be_taken_back(system: ChangeSystem) -> None:
    """Also where another change finished the dead one's set, and a foreign write came between."""
    parts = [{"component": a, "proposed_change": {"size": 2}} for a in ("a/one", "d/four")]
    change = system.request(changes=parts)
    die(system, "change.config_written", lambda: system.apply(change))
    system.configure(d_four={"size": 77}, e_five={"size": 1})
    system.applied("e/five", proposed_change={"size": 2})
    system.drain()
    assert statuses(system, change) == ["failed"]
    system.apply(system.roll_back(system.change(change.id)))
    assert (system.config("a/one"), system.config("d/four")) == ({"size": 1}, {"size": 77})


def test_who_tries_again_is_not_rolled_back_meanwhile(system: ChangeSystem) -> None:
    """A retry stands before a rollback that the policy wants and that nobody has requested yet."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    failed = system.apply(system.request("a/one", proposed_change={"size": 2}, proceed=True))
    assert failed.take_back
    decisions.retry(system.workspace, failed.id)
    system.drain()
    assert statuses(system, failed) == ["applied"]
    assert len(Register(system.workspace).all()) == 1


def test_two_who_move_the_queue_request_one_rollback(system: ChangeSystem) -> None:
    """The slower one has read of the failure before the faster one dealt with it."""
    system.policy = {"on_failure": "roll_back"}
    system.terraform.failures_once["a/one"] = "apply"
    failed = system.apply(system.request("a/one", proposed_change={"size": 2}))
    drain(system.workspace)
    drain_module._take_back(system.workspace, failed)
    assert len(Register(system.workspace).all()) == 2
