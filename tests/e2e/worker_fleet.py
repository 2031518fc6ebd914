"""Workers that are started one by one on a Prefect server, and environments whose deploys mostly wait."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.runs import PrefectRuns, RunState
from tests.e2e.command_line import ROOT, Karma, environment, write_config
from tests.e2e.running_service import RunningService, wait_for
from tests.e2e.vouched import vouched_for

MODULE = """
variable "config" { type = any }
resource "terraform_data" "this" {
  input = var.config
  provisioner "local-exec" {
    command = "echo ${self.id} >>LEDGER; sleep ${var.config.seconds}"
  }
}
output "runtime" { value = { seconds = var.config.seconds } }
"""
LEDGER = "ledger"
"""In the project's folder: ids of all that was ever made."""
NAPS = ("nap/one", "nap/two")
"""The components of each environment; neither needs the other."""


def make_project(folder: Path, environments: tuple[str, ...], seconds: float) -> Karma:
    """A project whose components take so many seconds, in which nothing computes; configs are published."""
    module = folder / "components" / "nap" / "main.tf"
    module.parent.mkdir(parents=True)
    module.write_text(MODULE.replace("LEDGER", str(folder / LEDGER)))
    sections = "".join(
        f'[environments.{name}]\nprefix = "/{name}"\nlease_seconds = 5\n\n' for name in environments
    )
    service = '[service]\nprefect_port = 0\nrebuild_seconds = 0\ndrift_cron = ""\n'
    (folder / "karma.toml").write_text(
        f'[project]\ndefault_environment = "{environments[0]}"\n\n{sections}{service}'
    )
    for name in environments:
        for address in NAPS:
            write_config(folder, name, address, json.dumps({"seconds": seconds}))
        Karma(folder, env=name).json("config", "publish")
    return Karma(folder, env=environments[0], variables={})


Wrap = Callable[[list[str]], list[str]]


class Worker:
    """One `karma-worker` in a process group of its own; what it says is in `log`.

    `wrap` makes the command line that is started of the worker's own.
    """

    def __init__(
        self, karma: Karma, url: str, name: str, *, limit: int, variables: Mapping[str, str], wrap: Wrap
    ) -> None:
        self.name = name
        self.log = karma.project / f"{name}.log"
        words = ["-m", "flows.worker", "--project", str(karma.project)]
        home = str(karma.project / ".prefect")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                wrap([sys.executable, *words, "--name", name, "--limit", str(limit)]),
                cwd=ROOT,
                env=environment({"PREFECT_API_URL": url, "PREFECT_HOME": home, **variables}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def said(self) -> str:
        """All that it and its runs said."""
        return self.log.read_text()

    def ready(self) -> Worker:
        """Itself, once it takes runs."""
        wait_for(lambda: f"Worker '{self.name}' started" in self.said())
        return self

    def taken(self) -> set[str]:
        """Ids of the flow runs that it took; of two that ask for one at once, the server refuses one."""
        said = self.said()
        asked = re.findall(r"submitting flow run '([0-9a-f-]{36})'", said)
        return {*asked} - {*re.findall(r"Aborted submission of flow run '([0-9a-f-]{36})'", said)}

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 90) -> int:
        """Send it a signal; its exit code."""
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        return self.process.wait(timeout=seconds)


def ordered(karma: Karma, runs: PrefectRuns, env: str, *targets: str, key: str = "1") -> str:
    """Order a deploy; the flow run's id."""
    wanted: dict[str, Any] = {"environment": env, "targets": list(targets)}
    body = vouched_for(karma.project, "ann", "deploy", wanted)
    return runs.start("deploy", body, idempotency_key=f"{env}:{key}:{','.join(targets)}")


class Fleet:
    """A Prefect server with Karma's deployments, and the workers that were started on it.

    `variables` are in the environment of both.
    """

    def __init__(self, karma: Karma, variables: Mapping[str, str] | None = None) -> None:
        self.karma = karma
        self._variables = variables or {}
        self.service = RunningService(karma, "--only", "server", variables=self._variables)
        self.url = self.service.url("server")
        auth = self._variables.get("KARMA_SERVICE__PREFECT_AUTH") or self.service.prefect.auth
        self.runs = self.runs_of(self.url, auth)
        self.workers: list[Worker] = []

    @staticmethod
    def runs_of(url: str, auth: str) -> PrefectRuns:
        """The flow runs of a server, as somebody."""
        return PrefectRuns(lambda: PrefectApi(url, auth))

    def worker(
        self, name: str, *, limit: int = 4, variables: Mapping[str, str] | None = None, wrap: Wrap = list
    ) -> Worker:
        """One more worker; it is not ready yet."""
        own = {**self._variables, **(variables or {})}
        self.workers.append(Worker(self.karma, self.url, name, limit=limit, variables=own, wrap=wrap))
        return self.workers[-1]

    def deploy(self, env: str, *targets: str, key: str = "1") -> str:
        """Order a deploy; the flow run's id."""
        return ordered(self.karma, self.runs, env, *targets, key=key)

    def ended(self, run_id: str) -> RunState:
        """The state of a run when it has ended."""
        return wait_for(lambda: state if (state := self.runs.state(run_id)).ended else None)

    def close(self) -> None:
        """End workers and server."""
        for worker in self.workers:
            worker.end(signal.SIGKILL)
        self.service.stop()
