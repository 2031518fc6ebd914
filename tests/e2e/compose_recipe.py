"""The services of the compose file without containers: their commands and environments, as processes.

What stands in the files is what is run. Of the container's own only places are replaced: the project, the
secrets and /tmp are folders of the test, names of services are loopback with free ports. Bounds, users and
read-only roots are Docker's and are not there.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.e2e.command_line import ROOT

FOLDER = ROOT / "deployments" / "containers"
PROGRAMS = {"python": [sys.executable], "karma-worker": [sys.executable, "-m", "flows.worker"]}


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Recipe:
    """Starts the services over a project and a PostgreSQL that listens on loopback."""

    def __init__(self, folder: Path, project: Path, postgres: Mapping[str, str]) -> None:
        document = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
        self._services: dict[str, Any] = document["services"]
        self._folder, self._postgres = folder, postgres
        self._ports = {"4200": str(free_port()), "8321": str(free_port())}
        self._places = {"/project": str(project), "/run/secrets": str(folder / "secrets")}
        self.prefect_url = f"http://127.0.0.1:{self._ports['4200']}/api"
        self.api_url = f"http://127.0.0.1:{self._ports['8321']}"
        self._processes: list[subprocess.Popen[bytes]] = []
        for place in ("secrets", "empty"):
            (folder / place).mkdir()

    def write_secret(self, name: str, text: str) -> None:
        """A file of the folder `secrets`, as the docs say to write it."""
        (self._folder / "secrets" / name).write_text(f"{text}\n")

    def start(self, service: str, name: str = "") -> subprocess.Popen[bytes]:
        """Start a service's command; its output goes to `<name>.log`."""
        name = name or service
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                self._words(self._services[service]["command"], name),
                cwd=self._folder / "empty",
                env=self._environment(service, name),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        self._processes.append(process)
        return process

    def healthy(self, service: str, name: str = "") -> bool:
        """Whether the service's health check succeeds."""
        name = name or service
        test = self._services[service]["healthcheck"]["test"]
        assert test[0] == "CMD"
        ended = subprocess.run(
            self._words(test[1:], name),
            cwd=self._folder / "empty",
            env=self._environment(service, name),
            capture_output=True,
            check=False,
            timeout=30,
        )
        return ended.returncode == 0

    def said(self, name: str) -> str:
        """All that a service said."""
        return (self._folder / f"{name}.log").read_text()

    def close(self) -> None:
        """End what still runs, the newest first."""
        for process in reversed(self._processes):
            if process.poll() is None:
                process.terminate()
                process.wait(60)

    def _environment(self, service: str, name: str) -> dict[str, str]:
        """The image's variables and the service's, in the order in which Docker takes them."""
        own = {k: v for k, v in os.environ.items() if not k.startswith(("KARMA_", "PREFECT_"))}
        given = {**image_variables(), **self._services[service]["environment"]}
        made = {key: self._placed(_resolved(str(text)), name) for key, text in given.items()}
        if "PREFECT_SERVER_DATABASE_HOST" in given:
            made |= self._postgres
        return {**own, "PYTHONPATH": str(ROOT), **made}

    def _words(self, command: list[str], name: str) -> list[str]:
        program, *rest = command
        return [*PROGRAMS[program], *(self._placed(word, name) for word in rest)]

    def _placed(self, text: str, name: str) -> str:
        """The text with the places of this machine."""
        text = text.replace("http://prefect:", "http://127.0.0.1:").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        own = self._folder / f"tmp-{name}"
        own.mkdir(exist_ok=True)
        places = {**self._places, "/tmp": str(own)}  # noqa: S108 - the container's
        return re.sub(r"^(/project|/run/secrets|/tmp)\b", lambda place: places[place[0]], text)


def image_variables() -> dict[str, str]:
    """`ENV` of the Containerfile, but for the PATH of what is installed there."""
    text = re.sub(r"\\\n\s*", "", (FOLDER / "Containerfile").read_text("utf-8"))
    pairs = [pair for line in re.findall(r"^ENV (.+)$", text, re.MULTILINE) for pair in line.split()]
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs) if name != "PATH"}


def _resolved(text: str) -> str:
    """`${NAME:-default}` without a NAME."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def stop_signal() -> str:
    """How Docker asks the image's processes to end."""
    text = (FOLDER / "Containerfile").read_text("utf-8")
    (name,) = re.findall(r"^STOPSIGNAL (\w+)$", text, re.MULTILINE)
    return str(name)
