"""Runtimes and their versions."""

from __future__ import annotations

import pytest

from karma_core.errors import NotFound
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.use_cases.configs.runtime_show import show
from tests.memory_system import System

NAME = "/iac/a/one/runtime"


@pytest.fixture
def system() -> System:
    """One component, deployed twice, its size another one each time."""
    made = System()
    for size in (1, 2):
        made.configure(a_one={"size": size})
        made.deploy()
    return made


def write(system: System, value: str, kind: ParameterKind = ParameterKind.STRING) -> None:
    """What a module of its own would write."""
    system.parameters.put([ParameterWrite(name=NAME, value=value, kind=kind)])


def test_each_kept_version_is_shown_with_its_run(system: System) -> None:
    """The current one, and an earlier one by its number; each names the run that published it."""
    current, first = show(system.workspace, "a/one"), show(system.workspace, "a/one", 1)
    assert (current.version, current.current, first.version, first.current) == (2, True, 1, False)
    assert current.runtime == system.runtime("a/one")
    assert first.runtime != current.runtime
    runs = [run.id for run in system.state.runs()]
    assert [version.run_id for version in current.history] == runs[::-1]
    assert current.run_id == runs[0]


def test_what_a_module_wrote_names_no_run(system: System) -> None:
    """Its value is shown, as text where it is no JSON."""
    write(system, "plain text")
    runtime = show(system.workspace, "a/one")
    assert (runtime.runtime, runtime.run_id) == ("plain text", None)


@pytest.mark.parametrize("last", [ParameterKind.SECURE, ParameterKind.STRING])
def test_a_runtime_that_is_or_was_secret_is_not_shown(system: System, last: ParameterKind) -> None:
    """Neither that version nor any beside it."""
    write(system, '{"password": "s3cret"}', ParameterKind.SECURE)
    write(system, '{"password": "s3cret"}', last)
    for version in (None, 1, 2, 3, 4):
        runtime = show(system.workspace, "a/one", version)
        assert (runtime.secret, runtime.runtime) == (True, None)
        assert len(runtime.history) == 4


def test_what_is_not_there_is_not_found(system: System) -> None:
    """No such runtime, no such version; the error says which there are."""
    with pytest.raises(NotFound, match="versions 1 to 2"):
        show(system.workspace, "a/one", 3)
    with pytest.raises(NotFound, match="has no runtime"):
        show(system.workspace, "b/none")
