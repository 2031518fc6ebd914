"""A store that is older, empty or of elsewhere is noticed by another one, and harms nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from karma_core.errors import BadInput, LogTampered, Refused, UsageError
from karma_core.model import to_builtins
from karma_core.needs import Destroying
from karma_core.plan.document import summary_text
from karma_core.records import ParameterWrite
from karma_core.use_cases.configs import writing
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.acceptance import accept
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.runs.drift import check_drift
from karma_core.walk import ThreadExecutor
from karma_log.log import Log
from tests.memory.parameters import MemoryParameters
from tests.memory.state import MemoryState
from tests.memory_system import ALL, System, statuses

Loss = Callable[[System, System], None]


def deployed() -> System:
    """Two components, deployed."""
    system = System()
    system.configure(a_one={"v": 1}, b_two={"a_nickname": "one"})
    system.deploy()
    return system


def copied(system: System) -> System:
    """The stores as a backup holds them."""
    kept = System()
    kept.parameters = _copy(system.parameters)
    kept.state = _copy(system.state)
    return kept


def _copy(store: object) -> object:
    """A store with all that it holds, but for its locks and its clock."""
    made = copy.copy(store)
    for name, value in vars(store).items():
        if isinstance(value, dict | list | set):
            setattr(made, name, copy.deepcopy(value))
    return made


def older_state(system: System, kept: System) -> None:
    """As a restored copy of the state store alone."""
    system.state = kept.state


def older_parameters(system: System, kept: System) -> None:
    """As a restored copy of the parameters alone."""
    system.parameters = kept.parameters


def empty_state(system: System, _kept: System) -> None:
    """As a deleted file."""
    system.state = MemoryState(clock=system.clock)


def empty_parameters(system: System, _kept: System) -> None:
    """As a deleted file."""
    system.parameters = MemoryParameters(clock=system.clock)


def foreign_state(system: System, _kept: System) -> None:
    """As another environment's file."""
    other = deployed()
    for version in range(20):
        other.configure(a_one={"v": version})
        other.deploy()
    system.state = other.state


def foreign_parameters(system: System, _kept: System) -> None:
    """As another environment's file, that has been written more often."""
    other = deployed()
    for version in range(20):
        other.configure(a_one={"v": version})
        other.deploy()
    system.parameters = other.parameters


LOSSES = {
    "state older": (older_state, "state"),
    "state empty": (empty_state, "state"),
    "state of elsewhere": (foreign_state, "state"),
    "parameters older": (older_parameters, "parameters"),
    "parameters empty": (empty_parameters, "parameters"),
    "parameters of elsewhere": (foreign_parameters, "parameters"),
}


@pytest.fixture(params=LOSSES)
def lost(request: pytest.FixtureRequest) -> tuple[System, str]:
    """A system that was deployed twice, one of whose stores is then replaced; and which."""
    system = deployed()
    kept = copied(system)
    system.configure(a_one={"v": 2})
    system.deploy()
    system.applies()
    lose, store = LOSSES[request.param]
    lose(system, kept)
    return system, store


def test_sound_stores_are_level() -> None:
    """After each run, each publication and each change."""
    system = deployed()
    assert tuple(heights.findings(system.workspace)) == ()
    system.configure(a_one={"v": 2})
    system.deploy()
    destroy(system.workspace, ALL, ThreadExecutor)
    assert tuple(heights.findings(system.workspace)) == ()


def test_what_is_behind_is_named(lost: tuple[System, str]) -> None:
    """With the store, and what to do about it."""
    system, store = lost
    said = [finding for finding in heights.findings(system.workspace) if f"store:{store}" in finding.message]
    assert [finding.code for finding in said] == ["store-older"]


def test_nothing_is_applied_or_called_unchanged(lost: tuple[System, str]) -> None:
    """Plan and deploy are blocked; destroy, drift and writers of configs refuse; the graph is not built."""
    system, _ = lost
    made = plan(system.workspace, ALL) if system.parameters.get("/iac/a/one/config") else None
    assert made is None or {c.action for c in made.components} == {"blocked"}
    if made is not None:
        assert set(statuses(system.deploy()).values()) == {"blocked"}
    for refused in (
        lambda w: destroy(w, ALL, ThreadExecutor),
        check_drift,
        lambda w: writing.write(w, "C1", (), None),
    ):
        with pytest.raises(Refused) as caught:
            _call(refused, system.workspace)
        assert caught.value.code == "store-older"
    assert system.applies() == []
    assert build_graph(system.workspace).status == "invalid"


def _call(what: Callable[[Destroying], object], workspace: Destroying) -> None:
    what(workspace)


def test_accepted_it_goes_on(lost: tuple[System, str]) -> None:
    """What was behind is said once; afterwards the stores are level, tokens are higher than ever before."""
    system, store = lost
    highest = heights._in_parameters(system.workspace)
    said = heights.accept(system.workspace)
    assert any(f"store:{store}" in sentence for sentence in said)
    assert tuple(heights.findings(system.workspace)) == ()
    if highest is not None:
        assert system.state.acquire(["x"], "y", 1).token > highest[0].token


def test_stores_of_an_older_karma_are_taken_as_they_are() -> None:
    """An upgrade alone says nothing: where nothing was noted there is nothing to be behind."""
    system = deployed()
    system.parameters.delete([heights.parameter_name("/iac")])
    system.state.put_document(heights.KIND, heights.DOCUMENT, {})
    empty = System()
    empty.configure(a_one={"v": 1})
    assert tuple(heights.findings(empty.workspace)) == ()
    assert set(statuses(empty.deploy()).values()) == {"applied"}


def test_a_damaged_note_stops(lost: tuple[System, str]) -> None:
    """It is never taken for none."""
    system, _ = lost
    name = heights.parameter_name("/iac")
    system.parameters.put([ParameterWrite(name=name, value="{")])
    with pytest.raises(Exception, match="cannot be read") as caught:
        tuple(heights.findings(system.workspace))
    assert to_builtins(caught.value.document())["code"] == "heights-unreadable"


def test_tokens_catch_up_with_the_graph_at_once() -> None:
    """A state store that grants lower tokens than the graph has seen is not refused once for each of them."""
    system = deployed()
    system.state = MemoryState(clock=system.clock)
    system.parameters.delete([heights.parameter_name("/iac")])
    system.configure(a_one={"v": 3})
    assert build_graph(system.workspace).status == "published"


def test_a_deploy_of_parameters_that_are_gone_does_not_succeed() -> None:
    """Nor does its plan say that nothing changes: there is nothing to compare with."""
    system = deployed()
    system.parameters = MemoryParameters(clock=system.clock)
    with pytest.raises(Refused) as caught:
        system.deploy()
    assert caught.value.code == "store-older"
    made = plan(system.workspace, ALL)
    assert (made.status, made.components) == ("blocked", ())
    assert "No changes" not in summary_text(made)


def test_a_log_in_doubt_is_accepted(lost_log: System) -> None:
    """It can be appended to again, and its next event says what it was."""
    system = lost_log
    with pytest.raises(LogTampered):
        check_drift(system.workspace)
    accepted = accept(system.workspace, "store:log")
    assert accepted.doubt == "log-tampered"
    assert system.log.verify().verified
    event = next(iter(system.log.events(action="accept")))
    assert event.inputs["was"] == accepted.was
    check_drift(system.workspace)
    with pytest.raises(Refused):
        accept(system.workspace, "store:log")


@pytest.fixture(params=["older", "empty"])
def lost_log(request: pytest.FixtureRequest) -> System:
    """Deployed; then its log is an older copy, or gone."""
    system = deployed()
    del system.sink.lines[2 if request.param == "older" else 0 :]
    system.log = Log(system.sink, system.state)
    return system


def test_a_person_accepts_a_store_and_the_log_keeps_it(lost: tuple[System, str]) -> None:
    """Once: afterwards there is nothing to accept. What is no store cannot be accepted."""
    system, store = lost
    system.log = Log(system.sink, system.state)
    head, newest = system.state.chain_head(), system.sink.head()
    if head is not None and newest is not None and head.seq > newest.seq:
        with pytest.raises(LogTampered):  # of elsewhere: its log is another one, too
            accept(system.workspace, f"store:{store}")
        assert tuple(heights.findings(system.workspace)) != ()
        return
    assert accept(system.workspace, f"store:{store}")
    assert [f"store:{event.inputs['name']}" for event in system.log.events(action="accept")] == [
        f"store:{store}"
    ]
    with pytest.raises(Refused) as caught:
        accept(system.workspace, f"store:{store}")
    assert caught.value.code == "nothing-to-accept"
    with pytest.raises(UsageError):
        accept(system.workspace, "store:weather")


def test_a_note_of_the_state_store_that_cannot_be_read_stops() -> None:
    """It is an error with words, and never taken for none."""
    system = deployed()
    system.state.put_document(heights.KIND, heights.DOCUMENT, {})
    with pytest.raises(BadInput, match="cannot be read"):
        tuple(heights.findings(system.workspace))
