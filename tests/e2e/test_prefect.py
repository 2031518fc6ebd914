"""A deploy through Prefect: what its UI shows, that it is the same deploy, that nothing is left running."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.server import temporary_server
from tests import prefect_database
from tests.e2e.command_line import ROOT, Karma, environment, statuses
from tests.e2e.test_kill import COMPONENTS, System

pytestmark = pytest.mark.xdist_group("prefect")
STEPS = ("plan", "apply", "propagate")
ENDS_SECONDS = 30
"""After a kill: SIGINT, the server's grace of 10 s, SIGKILL, and a busy machine."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Prefect server; the variables with which others use it."""
    saved = dict(os.environ)
    home = tmp_path_factory.mktemp("prefect")
    prefect_database.prepare(home)
    with temporary_server(home):
        variables = {k: v for k, v in os.environ.items() if k.startswith("PREFECT_")}
        os.environ.clear()
        os.environ.update(saved)
        yield variables


def by_prefect(system: System, variables: dict[str, str]) -> Karma:
    """The command on a Prefect server."""
    return system.karma.under(KARMA_PROJECT__ORCHESTRATOR="prefect", **variables)


def seen(variables: dict[str, str]) -> dict[str, Any]:
    """What the server shows."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.prefect_reader"],
        cwd=ROOT, env=environment(variables), capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def left_behind(karma: Karma) -> dict[str, Any]:
    """Journal, applied records, log and runtimes, without ids and times."""
    with closing(sqlite3.connect(karma.state / "state.sqlite")) as state:
        entries = [json.loads(body) for (body,) in state.execute("SELECT body FROM journal")]
        applied = [json.loads(body) for (body,) in state.execute("SELECT body FROM applied")]
    with closing(sqlite3.connect(karma.state / "parameters.sqlite")) as store:
        runtimes = store.execute("SELECT name, value FROM parameter WHERE name LIKE '%/runtime' ORDER BY 1")
        rows = runtimes.fetchall()
    events = karma.json("log", "list", "--limit", "500")
    return {
        "journal": sorted((e["address"], e["generation"], e["step"], e["status"]) for e in entries),
        "applied": sorted(json.dumps(_comparable(record), sort_keys=True) for record in applied),
        "runtimes": rows,
        "log": sorted((e["action"], e.get("component") or "", e["status"]) for e in events
                      if e["action"] != "graph_build"),
    }  # fmt: skip


def _comparable(record: dict[str, Any]) -> dict[str, Any]:
    """An applied record without ids, times, and digests, which are keyed by the state store's own secret."""
    same = {name: record[name] for name in ("address", "generation", "config", "config_version", "module")}
    keys = {producer: sorted(digests) for producer, digests in record.get("keys", {}).items()}
    return {**same, "inputs": sorted(record["inputs"]), "keys": keys, "edges": record.get("edges")}


@pytest.fixture
def make(tmp_path: Path) -> Any:
    """Makes systems of the same configs."""

    def one(name: str) -> System:
        root = tmp_path / name
        root.mkdir()
        return System(root)

    return one


def test_prefect_shows_the_component_graph_and_deploys_the_same(make: Any, server: dict[str, str]) -> None:
    """A task run per component and step, after its producers' last; artifacts; the same records as direct."""
    ours, theirs = make("direct"), make("prefect")
    direct = ours.karma.json("deploy", "--all", "--auto-approve")
    karma = by_prefect(theirs, server)
    document = karma.json("deploy", "--all", "--auto-approve")
    assert document["status"] == "succeeded"
    told = [[(c["address"], c["status"], c["reason"]) for c in d["components"]] for d in (direct, document)]
    assert told[0] == told[1]
    assert left_behind(ours.karma) == left_behind(karma)
    shown = seen(server)
    assert [run["state"] for run in shown["flows"]] == ["Completed"]
    tasks = shown["tasks"]
    assert {f"{address} {step}" for address in COMPONENTS for step in STEPS} <= tasks.keys()
    assert {task["state"] for task in tasks.values()} == {"Completed"}
    assert tasks["box/a apply"]["after"] == ["box/a plan"]
    assert tasks["box/b plan"]["after"] == ["box/a propagate"]
    assert tasks["agent/d plan"]["after"] == ["box/b propagate", "box/c propagate"]
    assert {"run-prod", "graph-prod"} <= set(shown["artifacts"])
    unchanged = karma.json("deploy", "--all", "--auto-approve")
    assert set(statuses(unchanged).values()) == {"unchanged"}
    assert len(seen(server)["flows"]) == 1


def test_the_server_of_one_run_answers_that_run_alone(server: dict[str, str]) -> None:
    """No other program without its password, no foreign name or page, no body that any page may send."""
    url = f"{server['PREFECT_API_URL']}/flow_runs/filter"
    user, _, password = server["PREFECT_API_AUTH_STRING"].partition(":")
    with httpx.Client(auth=(user, password), trust_env=False, timeout=60) as client:
        assert client.post(url, json={}).status_code == 200
        assert client.post(url, json={}, headers={"host": "evil.test"}).status_code == 403
        assert client.post(url, json={}, headers={"origin": "http://evil.test"}).status_code == 403
        assert client.post(url, content=b"{}", headers={"content-type": "text/plain"}).status_code == 415
        assert client.post(url, content=b"{}").status_code == 415
    for auth in (None, (user, "another")):
        assert httpx.post(url, json={}, auth=auth, trust_env=False).status_code == 401


def processes_naming(text: str) -> list[int]:
    """Processes whose command line or environment names a text; Linux."""
    pids = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended, or is another user's
        if text.encode() in said:
            pids.append(int(process.name))
    return pids


def test_its_own_server_ends_with_the_deploy(make: Any) -> None:
    """Without a server of the user's, one is started for the run, and is gone when the command is."""
    system = make("own")
    karma = system.karma.under(KARMA_PROJECT__ORCHESTRATOR="prefect")
    ran = karma.run("deploy", "--all", "--auto-approve", "--json")
    assert (ran.code, ran.document["status"]) == (0, "succeeded")
    assert processes_naming(str(system.karma.project / ".karma")) == []
    with closing(sqlite3.connect(karma.project / ".karma/prefect/prefect.db")) as database:
        names = {name for (name,) in database.execute("SELECT name FROM task_run")}
        states = [state for (state,) in database.execute("SELECT state_name FROM flow_run")]
    assert {f"{address} apply" for address in COMPONENTS} <= names
    assert states == ["Completed"]


def test_its_own_server_ends_when_the_deploy_is_killed(make: Any) -> None:
    """After a kill -9 in the middle of a deploy, server and Terraform end by themselves; then it heals."""
    system = make("killed")
    karma = system.karma.under(KARMA_PROJECT__ORCHESTRATOR="prefect")
    place = str(system.karma.project / ".karma")
    process = karma.start("deploy", "--all", "--auto-approve", KARMA_FAILPOINT="deploy.before_runtime")
    process.communicate(timeout=100)
    assert process.returncode == -signal.SIGKILL
    deadline = time.monotonic() + ENDS_SECONDS
    while processes_naming(place):
        assert time.monotonic() < deadline, processes_naming(place)
        time.sleep(0.2)
    system.forget_leases()
    assert system.deploy_until_free()["status"] == "succeeded"
    system.check_the_end(0)


def test_a_run_that_needs_an_approval_is_a_change_whose_flow_has_not_failed(
    make: Any, server: dict[str, str]
) -> None:
    """A deploy and a destroy wait; approved, the change's own run passes the gate of its flow.

    Who ordered it is proven by a token, and still is in the flow.
    """
    system = make("approved")
    settings = system.karma.project / "karma.toml"
    settings.write_text(settings.read_text() + '\n[policy]\nrequire_approval = true\nrequesters = ["lead"]\n')
    karma = by_prefect(system, server)
    token = karma.json("token", "create", "lead", "--role", "approver")["token"]
    for kind, there, after in (("deploy", 0, len(COMPONENTS)), ("destroy", len(COMPONENTS), 0)):
        waiting = karma.json(kind, "--all", "--auto-approve", code=4, KARMA_TOKEN=token)
        assert (waiting["status"], waiting["run_id"]) == ("waiting", None)
        assert len(system.runtimes()) == there
        karma.json("change", "approve", waiting["change_id"])
        applied = karma.json("apply", waiting["change_id"])
        assert applied["status"] == "applied", applied
        assert len(system.runtimes()) == after
    assert {run["state"] for run in seen(server)["flows"][:4]} == {"Completed"}
