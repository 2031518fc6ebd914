"""The `karma` command as its users run it: a process, its exit code, its two streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests import fork_server

ROOT = Path(__file__).parents[2]
SHOP = ROOT / "examples" / "shop"
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """One call that has ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output, which must be exactly one JSON document."""
        return json.loads(self.out)

    @property
    def error(self) -> dict[str, Any]:
        """The error document of a call with --json."""
        error: dict[str, Any] = self.document["error"]
        return error

    @property
    def codes(self) -> list[str]:
        """Codes of the findings that the error carries."""
        return [finding["code"] for finding in self.error.get("findings", [])]


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a child gets: our environment without its Karma and Prefect settings, and with `variables`."""
    own = {k: v for k, v in os.environ.items() if not k.startswith(("KARMA_", "PREFECT_"))}
    return {**own, "PYTHONPATH": str(ROOT), "KARMA_USER": "tester", **variables}


@dataclass(frozen=True)
class Karma:
    """The command in one project and environment. Deploys run without Prefect unless `variables` say so."""

    project: Path
    env: str = "prod"
    variables: Mapping[str, str] = field(default_factory=lambda: {"KARMA_PROJECT__ORCHESTRATOR": "direct"})

    def words(self, *words: str) -> list[str]:
        """The whole command line."""
        return [sys.executable, "-m", "karma_cli", *words]

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        """Start a call by itself, imports and all, and do not wait for it."""
        return subprocess.Popen(
            self.words(*words),
            cwd=self.project,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, **variables: str) -> Ran:
        """Run a call to its end, in a process whose imports are done. It never ends with a traceback."""
        ended = fork_server.python(
            self.words(*words)[1:],
            folder=self.project,
            variables=self._environment(variables),
            timeout_seconds=TIMEOUT_SECONDS,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Ran(ended.returncode, ended.stdout, ended.stderr)

    def run_by_itself(self, *words: str, **variables: str) -> Ran:
        """Run a call to its end in a process that imports by itself, and orders its sets in its own way."""
        with self.start(*words, **variables) as process:
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert "Traceback" not in err, err
        return Ran(process.returncode, out, err)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return environment({**self.variables, "KARMA_ENV": self.env, **more})

    def json(self, *words: str, code: int = 0, **variables: str) -> Any:
        """Run a call with --json that must end with `code`; its document."""
        ran = self.run(*words, "--json", **variables)
        assert ran.code == code, (ran.code, ran.out[-3000:], ran.err[-3000:])
        return ran.document

    def refuses(self, *words: str, code: int, **variables: str) -> Ran:
        """Run a call with --json that must end in an error and with `code`."""
        ran = self.run(*words, "--json", **variables)
        assert ran.code == code, (ran.code, ran.out[-3000:], ran.err[-3000:])
        assert ran.error["message"]
        assert ran.error["next"]
        return ran

    def under(self, **variables: str) -> Karma:
        """The same command with more variables."""
        return replace(self, variables={**self.variables, **variables})

    @property
    def state(self) -> Path:
        """Folder of the environment's stores."""
        return self.project / ".karma" / self.env


def statuses(document: dict[str, Any]) -> dict[str, str]:
    """Address → status of a deploy's document."""
    return {c["address"]: c["status"] for c in document["components"]}


def with_status(document: dict[str, Any], status: str) -> set[str]:
    """Addresses that ended with a status."""
    return {address for address, actual in statuses(document).items() if actual == status}


def write_config(project: Path, env: str, address: str, config: str | bytes) -> Path:
    """Write a config file below a project's `iac`."""
    path = project / "iac" / env / address / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(config.encode() if isinstance(config, str) else config)
    return path


def edit_config(project: Path, env: str, address: str, **changes: Any) -> None:
    """Change keys of a config file."""
    path = project / "iac" / env / address / "config.json"
    body = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**body, **changes}, indent=2) + "\n", "utf-8")
