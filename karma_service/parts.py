"""The parts of the service: how each is started, and its health check."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from flows.server import GUARDED_PREFECT, RUN_SETTINGS, SETTINGS, make_private
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.credentials import Credentials
from karma_adapters.prefect.runs import PrefectRuns
from karma_adapters.wiring.settings import API_PORT, Settings
from karma_api.http_protocol import PUNCTUAL
from karma_api.memory import ALLOCATOR
from karma_core.errors import NotFound, StoreUnavailable
from karma_core.json_types import JsonObject
from karma_service import ports
from karma_service.child import Spec
from karma_service.registry import Known

POOL: Final = "karma"
"""The work pool of prefect.yaml."""
CHECK_SECONDS: Final = 2.0


@dataclass(frozen=True)
class Parts:
    """Makes the specs of a project's service. `api` is its Prefect API, its own server's or another's."""

    settings: Settings
    api: PrefectApi

    def server(self) -> Spec:
        """The Prefect server with its pages, on loopback, its database in the project."""
        port = self.api.url.removesuffix("/api").rpartition(":")[2]
        variables = {
            **self.api.server_variables(),
            "PREFECT__SERVER_FINAL": "1",
            # Else it copies its pages into its own installation, which is seldom ours to write.
            "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(self.settings.state_dir / "prefect" / "ui"),
        }
        return Spec(
            name="server",
            kind="server",
            words=(
                sys.executable, "-m", "uvicorn", "--factory", GUARDED_PREFECT,
                "--host", "127.0.0.1", "--port", port, "--log-level", "warning",
                "--http", PUNCTUAL, "--timeout-graceful-shutdown", "3",
            ),
            variables=self._variables(variables),
            healthy=self.api.answers,
            url=self.api.url,
        )  # fmt: skip

    def registration(self) -> Spec:
        """Registers work pool, deployments, schedules and automations in the server, then ends."""
        return Spec(
            name="register",
            kind="register",
            words=(sys.executable, "-m", "flows.registration", str(self.settings.root)),
            variables=self._variables({}),
            healthy=lambda: True,
        )

    def known(self) -> Known:
        """Whether Karma's deployments are in the server."""
        try:
            PrefectRuns(lambda: self.api).check()
        except NotFound:
            return "lost"
        except StoreUnavailable:
            return "unknown"
        return "registered"

    def worker(self, number: int) -> Spec:
        """A worker; its runs are processes of this machine."""
        name = f"{socket.gethostname()}-{os.getpid()}-{number}"
        return Spec(
            name=f"worker-{number}",
            kind="worker",
            words=(
                sys.executable,
                "-m",
                "flows.worker",
                "--project",
                str(self.settings.root),
                "--name",
                name,
            ),
            variables=self._variables({}),
            healthy=lambda: self._is_online(name),
        )

    def rest(self) -> Spec:
        """The REST and GraphQL API, and the pages at /ui."""
        api = self.settings.api
        variables = self._variables({**ALLOCATOR, "KARMA_PROJECT_DIR": str(self.settings.root)})
        path = self.settings.api_socket
        if path is not None:
            return Spec(
                name="api",
                kind="api",
                words=(sys.executable, "-m", "karma_ui"),
                variables=variables,
                healthy=lambda: _is_success(f"http://localhost{self._health()}", path),
                url=f"unix:{path}",
            )
        host = api.host
        port = ports.choose_port("api.port", api.port, API_PORT, host)
        shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - it is compared, not bound
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}"
        return Spec(
            name="api",
            kind="api",
            words=(
                sys.executable, "-m", "uvicorn", "--factory", "karma_ui.server:create_app",
                "--host", host, "--port", str(port), "--log-level", "warning", "--no-server-header",
                "--http", PUNCTUAL,
                "--no-proxy-headers",  # the application reads them, from trusted proxies alone
                "--timeout-graceful-shutdown", "5", "--timeout-keep-alive", "75",
            ),
            variables=variables,
            healthy=lambda: _is_success(f"{url}{self._health()}"),
            url=url,
        )  # fmt: skip

    def _health(self) -> str:
        """What to ask the API for."""
        names = self.settings.environment_names()
        return f"/healthz?environment={names[0]}" if names else "/openapi.json"

    def _variables(self, own: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the parts, pointing all at one Prefect API and one folder."""
        home = {
            "PREFECT_HOME": str(self.settings.state_dir / "prefect"),
            "PYTHONUNBUFFERED": "1",
        }
        return {**SETTINGS, **RUN_SETTINGS, **os.environ, **home, **self.api.variables(), **own}

    def _is_online(self, worker: str) -> bool:
        """Whether the server has heard of the worker."""
        body: JsonObject = {"workers": {"status": {"any_": ["ONLINE"]}}}
        user, _, password = self.api.auth.partition(":")
        try:
            answer = httpx.post(
                f"{self.api.url}/work_pools/{POOL}/workers/filter",
                json=body,
                auth=(user, password) if self.api.auth else None,
                timeout=CHECK_SECONDS,
                trust_env=False,
            )
            return answer.is_success and any(entry["name"] == worker for entry in answer.json())
        except (httpx.HTTPError, ValueError):
            return False


def own_server(settings: Settings) -> PrefectApi:
    """The API that the server of this project will have, with the password that is set, else its own."""
    port = ports.choose_port("service.prefect_port", settings.service.prefect_port, ports.PREFECT)
    make_private(settings.state_dir / "prefect")
    auth = settings.service.prefect_auth.reveal() or Credentials(settings.state_dir).ensure()
    return PrefectApi(f"http://127.0.0.1:{port}/api", auth)


def service_folder(settings: Settings) -> Path:
    """Where the service's processes run and its log is. Made where it is missing, for its owner alone."""
    folder = settings.state_dir / "service"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _is_success(url: str, path: Path | None = None) -> bool:
    transport = httpx.HTTPTransport(uds=str(path)) if path is not None else None
    try:
        with httpx.Client(transport=transport, timeout=CHECK_SECONDS, trust_env=False) as client:
            return client.get(url).is_success
    except httpx.HTTPError:
        return False
