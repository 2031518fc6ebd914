"""The life that a fixture's project leads, through the command line of the Karma that makes the fixture.

It is told once for every way to keep stores. Whatever it leaves behind is what later versions must read.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REFRESH = Path(__file__).parents[1] / "unit/karma_adapters/terraform/recorded/refresh.json"
"""What the AWS provider said of a cloud that had drifted; the providers within Terraform know no drift."""
STAND_IN = """#!/bin/sh
if [ "$1" = show ]; then exec cat '{recorded}'; fi
'{python}' -P '{script}' "$@"
code=$?
if [ "$1" = plan ]; then exit 2; fi
exit $code
"""
PUT = """
import sys
from pathlib import Path
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.records import ParameterWrite
environment, name, value = sys.argv[1:]
parameters = open_workspace(read_settings(Path.cwd()), environment).parameters
parameters.put([ParameterWrite(name=name, value=value)]) if value else parameters.delete([name])
"""
KILLED = -9
LEASE_SECONDS = 6
"""After so long a dead run holds nothing any more; `lease_seconds` of the settings is 5."""
TIMEOUT_SECONDS = 180


@dataclass(frozen=True)
class Cli:
    """The command of the Karma whose source is in `source`, in a project."""

    source: Path
    project: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    def run(self, env: str, *words: str, user: str = "ann@example.org", code: int = 0, **more: str) -> Any:
        """Run a command that must end with `code`; its document, or None where it was killed."""
        variables = {"KARMA_ENV": env, "KARMA_USER": user, **more}
        ended = self._python("-m", "karma_cli", *words, "--json", **variables)
        if ended.returncode != code:
            raise RuntimeError(f"{env} {words}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}")
        return json.loads(ended.stdout) if code != KILLED else None

    def put(self, env: str, name: str, value: Mapping[str, Any]) -> None:
        """Write a parameter as somebody would who knows nothing of Karma."""
        self._python("-c", PUT, env, name, json.dumps(value)).check_returncode()

    def delete(self, env: str, name: str) -> None:
        """Delete a parameter as somebody would who knows nothing of Karma."""
        self._python("-c", PUT, env, name, "").check_returncode()

    def _python(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("KARMA_", "PREFECT_"))}
        return subprocess.run(
            [sys.executable, *words],
            cwd=self.project,
            env={**own, "PYTHONPATH": str(self.source), **self.variables, **variables},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )

    def change(self, env: str, body: Mapping[str, Any], *words: str, code: int = 0, **more: str) -> str:
        """Request a change; its id."""
        path = self.project / ".karma" / "request.json"
        path.write_text(json.dumps({"reason": "the life of a fixture", **body}))
        change = self.run(env, "change", "request", "--input", str(path), *words, code=code, **more)
        path.unlink()
        return str(change["change_id"])


def git(project: Path, *words: str) -> None:
    """Run Git as nobody of this machine."""
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=project, check=True, capture_output=True)


def commit(project: Path, message: str) -> None:
    """Commit everything."""
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", message)


def edit(project: Path, name: str, **values: Any) -> None:
    """Change keys of a config; all of it, where it is new."""
    path = project / "iac" / name / "config.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    held = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps({**held, **values}, indent=2) + "\n")


def live(karma: Cli) -> dict[str, str]:
    """Lead the whole life; the texts of the tokens that were made, by user."""
    git(karma.project, "init", "-q", "-b", "main")
    commit(karma.project, "The beginning")
    (karma.project / ".karma").mkdir()
    _worn(karma)
    return _prod(karma)


def sketch(karma: Cli) -> None:
    """An environment whose graph is built and nothing of which is ever deployed."""
    karma.run("sketch", "config", "publish")
    karma.run("sketch", "graph", "build")


def _release(karma: Cli, env: str, message: str, *words: str, code: int = 0) -> None:
    commit(karma.project, message)
    karma.run(env, "config", "publish", *words)
    karma.run(env, "graph", "build")
    karma.run(env, "deploy", "--all", "--auto-approve", code=code)


def _worn(karma: Cli) -> None:
    """An environment in which something went wrong of every kind, the last of it a moment ago."""
    project = karma.project
    karma.run("worn", "config", "publish")
    karma.run("worn", "graph", "build")
    karma.run("worn", "deploy", "--all", "--auto-approve")
    karma.run("worn", "graph", "build")
    edit(project, "worn/box/early", size="2")
    commit(project, "For a run that is given up")
    karma.run("worn", "config", "publish")
    karma.run(
        "worn", "deploy", "box", "early", "--auto-approve", code=KILLED, KARMA_FAILPOINT="deploy.before_apply"
    )
    time.sleep(LEASE_SECONDS)
    karma.run("worn", "deploy", "--abandon", _dead_run(karma))
    karma.run("worn", "deploy", "box", "early", "--auto-approve")
    edit(project, "worn/box/burst", size="2!")
    _release(karma, "worn", "A box that bursts", code=1)
    _drift(karma)
    (project / "iac/worn/box/gone/config.json").unlink()
    commit(project, "A config goes")
    karma.delete("worn", "/worn/box/gone/config")
    karma.run("worn", "graph", "build")
    edit(project, "worn/box/late", size="2")
    commit(project, "For a run that dies")
    karma.run("worn", "config", "publish")
    karma.run("worn", "graph", "build")
    karma.run(
        "worn", "deploy", "box", "late", "--auto-approve", code=KILLED, KARMA_FAILPOINT="deploy.after_apply"
    )


def _dead_run(karma: Cli) -> str:
    events = karma.run("worn", "log", "grep", "--action", "deploy")
    return str(events[-1]["run_id"])


def _drift(karma: Cli) -> None:
    program = karma.project / ".karma" / "stand-in"
    script = karma.source / "karma_adapters" / "embedded_terraform.py"
    program.write_text(STAND_IN.format(recorded=REFRESH, python=sys.executable, script=script))
    program.chmod(0o755)
    karma.run("worn", "drift", "box", "drifted", KARMA_TERRAFORM__BINARY=str(program))
    program.unlink()


def _prod(karma: Cli) -> dict[str, str]:
    """An environment that is in order at its end: a plan of everything is empty."""
    project = karma.project
    karma.put("prod", "/iac/environment", {"environment": "prod"})
    karma.put("prod", "/iac/legacy/mail/runtime", {"host": "mail.example.org", "port": 25})
    karma.run("prod", "config", "publish")
    karma.run("prod", "graph", "build")
    karma.run("prod", "plan", "--all")
    karma.run("prod", "deploy", "--all", "--auto-approve")
    edit(project, "prod/network/core", dns_servers=["10.0.0.2", "10.0.0.3"])
    _release(karma, "prod", "A second name server")
    path = project / "components/subnet/main.tf"
    path.write_text(path.read_text() + '\noutput "note" {\n  value = "an output more"\n}\n')
    _release(karma, "prod", "A module changes")
    (project / "iac/prod/record/old-www").rename(project / "iac/prod/record/www")
    edit(project, "prod/record/www", moved_from="record/old-www")
    commit(project, "A better name")
    karma.run("prod", "config", "publish")
    karma.run("prod", "deploy", "record", "www", "--auto-approve")
    tokens = {
        user: karma.run("prod", "token", "create", user, "--role", role)["token"]
        for user, role in (("ann@example.org", "operator"), ("lead-eve", "approver"), ("root", "admin"))
    }
    revoked = karma.run("prod", "token", "create", "mallory", "--role", "viewer")
    karma.run("prod", "token", "revoke", revoked["id"])
    _changes(karma)
    karma.run("prod", "config", "pull")
    commit(project, "What changes have moved")
    karma.run("prod", "config", "publish")
    karma.run("prod", "graph", "build")
    karma.run("prod", "drift")
    karma.run("prod", "plan", "--all", "--detailed-exitcode")
    return tokens


def _changes(karma: Cli) -> None:
    """A change for every way to end, and two that wait."""
    size = "proposed_change"
    auto = "--auto-approve"
    karma.change("prod", {"component": "box/delta", size: {"size": "2"}}, auto)
    taken_back = karma.change("prod", {"component": "network/core", size: {"port": 8443}}, auto)
    karma.run("prod", "change", "rollback", taken_back, auto)
    new = {"component": "box/new", "create": {"size": "1"}}
    karma.change("prod", {"changes": [new, {"component": "note/readme", size: {"text": "new"}}]}, auto)
    removed = karma.change("prod", {"component": "box/new", "remove": True}, auto, code=4)
    eve = {"user": "lead-eve"}
    karma.run("prod", "change", "approve", removed, "--reason", "seen", **eve)
    karma.run("prod", "apply", removed, **eve)
    karma.run("prod", "change", "promote", "box", "early", "--from", "worn", "--to", "prod", auto)
    no = karma.change("prod", {"component": "box/alpha", size: {"size": "9"}}, auto, code=4)
    karma.run("prod", "change", "reject", no, "--reason", "too large", **eve)
    karma.change("prod", {"component": "network/core", size: {"cidr": "10.9.0.0/16"}}, auto, code=4)
    off = karma.change("prod", {"component": "box/beta", size: {"size": "9"}}, auto, code=4)
    karma.run("prod", "change", "cancel", off, "--reason", "not now")
    karma.change("prod", {"component": "box/alpha", size: {"size": "2"}}, auto, code=4)
    approved = karma.change("prod", {"component": "box/beta", size: {"size": "2"}}, code=4)
    karma.run("prod", "change", "approve", approved, "--reason", "seen", **eve)
