"""A resumed run: with the configs, modules, facts and definitions that it began with, and it says so."""

from __future__ import annotations

import pytest

from karma_core import failpoints
from karma_core.errors import Refused
from karma_core.inference.read import read_module
from tests.memory_system import Killed, System, reasons, statuses

READS_A = 'locals {\n  a = var.dependencies["a/one"].size\n}\noutput "x" {\n  value = local.a\n}\n'
READS_B = READS_A.replace("a/one", "b/other")


def die(system: System, name: str = "deploy.after_runtime") -> str:
    """Deploy, be killed there the first time, let the lease expire; the run's id."""

    def hook(reached: str) -> None:
        if reached == name:
            system.life.ended = True

    failpoints.install(hook)
    try:
        with pytest.raises(Killed):
            system.deploy()
    finally:
        failpoints.install(None)
    system.clock.pass_seconds(61)
    return system.state.runs()[0].id


@pytest.fixture
def system() -> System:
    """a/one ← c/three, by what c's module reads; b/other is read by c's next module."""
    made = System()
    made.modules.known_facts["c"] = read_module("c", {"c/main.tf": READS_A.encode()})
    made.configure(a_one={"size": 1}, c_three={"x": 1})
    return made


def test_a_changed_module_waits_for_the_next_deploy(system: System) -> None:
    """Edges, keys and the module itself are those of the run's beginning; the result says what moved on."""
    run_id = die(system)
    digest = system.state.run(run_id).options["pins"]["modules"]["c"]  # type: ignore[union-attr]
    system.modules.edit("c", "2")
    system.modules.known_facts["c"] = read_module("c", {"c/main.tf": READS_B.encode()})
    system.configure(b_other={"size": 9})
    result = system.resume(run_id)
    assert result.status == "succeeded"
    assert any("the module c changed since the run began" in warning for warning in result.warnings)
    record = system.state.applied("c/three")
    assert record is not None
    assert (record.module, record.edges) == (digest, ("a/one",))
    again = system.deploy()
    assert "module changed" in reasons(again)["c/three"]
    assert system.state.applied("c/three").edges == ("b/other",)  # type: ignore[union-attr]


def test_a_changed_definition_waits_too(system: System) -> None:
    """A type that would no longer be applied is, by the run that began when it was."""
    run_id = die(system)
    system.modules._definitions["c"] = {"schema": {"required": ["never"]}}
    assert statuses(system.resume(run_id))["c/three"] == "applied"


def test_a_module_that_is_neither_archived_nor_as_it_was_stops_its_components(system: System) -> None:
    """The new one is not taken in its place."""
    run_id = die(system)
    system.modules.edit("c", "2")
    system.modules._archive.clear()
    result = system.resume(run_id)
    assert statuses(result) == {"a/one": "applied", "c/three": "blocked"}
    assert "module-lost" in reasons(result)["c/three"]


def test_a_config_that_moved_on_or_went_is_said(system: System) -> None:
    """The pinned version is applied; what was deleted is left out, not applied without a config."""
    system.configure(d_four={"x": 1})
    run_id = die(system)
    system.configure(c_three={"x": 2})
    system.remove("d/four")
    result = system.resume(run_id)
    assert statuses(result) == {"a/one": "applied", "c/three": "applied"}
    assert system.runtime("c/three")["x"] == 1
    said = "\n".join(result.warnings)
    assert "the config of c/three has version 2 now; the run has 1" in said
    assert "the config of d/four was deleted" in said


def test_a_version_that_is_not_kept_any_more_is_not_replaced(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run cannot be resumed then, and is not with another version."""
    run_id = die(system)
    system.configure(c_three={"x": 2})
    get = system.parameters.get
    monkeypatch.setattr(
        system.parameters, "get", lambda name, **how: None if "version" in how else get(name, **how)
    )
    with pytest.raises(Refused) as caught:
        system.resume(run_id)
    assert caught.value.code == "not-resumable"
