"""What a service puts into a Prefect server, and what a run that crashes leaves: on a real server."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests import prefect_database
from tests.e2e.command_line import ROOT, Karma, environment

pytestmark = pytest.mark.xdist_group("prefect-server")  # one server, not one a process


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Karma:
    """A project with two environments, and somebody who wants to hear of failures."""
    root = tmp_path_factory.mktemp("registered")
    karma = Karma(root, env="dev")
    karma.json("init")
    with (root / "karma.toml").open("a") as settings:
        settings.write('\n[environments.prod]\n\n[service]\nnotice_url = "http://127.0.0.1:9/"\n')
    karma.json("config", "publish")
    return karma


@pytest.fixture(scope="module")
def registered(project: Karma) -> dict[str, Any]:
    """What the server had, after two registrations and a crash."""
    prefect_database.prepare(project.project / ".karma" / "prefect")
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.prefect_ends", str(project.project)],
        cwd=ROOT, env=environment({}), capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_every_deployment_is_there_once(registered: dict[str, Any], project: Karma) -> None:
    """With the project filled in, in the pool, and importable wherever Karma is installed."""
    names = {
        "change-run",
        "deploy",
        "destroy",
        "drift-check",
        "graph-rebuild",
        "pull-request-check",
    }
    assert names | {"push-run", "reconcile"} == registered["deployments"].keys()
    for deployment in registered["deployments"].values():
        assert deployment["pool"] == "karma"
        assert "karma" in deployment["tags"]
        assert deployment["parameters"] == {"project": str(project.project), "environment": "dev"}
        assert deployment["entrypoint"].startswith("flows.")


def test_forms_are_typed_and_say_what_they_want(registered: dict[str, Any], project: Karma) -> None:
    """Every field has a description, the environment is a choice, the project is fixed, none is a secret."""
    for name, deployment in registered["deployments"].items():
        fields = deployment["form"]["properties"]
        assert [field for field, said in fields.items() if not said.get("description")] == [], name
        assert fields["environment"]["enum"] == ["dev", "prod"]
        assert fields["project"]["enum"] == [str(project.project)]
        assert deployment["form"]["additionalProperties"] is False
        assert not [field for field, said in fields.items() if said.get("writeOnly") or "format" in said]
    assert registered["deployments"]["deploy"]["form"]["properties"]["targets"]["anyOf"][0]["type"] == "array"


def test_schedules_are_made_for_each_environment(registered: dict[str, Any]) -> None:
    """Rebuild, drift check and reconciler; nothing that applies."""
    scheduled = {name for name, d in registered["deployments"].items() if d["schedules"]}
    assert scheduled == {"graph-rebuild", "drift-check", "reconcile"}
    for name in scheduled:
        assert registered["deployments"][name]["schedules"] == [["dev", True], ["prod", True]]


def test_runs_of_one_environment_are_limited(registered: dict[str, Any]) -> None:
    """One deploy, several changes; environments do not wait for each other."""
    expected = {f"karma-{kind}-{name}": limit for name in ("dev", "prod") for kind, limit in
                (("deploy", 1), ("change", 4))}  # fmt: skip
    assert expected.items() <= registered["limits"].items()


@pytest.mark.parametrize("kind", ["docker", "ecs", "kubernetes"])
def test_a_pool_of_another_type_serves_the_same_deployments(registered: dict[str, Any], kind: str) -> None:
    """Made with Prefect's own template, left alone afterwards; no deployment has a folder or pulls one.

    The step that pulls nothing keeps Prefect from copying the container's working directory for each run.
    """
    pool = registered["pools"][kind]
    assert pool["type"] == kind
    assert "image" in pool["offers"]
    assert pool["kept"] is True
    assert pool["refused"] == f"the work pool karma is of type {kind}, not process"
    assert pool["deployments"].keys() == registered["deployments"].keys()
    for used, path, steps in pool["deployments"].values():
        assert (used, path, steps) == ("karma", None, [{"flows.no_pull.nothing": {}}])


def test_prefects_own_command_runs_a_flow_from_any_folder(registered: dict[str, Any]) -> None:
    """As in a container of such a pool; nothing of its working directory is copied."""
    assert registered["container"] == "COMPLETED"


def test_automations_are_made_once(registered: dict[str, Any]) -> None:
    """One for runs whose process has gone, one for failures."""
    assert registered["automations"] == [1, 1]


def test_a_run_that_crashes_is_closed_in_the_log(registered: dict[str, Any], project: Karma) -> None:
    """Neither the run nor the flow run stays open, and each names the other."""
    assert registered["ends"] == "interrupted"
    events = project.json("log", "list", "--limit", "50")
    (ended,) = [e for e in events if e["action"] == "flow_run"]
    assert (ended["status"], ended["inputs"]["flow"]) == ("crashed", "deploy")
    deploys = [e for e in events if e["action"] == "deploy"]
    assert [e["status"] for e in deploys] == ["started", "interrupted"]
    assert {e["inputs"]["flow_run"] for e in deploys} == {ended["inputs"]["flow_run"]}
