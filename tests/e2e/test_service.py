"""Service mode: one command runs it all, its parts may die, and nothing is left when it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from karma_core.errors import BadInput
from karma_core.roles import Role
from tests.e2e.command_line import Karma, write_config
from tests.e2e.running_service import (
    SLOW,
    Notices,
    RunningService,
    make_project,
    processes_of,
    run_processes,
    wait_for,
)

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def notices() -> Iterator[Notices]:
    """Where failures are told."""
    taken = Notices()
    yield taken
    taken.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, notices: Notices) -> Iterator[RunningService]:
    """A service with server, API and worker."""
    karma = make_project(tmp_path_factory.mktemp("service"))
    running = RunningService(karma, variables={"KARMA_SERVICE__NOTICE_URL": notices.url})
    yield running
    if running.process.poll() is None:
        running.stop()


def test_the_service_says_where_it_is(service: RunningService) -> None:
    """All parts are there and well, the command says so, and a second one is refused."""
    assert service.document["status"] == "running"
    assert [p["kind"] for p in service.document["services"]] == ["api", "server", "worker"]
    assert httpx.get(f"{service.url('server')}/health", trust_env=False).json() is True
    assert httpx.get(f"{service.url('api')}/openapi.json", trust_env=False).status_code == 200
    status = service.karma.json("up", "--status")
    assert status == {**service.document, "prefect_auth": service.prefect.auth}
    kept = service.karma.project / ".karma/service/prefect-auth"
    assert kept.read_text().strip() == status["prefect_auth"]
    assert kept.stat().st_mode & 0o777 == 0o600
    refused = service.karma.refuses("up", code=4)
    assert refused.error["code"] == "service-running"
    said = (service.karma.project / ".karma/service/up.log").read_text()
    assert "karma     | ready" in said
    assert "worker-1  | prod: terraform" in said


@contextmanager
def signed_in(service: RunningService, env: str, then: str) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody with a browser's cookies who has signed in to an environment's pages, and what they see."""
    root = f"{service.url('api')}/ui/{env}"
    token = service.token(env, "vera@example.org", Role.VIEWER)
    with httpx.Client(base_url=root, trust_env=False, timeout=60, follow_redirects=True) as client:
        seal = client.get("/signin").text.partition('data-seal="')[2].partition('"')[0]
        shown = client.post("/signin", data={"token": token, "seal": seal, "then": then})
        assert (shown.status_code, shown.url.path) == (200, f"/ui/{env}{then}")
        yield client, shown.text


def test_the_pages_are_served(service: RunningService) -> None:
    """Beside the API: who is not signed in is asked to be, and with a token reads the log."""
    home = httpx.get(f"{service.url('api')}/ui/", trust_env=False, timeout=60, follow_redirects=True)
    assert (home.status_code, home.url.path.rpartition("/")[2]) == (200, "signin")
    with signed_in(service, "prod", "/log") as (_, text):
        assert "vera@example.org" in text
        assert "token_create" in text


def test_a_deploy_through_prefects_api(service: RunningService) -> None:
    """It is done once for its key, with a task run a step; log, page and flow run name each other."""
    run_id = service.start("deploy", "k1", environment="prod", everything=True, requested_by="ann")
    assert service.start("deploy", "k1", environment="prod", everything=True) == run_id
    assert service.ended(run_id).type == "COMPLETED"
    steps = wait_for(lambda: _steps(service, run_id, {"vpc/core apply", "cdn/shop apply"}))
    events = service.events("prod")
    applied = {
        e["component"]: e for e in events if (e["action"], e["status"]) == ("terraform_apply", "succeeded")
    }
    assert applied["vpc/core"]["task_run_id"] == steps["vpc/core apply"]
    assert {e["inputs"]["flow_run"] for e in applied.values()} == {run_id}
    assert {e["user"] for e in applied.values()} == {"ann"}
    run = applied["vpc/core"]["run_id"]
    prefect = service.url("server").removesuffix("/api")
    kept = next(key for e in events for key in e["artifacts"] if key.endswith("/vpc/core/plan.txt"))
    with signed_in(service, "prod", f"/runs/{run}") as (client, text):
        assert f'href="{prefect}/runs/flow-run/{run_id}"' in text
        assert "terraform_data" in client.get("/artifacts", params={"key": kept}).text


def _steps(service: RunningService, run_id: str, expected: set[str]) -> dict[str, str]:
    """Task run by name, once the expected ones are there: Prefect's clients send them as events."""
    steps = {task["name"]: task["id"] for task in service.task_runs(run_id)}
    return steps if expected <= steps.keys() else {}


def test_a_deploy_from_the_command_line_uses_the_service(service: RunningService) -> None:
    """No second server is started for it: the service's own shows the run."""
    before = {run["id"] for run in service.flow_runs("destroy")}
    ended = Karma(service.karma.project, variables={}).json(
        "destroy", "cdn", "shop", "--auto-approve", code=4
    )
    assert ended["error"]["code"]  # others consume it; the refusal comes before any run
    assert {run["id"] for run in service.flow_runs("destroy")} == before
    document = Karma(service.karma.project, variables={}).json(
        "destroy", "dashboard", "operations", "--auto-approve"
    )
    assert document["status"] == "succeeded"
    (run,) = service.flow_runs("destroy")
    assert run["state_type"] == "COMPLETED"


class Listener:
    """Follows an environment's events until closed; where it is cut it comes back with Last-Event-ID."""

    def __init__(self, service: RunningService, env: str, token: str) -> None:
        self.events: list[dict[str, Any]] = []
        self.opened = threading.Event()
        self._service = service
        self._env, self._token = env, token
        self._last = ""
        self._closed = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        assert self.opened.wait(60)

    def close(self) -> None:
        """Stop at the next event or cut."""
        self._closed = True

    def _listen(self) -> None:
        while not self._closed:
            try:
                self._follow()
            except (httpx.HTTPError, OSError, ValueError):
                time.sleep(0.5)

    def _follow(self) -> None:
        headers = {"last-event-id": self._last} if self._last else {}
        with (
            self._service.client(self._env, self._token) as client,
            client.stream("GET", "/events", headers=headers, timeout=60) as answer,
        ):
            self.opened.set()
            for line in answer.iter_lines():
                if line.startswith("id:"):
                    self._last = line.removeprefix("id:").strip()
                elif line.startswith("data:"):
                    self.events.append(json.loads(line.removeprefix("data:")))
                if self._closed:
                    return

    def saw(self, action: str, status: str) -> list[dict[str, Any]]:
        """The events of an action that ended so."""
        return [e for e in self.events if (e["action"], e["status"]) == (action, status)]


def test_a_change_by_rest_survives_the_death_of_every_part(service: RunningService) -> None:
    """Proposed, followed, approved, run by the worker: server, API and worker die meanwhile, one by one.

    The run goes on to its end, every component is applied once, and a client that reconnects misses nothing.
    """
    operator = service.token("slow", "olga@example.org", Role.OPERATOR)
    approver = service.token("slow", "ann@example.org", Role.APPROVER)
    listener = Listener(service, "slow", operator)
    changes = [{"component": address, "proposed_change": {"colour": "green"}} for address in SLOW]
    with service.client("slow", operator) as client:
        asked = client.post("/request-change", json={"changes": changes, "reason": "a test"})
        assert asked.status_code == 202, asked.text
        change = asked.json()
        assert change["status"] == "awaiting_approval"
        refused = client.post(f"/changes/{change['change_id']}/approve", json={})
        assert refused.status_code == 403
    with service.client("slow", approver) as client:
        approved = client.post(f"/changes/{change['change_id']}/approve", json={"reason": "fine"})
        assert approved.status_code == 200, approved.text
    wait_for(lambda: listener.saw("terraform_apply", "started"))
    for kind in ("server", "api", "worker"):
        service.kill(kind)
    wait_for(
        lambda: [e for e in service.events("slow") if (e["action"], e["status"]) == ("change", "applied")]
    )
    wait_for(lambda: listener.saw("change", "applied"))
    listener.close()
    events = service.events("slow")
    applied = [e for e in events if (e["action"], e["status"]) == ("terraform_apply", "succeeded")]
    assert sorted(e["component"] for e in applied) == sorted(SLOW)
    assert {e["change_id"] for e in applied} == {change["change_id"]}
    told = [e["seq"] for e in listener.events]
    assert told == list(range(told[0], told[0] + len(told)))
    assert Karma(service.karma.project, env="slow").json("log", "verify")["verified"]
    (run,) = service.flow_runs("change-run")
    assert service.ended(run["id"]).type == "COMPLETED"


def test_a_name_in_a_run_s_parameters_proves_nothing(service: RunningService) -> None:
    """A destroy under somebody's name and without an order is refused, and the log says so.

    Neither another project nor a command of the run's process is taken, whether the server looks or not.
    """
    forged = {"environment": "prod", "everything": True, "requested_by": "ann", "source": "api"}
    run_id = wait_for(lambda: service.runs.start("destroy", forged, idempotency_key="forged"))
    assert service.ended(run_id).type == "FAILED"
    (denied,) = [e for e in service.events("prod") if (e["action"], e["status"]) == ("access", "denied")]
    assert (denied["user"], denied["inputs"]["flow"]) == ("nobody", "destroy")
    assert (denied["inputs"]["code"], denied["inputs"]["requested_by"]) == ("identity-unproven", "ann")
    place = service.karma.project.parent / "elsewhere"
    with pytest.raises(BadInput):
        service.runs.start("destroy", {**forged, "project": str(place)}, idempotency_key="elsewhere")
    deployment = service.prefect_get("/deployments/name/destroy/destroy")["id"]
    create = f"/deployments/{deployment}/create_flow_run"
    made = place.with_name("by-command")
    assert service.prefect_refuses(create, {"job_variables": {"command": f"touch {made}"}}) in {409, 422}
    unchecked = {"environment": "prod", "everything": True, "project": str(place)}
    body = {"parameters": unchecked, "enforce_parameter_schema": False, "state": {"type": "SCHEDULED"}}
    assert service.ended(service.ask_prefect(create, body)["id"]).type == "FAILED"
    assert not made.exists()
    codes = [e["inputs"].get("code") for e in service.events("prod") if e["action"] == "access"]
    assert codes == ["identity-unproven", "foreign-project"]


def test_a_failure_is_told(service: RunningService, notices: Notices) -> None:
    """To whom the settings name, without what a tool said."""
    failed = service.start("deploy", "n1", environment="prod", targets=["vpc/nobody"])
    assert service.ended(failed).type == "FAILED"
    notice, *again = wait_for(lambda: [n for n in notices.taken if n["flow_run_id"] == failed])
    assert all(other == notice for other in again)  # Prefect tells it at least once
    assert (notice["flow"], notice["state"]) == ("deploy", "Failed")
    assert notice["url"].endswith(failed)
    assert "nobody" not in json.dumps(notice)


def slow_run(service: RunningService, address: str, key: str) -> str:
    """Start the deploy of a new slow component of `slow`, and return when its apply has begun."""
    config = json.dumps({"size": 1, "seconds": 6})
    write_config(service.karma.project, "slow", address, config)
    service.karma.json("config", "publish", "--env", "slow")
    run_id = service.start("deploy", key, environment="slow", targets=[address])
    wait_for(lambda: [e for e in service.events("slow") if e["component"] == address])
    return run_id


def ends_of(service: RunningService, run_id: str) -> list[tuple[str, str]]:
    """What the log says of a flow run's runs and of its own end."""
    return [
        (e["action"], e["status"]) for e in service.events("slow")
        if e["action"] in {"deploy", "flow_run"} and e["inputs"].get("flow_run") == run_id
    ]  # fmt: skip


def test_a_run_that_is_cancelled_is_closed(service: RunningService) -> None:
    """Its Terraform is ended; journal and log say so, whoever of run and worker was first."""
    run_id = slow_run(service, "slow/cancelled", "c1")
    service.cancel(run_id)
    assert service.ended(run_id).type == "CANCELLED"
    wait_for(lambda: ("flow_run", "cancelled") in ends_of(service, run_id))
    assert ("deploy", "interrupted") in ends_of(service, run_id)


def test_a_machine_that_dies_is_cleaned_up_after(service: RunningService) -> None:
    """Run and worker are gone: the reconciler closes the run, tells Prefect, and offers it for resume."""
    run_id = slow_run(service, "slow/orphan", "o1")
    for pid in run_processes(service.karma.project):
        os.kill(pid, signal.SIGSTOP)  # so that neither can report the end of the other
    service.kill("worker")
    for pid in run_processes(service.karma.project):
        os.kill(pid, signal.SIGKILL)
    time.sleep(6)  # longer than the lease
    ended = service.ended(service.start("reconcile", "r1", environment="slow"))
    assert ended.type == "COMPLETED"
    assert service.ended(run_id).type == "CRASHED"
    last = [e for e in service.events("slow") if (e["action"], e["status"]) == ("deploy", "interrupted")][-1]
    direct = Karma(service.karma.project, env="slow")
    # What its Terraform saved when its run was killed is half made: the policy asks before it is replaced.
    waiting = direct.json("deploy", "--resume", last["run_id"], "--auto-approve", code=4)
    direct.json("change", "approve", waiting["change_id"])
    assert direct.json("apply", waiting["change_id"])["status"] == "applied"


def test_a_schedule_fires_a_rebuild(service: RunningService) -> None:
    """Without anybody's order the graph of each environment is rebuilt."""
    fired = wait_for(
        lambda: [
            run for run in service.flow_runs("graph-rebuild")
            if run["auto_scheduled"] and run["state_type"] == "COMPLETED"
        ]
    )  # fmt: skip
    assert fired[0]["parameters"]["environment"] in {"dev", "prod", "slow"}


def test_a_stop_in_the_middle_of_a_run_leaves_nothing_and_can_be_resumed(service: RunningService) -> None:
    """No process, no port, no record; the run is interrupted in the log, and resumed by the command."""
    ports = [int(service.url(kind).split(":")[2].split("/")[0]) for kind in ("server", "api")]
    dev = Karma(service.karma.project, env="dev")
    for address, needs in (("slow/first", []), ("slow/second", ["slow/first"])):
        body = {"size": 1, "seconds": 4, "depends_on": needs}
        write_config(service.karma.project, "dev", address, json.dumps(body))
    dev.json("config", "publish")
    run_id = service.start("deploy", "k9", environment="dev", targets=["slow/first"])
    wait_for(lambda: [e for e in service.events("dev") if e["action"] == "terraform_apply"])
    assert service.stop(signal.SIGINT) == 0
    assert processes_of(service.karma.project) == []
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    assert service.karma.json("up", "--status")["status"] == "stopped"
    last = [e for e in service.events("dev") if e["action"] == "deploy"][-1]
    assert (last["status"], last["inputs"]["flow_run"]) == ("interrupted", run_id)
    resumed = dev.json("deploy", "--resume", last["run_id"], "--auto-approve")
    assert resumed["status"] == "succeeded"
