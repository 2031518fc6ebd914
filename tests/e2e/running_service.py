"""`karma up` on a copy of the shop, as a process, with what its clients need."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.discovery import require_api
from karma_adapters.prefect.runs import PrefectRuns, RunState
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import StoreUnavailable
from karma_core.roles import Role
from karma_core.use_cases.access import tokens
from tests.e2e.command_line import SHOP, Karma, environment
from tests.e2e.vouched import vouched_for
from tests.http_server import HttpServer

PATIENCE = 120.0
"""Seconds for anything to happen on a machine that does many other things."""
SETTINGS = """
[environments.slow]
lease_seconds = 5

[service]
prefect_port = 0
rebuild_seconds = 120
drift_cron = ""

[api]
port = 0
"""
POLICY = """
[environments.slow.policy]
protected = ["slow/n*"]
"""
"""Set once the first configs are published, which would have needed an approval, too."""
SLOW_MODULE = """
variable "config" { type = any }
resource "terraform_data" "this" {
  input = var.config.size
  provisioner "local-exec" {
    command = "sleep ${var.config.seconds}"
  }
}
output "runtime" { value = { size = var.config.size } }
"""
SLOW = tuple(f"slow/n{number}" for number in range(1, 6))
Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], seconds: float = PATIENCE) -> Found:
    """What `look` finds, as soon as it finds something; a server that is away finds nothing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = look()
        except (httpx.HTTPError, StoreUnavailable):
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds:g} s in vain for {look}"
        time.sleep(0.3)


def make_project(folder: Path) -> Karma:
    """The shop, and an environment `slow` of five components that are made one after the other."""
    project = folder / "shop"
    shutil.copytree(SHOP, project, ignore=shutil.ignore_patterns(".karma"))
    with (project / "karma.toml").open("a") as settings:
        settings.write(SETTINGS)
    module = project / "components/slow/main.tf"
    module.parent.mkdir()
    module.write_text(SLOW_MODULE)
    for number, address in enumerate(SLOW):
        config = project / "iac/slow" / address / "config.json"
        config.parent.mkdir(parents=True)
        body = {"size": number, "seconds": 2, "depends_on": list(SLOW[number - 1 : number])}
        config.write_text(json.dumps(body))
    for name in ("prod", "slow"):
        Karma(project, env=name).json("config", "publish")
    with (project / "karma.toml").open("a") as settings:
        settings.write(POLICY)
    return Karma(project, variables={})


class RunningService:
    """One `karma up`. Its log is in `log`."""

    def __init__(self, karma: Karma, *words: str, variables: Mapping[str, str] | None = None) -> None:
        self.karma = karma
        self.log = karma.project / "up.err"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                karma.words("up", "--json", *words),
                cwd=karma.project,
                env=environment(variables or {}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        # The document is printed when all parts are healthy; it ends at the first line that closes it.
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line == "}\n":
                break
        assert lines, self.log.read_text()[-3000:]
        self.document: dict[str, Any] = json.loads("".join(lines))

    def parts(self) -> list[dict[str, Any]]:
        """What the service says of itself now."""
        body: dict[str, Any] = json.loads((self.karma.project / ".karma/service.json").read_text())
        services: list[dict[str, Any]] = body["services"]
        return services

    def part(self, kind: str) -> dict[str, Any]:
        """One part."""
        return next(part for part in self.parts() if part["kind"] == kind)

    def url(self, kind: str) -> str:
        """Where a part listens."""
        return str(self.part(kind)["url"])

    def kill(self, kind: str) -> None:
        """Kill a part, and wait until it has been started again."""
        pid = self.part(kind)["pid"]
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.part(kind)["pid"] != pid)

    @property
    def runs(self) -> PrefectRuns:
        """Its flow runs."""
        return PrefectRuns(lambda: self.prefect)

    @property
    def prefect(self) -> PrefectApi:
        """Its Prefect API, with the password that it has made."""
        return require_api(read_settings(self.karma.project))

    def prefect_get(self, path: str) -> Any:
        """What Prefect's API has at a path."""
        return self._send("GET", path).raise_for_status().json()

    def ask_prefect(self, path: str, body: dict[str, Any]) -> Any:
        """What Prefect's API answers."""
        return self._send("POST", path, body).raise_for_status().json()

    def prefect_refuses(self, path: str, body: dict[str, Any]) -> int:
        """The status with which Prefect's API refuses a body."""
        return self._send("POST", path, body).status_code

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        """Its first answer that is not `busy`: on SQLite it often is."""
        user, _, password = self.prefect.auth.partition(":")
        auth = httpx.BasicAuth(user, password)

        def ask() -> httpx.Response | None:
            url = f"{self.url('server')}{path}"
            answer = httpx.request(method, url, json=body, auth=auth, trust_env=False, timeout=60)
            return None if answer.status_code in {502, 503} else answer

        deadline = time.monotonic() + PATIENCE
        while True:
            answer = ask()
            if answer is not None:
                return answer
            assert time.monotonic() < deadline, f"{path} is busy"
            time.sleep(0.3)

    def start(self, flow: str, key: str, **parameters: Any) -> str:
        """Start a flow as soon as the server takes it; for `requested_by`, if given, by an order of Karma."""
        user = parameters.pop("requested_by", "")
        if user:
            parameters = vouched_for(self.karma.project, user, flow, parameters)
        return wait_for(lambda: self.runs.start(flow, parameters, idempotency_key=key))

    def ended(self, run_id: str) -> RunState:
        """The state of a run when it has ended."""
        try:
            return wait_for(lambda: state if (state := self.runs.state(run_id)).ended else None)
        except AssertionError as error:
            error.add_note(self._known_of(run_id))
            raise

    def _known_of(self, run_id: str) -> str:
        """What Prefect and the service say of a run that does not end."""
        run = self.prefect_get(f"/flow_runs/{run_id}")
        logs = self.ask_prefect("/logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}})
        said = [f"{line['timestamp']} {line['message']}" for line in logs]
        service = (self.karma.project / ".karma/service/up.log").read_text()[-6000:]
        processes = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(self.karma.project)]
        return "\n".join([str(run["state"]), *said, *map(str, processes), service])

    def flow_runs(self, flow: str) -> list[dict[str, Any]]:
        """What Prefect's API says of a flow's runs."""
        body = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"}
        runs: list[dict[str, Any]] = self.ask_prefect("/flow_runs/filter", body)
        return runs

    def cancel(self, run_id: str) -> None:
        """Cancel a run as the UI does."""
        body = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
        self.ask_prefect(f"/flow_runs/{run_id}/set_state", body)

    def task_runs(self, run_id: str) -> list[dict[str, Any]]:
        """What Prefect's API says of the task runs of a flow run."""
        body = {"flow_runs": {"id": {"any_": [run_id]}}}
        runs: list[dict[str, Any]] = self.ask_prefect("/task_runs/filter", body)
        return runs

    def events(self, env: str) -> list[dict[str, Any]]:
        """The log of an environment."""
        listed: list[dict[str, Any]] = Karma(self.karma.project, env=env).json(
            "log", "list", "--limit", "500"
        )
        return listed

    def token(self, env: str, user: str, role: Role) -> str:
        """A new token."""
        workspace = open_workspace(read_settings(self.karma.project), env)
        return tokens.create(workspace, user, role)[1]

    def client(self, env: str, token: str) -> httpx.Client:
        """A client of the API, as the token's user."""
        return httpx.Client(
            base_url=self.url("api"),
            params={"environment": env},
            headers={"authorization": f"Bearer {token}"},
            trust_env=False,
            timeout=60,
        )

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it in order; its exit code."""
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def run_processes(project: Path) -> list[int]:
    """Those in which flow runs go on."""
    return [
        pid for pid in processes_of(project)
        if b"prefect.engine" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]  # fmt: skip


class Notices:
    """Takes what is posted to `url`."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        app = Starlette(routes=[Route("/", self._take, methods=["POST"])])
        self._server = HttpServer(app)
        self.url = self._server.url

    async def _take(self, request: Request) -> Response:
        self.taken.append(json.loads(await request.body()))
        return Response(status_code=204)

    def close(self) -> None:
        """Take no more."""
        self._server.close()


def processes_of(project: Path) -> list[int]:
    """Processes that have to do with a project, by their command line or their environment (Linux)."""
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            said = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue  # it has ended
        if int(process.name) != os.getpid() and f"{project}/.karma".encode() in said:
            pids.append(int(process.name))
    return pids
