"""What a drift check finds, keeps and changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karma_core.errors import LeaseHeld, NotFound, StoreUnavailable
from karma_core.records import ParameterWrite, TerraformJob
from karma_core.use_cases.fleet.drifted import KIND
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.leasing import component_lease
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.drift import LEASE, check_drift
from karma_core.use_cases.selection.record import Selection
from tests.memory_system import ALL, statuses
from tests.stored_system import StoredSystem

CANARY = "canary-81f3"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[StoredSystem]:
    """Two components, deployed."""
    made = StoredSystem(tmp_path)
    made.publish(a_one={"size": 1, "secret": CANARY}, b_two={"a_nickname": "one"})
    made.deploy()
    made.terraform.calls.clear()
    yield made
    made.close()


def node_statuses(system: StoredSystem) -> dict[str, str]:
    """Address → status in the published graph."""
    stored = system.graph.load("test")
    assert stored is not None
    return {node.address: str(node.status) for node in stored.graph.nodes}


def checks(system: StoredSystem, *addresses: str) -> dict[str, str]:
    """Address → how its check ended."""
    return {
        c.address: str(c.status)
        for c in check_drift(system.workspace, Selection(targets=tuple(addresses))).components
    }


def test_what_is_as_it_was_applied_is_clean(system: StoredSystem) -> None:
    """Nothing is applied and no build is published."""
    before = system.graph.current("test")
    result = check_drift(system.workspace)
    assert {c.address: str(c.status) for c in result.components} == {"a/one": "clean", "b/two": "clean"}
    assert not result.drifted
    assert {command for command, _ in system.terraform.calls} == {"refresh"}
    assert system.graph.current("test") == before
    assert system.events("drift") == []


def test_drift_is_shown_kept_and_marked(system: StoredSystem) -> None:
    """Config, runtime and cloud side by side; the graph's node is `drifted`; no secret anywhere."""
    system.terraform.outside["a/one"] = {"size": 9, "secret": f"{CANARY}-2"}
    result = check_drift(system.workspace)
    checked = result.components[0]
    assert (checked.address, str(checked.status), checked.runtime) == ("a/one", "drifted", ("size",))
    assert (checked.config_version, checked.published_version, checked.config) == (1, 1, ())
    attributes = {a.pointer: (a.state, a.cloud) for r in checked.resources for a in r.attributes}
    assert attributes["/input/config/size"] == (1, 9)
    assert node_statuses(system) == {"a/one": "drifted", "b/two": "current"}
    kept = system.state.document(KIND, "a/one")
    assert kept is not None
    assert kept.body["status"] == "drifted"
    logged = repr(list(system.log.events()))
    assert CANARY not in repr(result.contract()) + repr(kept.body) + logged
    assert system.events("drift") == [("a/one", "drifted")]


def test_the_document_has_the_ages(system: StoredSystem) -> None:
    """When it was applied, and when it was checked before."""
    first = check_drift(system.workspace).components[0]
    system.clock.pass_seconds(3600)
    document = check_drift(system.workspace).contract()
    shown = document["components"][0]
    assert shown["applied_seconds_ago"] >= 3600
    assert shown["last_checked_at"] == first.checked_at
    assert (document["status"], document["summary"]["clean"]) == ("clean", 2)


def test_a_deploy_sets_drift_right(system: StoredSystem) -> None:
    """It is a reason of its own to run; afterwards the status is `current` again."""
    system.terraform.outside["a/one"] = {"size": 9}
    check_drift(system.workspace)
    planned = {c.address: (str(c.action), c.reason) for c in plan(system.workspace, ALL).components}
    assert planned["a/one"] == ("update", "the cloud differs from what was applied")
    assert statuses(system.deploy())["a/one"] == "applied"
    assert node_statuses(system) == {"a/one": "current", "b/two": "current"}
    assert checks(system) == {"a/one": "clean", "b/two": "clean"}
    assert statuses(system.deploy()) == {"a/one": "unchanged", "b/two": "unchanged"}


@pytest.mark.parametrize("propagation", ["reload", "none"])
def test_drift_is_set_right_by_terraform(tmp_path: Path, propagation: str) -> None:
    """Whatever the type does with its producers' values: a reload would not bring the resource back."""
    definition = {"propagation": propagation, "reload": {"command": ["x"]}}
    system = StoredSystem(tmp_path, {"c": definition})
    system.publish(c_agent={"size": 1})
    system.deploy()
    system.terraform.outside["c/agent"] = None
    check_drift(system.workspace)
    assert statuses(system.deploy()) == {"c/agent": "applied"}
    assert system.reloader.calls == []
    system.close()


def test_a_clean_check_ends_it_too(system: StoredSystem) -> None:
    """Somebody has set it right by hand."""
    system.terraform.outside["a/one"] = {"size": 9}
    check_drift(system.workspace)
    system.terraform.outside.clear()
    check_drift(system.workspace)
    assert node_statuses(system)["a/one"] == "current"
    assert system.events("drift") == [("a/one", "drifted"), ("a/one", "clean")]


def test_the_same_drift_is_logged_once(system: StoredSystem) -> None:
    """A schedule does not fill the log; another difference is news."""
    system.terraform.outside["a/one"] = {"size": 9}
    check_drift(system.workspace)
    check_drift(system.workspace)
    assert len(system.events("drift")) == 1
    system.terraform.outside["a/one"] = {"size": 10}
    check_drift(system.workspace)
    assert len(system.events("drift")) == 2


def test_a_deleted_resource_is_drift(system: StoredSystem) -> None:
    """And the next deploy makes it again."""
    system.terraform.outside["a/one"] = None
    checked = check_drift(system.workspace).components[0]
    assert [r.change for r in checked.resources] == ["deleted"]
    assert statuses(system.deploy())["a/one"] == "applied"
    assert checks(system)["a/one"] == "clean"


def test_it_is_checked_with_what_was_applied(system: StoredSystem) -> None:
    """A config that was published since is shown, and is no drift."""
    system.publish(a_one={"size": 2, "secret": CANARY})
    checked = check_drift(system.workspace, Selection(targets=("a/one",))).components[0]
    assert (str(checked.status), checked.config, checked.published_version) == ("clean", ("/size",), 2)


def test_a_runtime_that_was_edited_is_shown(system: StoredSystem) -> None:
    """By its keys; that is no drift of the cloud."""
    system.parameters.put([ParameterWrite(name="/iac/b/two/runtime", value='{"a_nickname":"x"}')])
    checked = check_drift(system.workspace, Selection(targets=("b/two",))).components[0]
    assert (str(checked.status), checked.runtime) == ("clean", ("a_nickname", "id"))


def test_one_failure_does_not_stop_the_others(system: StoredSystem) -> None:
    """What was known of the failed one stays."""
    system.terraform.outside["a/one"] = {"size": 9}
    check_drift(system.workspace)
    system.terraform.failures["a/one"] = "refresh"
    result = check_drift(system.workspace)
    assert {c.address: str(c.status) for c in result.components} == {"a/one": "failed", "b/two": "clean"}
    assert result.contract()["status"] == "failed"
    build_graph(system.workspace)
    assert node_statuses(system)["a/one"] == "drifted"


def test_what_a_run_works_on_is_skipped(system: StoredSystem) -> None:
    """Before it or meanwhile: what was seen may be half of a change. No lease of a component is taken."""
    lease = system.state.acquire([component_lease("a/one")], "somebody", 60)
    assert checks(system) == {"a/one": "skipped", "b/two": "clean"}
    system.state.release(lease)

    class Meanwhile:
        """Terraform during whose refresh the component is deployed."""

        def __getattr__(self, name: str) -> Any:
            return getattr(system.terraform, name)

        def refresh(self, job: TerraformJob) -> Any:
            system.state.acquire([component_lease(job.address)], "somebody", 60)
            return system.terraform.refresh(job)

    workspace = replace(system.workspace, terraform=Meanwhile())
    checked = check_drift(workspace, Selection(targets=("b/two",))).components
    assert [str(c.status) for c in checked] == ["skipped"]


def test_only_one_check_at_a_time(system: StoredSystem) -> None:
    """Another one is refused, not doubled."""
    system.state.acquire([LEASE], "somebody", 60)
    with pytest.raises(LeaseHeld):
        check_drift(system.workspace)


def test_only_what_is_deployed_can_be_checked(system: StoredSystem) -> None:
    """An address without an applied record is an error."""
    with pytest.raises(NotFound, match="c/none is not deployed"):
        check_drift(system.workspace, Selection(targets=("c/none",)))


@pytest.mark.parametrize(
    ("error", "stops"), [(StoreUnavailable("the state store is away"), []), (KeyboardInterrupt(), ["stop"])]
)
def test_only_an_interrupt_ends_the_terraforms_of_the_process(
    system: StoredSystem, error: BaseException, stops: list[str]
) -> None:
    """In a server others are at work with the same Terraform, and once ended it starts nothing any more."""
    stopped: list[str] = []

    class Failing:
        """Terraform whose refresh ends the check."""

        def __getattr__(self, name: str) -> Any:
            return getattr(system.terraform, name)

        def refresh(self, job: TerraformJob) -> Any:
            raise error

        def stop(self) -> None:
            stopped.append("stop")

    workspace = replace(system.workspace, terraform=Failing())
    with pytest.raises(type(error)):
        check_drift(workspace)
    assert stopped == stops
