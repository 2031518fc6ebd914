"""What a machine can refuse a command: output, files, descriptors, servers. Never a traceback, nothing lost.

The project is one component with an output alone: Terraform, Git and the stores are real.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.command_line import TIMEOUT_SECONDS, Karma, environment, statuses, write_config
from tests.e2e.conftest import commit, git

NOBODY: Final = 65_534
"""The user nobody, as whom files are left by another user."""
FULL: Final = "/dev/full"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with two components, published and not deployed. To be copied."""
    project = tmp_path_factory.mktemp("published")
    (project / "karma.toml").write_text('[environments.dev]\nregion = "eu-west-1"\n')
    (project / ".gitignore").write_text(".karma/\n")
    module = project / "components/box/main.tf"
    module.parent.mkdir(parents=True)
    module.write_text('variable "config" {\n  type = any\n}\noutput "n" {\n  value = var.config.n\n}\n')
    for name in ("one", "two"):
        write_config(project, "dev", f"box/{name}", '{"n": 1}')
    git(project, "init", "-q")
    commit(project)
    karma = Karma(project, env="dev")
    karma.json("config", "publish")
    karma.json("graph", "build")
    return project


@pytest.fixture
def karma(published: Path, tmp_path: Path) -> Karma:
    """The command in a project of its own."""
    return Karma(shutil.copytree(published, tmp_path / "project"), env="dev")


@pytest.fixture(scope="module")
def deployed(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project after a first deploy, with other configs published. To be copied."""
    project = shutil.copytree(published, tmp_path_factory.mktemp("deployed") / "project")
    karma = Karma(project, env="dev")
    assert set(statuses(karma.json("deploy", "--all", "--auto-approve")).values()) == {"applied"}
    for name in ("one", "two"):
        write_config(project, "dev", f"box/{name}", '{"n": 2}')
    commit(project)
    karma.json("config", "publish")
    return project


@pytest.fixture
def again(deployed: Path, tmp_path: Path) -> Karma:
    """The command in a copy of it."""
    return Karma(shutil.copytree(deployed, tmp_path / "project"), env="dev")


def call(karma: Karma, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command by itself, with streams and limits of the test's choice."""
    variables = {**karma.variables, "KARMA_ENV": karma.env, **options.pop("variables", {})}
    return subprocess.run(
        karma.words(*words),
        cwd=karma.project,
        env=environment(variables),
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
        **options,
    )


def deploys(karma: Karma) -> list[str]:
    """How the environment's deploys ended, as the log has it."""
    events = karma.json("log", "grep", "--action", "deploy")
    return [event["status"] for event in events if event["status"] != "started"]


# -- output -------------------------------------------------------------------------------------------


def _pipe_without_a_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("json_", [True, False], ids=["json", "text"])
@pytest.mark.parametrize("how", ["full", "closed", "no reader", "both full", "both closed"])
def test_a_deploy_that_nobody_hears_of_succeeds(karma: Karma, how: str, json_: bool) -> None:
    """Exit 0, both components applied, the outcome in the log, whatever becomes of the output."""
    options: dict[str, Any] = {"stderr": subprocess.PIPE}
    if "full" in how:
        options["stdout"] = os.open(FULL, os.O_WRONLY)
    elif how == "no reader":
        options["stdout"] = _pipe_without_a_reader()
    if how == "both full":
        options["stderr"] = options["stdout"]
    elif "closed" in how:
        numbers = (1, 2) if how == "both closed" else (1,)
        options["preexec_fn"] = lambda: [os.close(number) for number in numbers]
    ran = call(karma, "deploy", "--all", "--auto-approve", *(["--json"] if json_ else []), **options)
    assert ran.returncode == 0, ran.stderr
    assert deploys(karma) == ["succeeded"]
    assert set(statuses(karma.json("deploy", "--all", "--auto-approve")).values()) == {"unchanged"}
    if how in {"full", "closed"}:
        assert "error: output-lost: the result could not be printed" in ran.stderr
        assert "karma log list" in ran.stderr
    assert "Traceback" not in (ran.stderr or "")
    assert karma.json("log", "verify")["verified"]


def test_what_is_only_shown_fails_where_it_cannot_be_written(karma: Karma) -> None:
    """A file that a full disk cuts off must not pass for the whole: exit 1. A reader that left: exit 0."""
    with Path(FULL).open("w") as full:
        ran = call(karma, "graph", "show", "--json", stdout=full, stderr=subprocess.PIPE)
    assert (ran.returncode, "Traceback" in ran.stderr) == (1, False)
    assert "error: output-lost" in ran.stderr
    gone = call(karma, "log", "export", stdout=_pipe_without_a_reader(), stderr=subprocess.PIPE)
    assert (gone.returncode, gone.stderr) == (0, "")


def test_no_file_gets_the_number_of_a_closed_stream(karma: Karma) -> None:
    """With streams 0 to 2 closed, neither log nor databases hold what was printed; a question is a no."""
    ran = call(karma, "deploy", "--all", preexec_fn=lambda: [os.close(number) for number in (0, 1, 2)])
    assert ran.returncode == 4
    assert karma.json("log", "verify")["verified"]
    for file in karma.state.glob("log.*"):
        assert b"Apply this?" not in file.read_bytes()


# -- descriptors --------------------------------------------------------------------------------------


def test_too_few_descriptors_are_refused_before_anything_is_done(karma: Karma) -> None:
    """A hard limit that is too low: one typed document, nothing in the log. A soft one is raised."""
    before = karma.json("log", "list")
    low = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))}
    ran = call(karma, "deploy", "--all", "--auto-approve", "--json", capture_output=True, **low)
    assert ran.returncode == 1
    error = json.loads(ran.stdout)["error"]
    assert error["code"] == "too-few-files"
    assert "ulimit -n" in error["next"]
    assert karma.json("log", "list") == before
    soft = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))}
    raised = call(karma, "deploy", "--all", "--auto-approve", "--json", capture_output=True, **soft)
    assert raised.returncode == 0, raised.stderr


# -- another user's files -----------------------------------------------------------------------------


def _without_capabilities() -> None:
    """Root obeys modes, too, once it has no capability left."""
    prctl = ctypes.CDLL(None).prctl
    for capability in range(64):
        prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: counts from the exec on


def _left_by_another(path: Path) -> Iterator[None]:
    """Give a path, and all below it, to another user; where we are not root, take its modes away."""
    paths = [path, *(path.rglob("*") if path.is_dir() else ())]
    for one in reversed(paths):
        if os.geteuid() == 0:
            os.chown(one, NOBODY, NOBODY)
            one.chmod(0o700 if one.is_dir() else 0o600)
        else:
            one.chmod(0)
    yield
    for one in paths:
        one.chmod(0o700 if one.is_dir() else 0o600)


anothers = contextmanager(_left_by_another)
STATE_DIR: Final = (
    "", "cache", "modules", "publish", "dev", "dev/artifacts", "dev/graph.sqlite", "dev/log.sqlite",
    "dev/parameters.sqlite", "dev/private", "dev/state.sqlite", "dev/terraform", "dev/tfstate", "dev/work",
)  # fmt: skip


@pytest.mark.parametrize("name", STATE_DIR)
def test_files_of_another_user_are_a_typed_error(again: Karma, name: str) -> None:
    """Whichever part of the state directory it is: a document with code, reason and next step, or success."""
    with anothers(again.project / ".karma" / name):
        options: dict[str, Any] = {"preexec_fn": _without_capabilities, "capture_output": True}
        ran = call(again, "deploy", "--all", "--auto-approve", "--json", **options)
    assert "Traceback" not in ran.stderr, ran.stderr
    document = json.loads(ran.stdout)
    if "error" in document:
        error = document["error"]
        assert ran.returncode in {1, 3}
        assert error["code"] != "error"
        assert error["why"]
        assert error["next"]
    else:
        reasons = " ".join(c["reason"] for c in document["components"])
        assert ran.returncode == 0 or "ermission" in reasons, document
    assert again.json("log", "verify")["verified"]


# -- states -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda _: b"<html>", lambda _: b"{}"])
def test_a_damaged_state_blocks_its_component_alone(again: Karma, damage: Callable[[bytes], bytes]) -> None:
    """A finding and exit 3; the other component is deployed, and the damaged file is left as it is."""
    state = again.state / "tfstate/box/one/terraform.tfstate"
    state.write_bytes(damage(state.read_bytes()))
    before = state.read_bytes()
    planned = again.json("plan", "--all", code=3)
    assert [f["component"] for f in planned["findings"] if f["code"] == "state-unreadable"] == ["box/one"]
    document = again.json("deploy", "--all", "--auto-approve", code=3)
    assert statuses(document) == {"box/one": "blocked", "box/two": "applied"}
    assert state.read_bytes() == before


# -- a Terraform that crashes -------------------------------------------------------------------------


def test_a_crash_of_terraform_is_no_plan_with_changes(again: Karma, tmp_path: Path) -> None:
    """A Go program that panics exits with 2, as a plan with changes does: its output is the reason."""
    real = shutil.which("terraform") or shutil.which("tofu")
    assert real is not None
    crashing = tmp_path / "terraform"
    crashing.write_text(
        f'#!/bin/sh\ncase "$1" in plan) echo "panic: runtime error" >&2; exit 2;; esac\nexec {real} "$@"\n'
    )
    crashing.chmod(0o755)
    document = again.json("deploy", "--all", "--auto-approve", code=3, KARMA_TERRAFORM__BINARY=str(crashing))
    assert set(statuses(document).values()) == {"blocked"}
    assert all("panic: runtime error" in c["reason"] for c in document["components"])
    found = again.json("plan", "--all", code=3, KARMA_TERRAFORM__BINARY=str(crashing))
    assert {f["code"] for f in found["findings"] if f["severity"] == "error"} == {"plan-missing"}


# -- Prefect ------------------------------------------------------------------------------------------


@contextmanager
def prefect_that(answer: bytes | None) -> Iterator[str]:
    """A server that takes connections and gives this answer to all, or none at all; its API's address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                    if answer is not None:
                        taken[-1].recv(65_536)
                        taken[-1].sendall(answer)
                        taken[-1].close()
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/api"
        for connection in taken:
            connection.close()


INTERNAL: Final = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "answer", [None, INTERNAL, b"", "refuses"], ids=["silent", "500", "hangs up", "refuses"]
)
def test_a_prefect_server_that_does_not_answer(karma: Karma, answer: bytes | str | None) -> None:
    """A typed error within a deadline, in JSON too; without Prefect the deploy then goes through."""
    prefect = karma.under(KARMA_PROJECT__ORCHESTRATOR="prefect")
    began = time.monotonic()
    if isinstance(answer, str):
        ran = prefect.refuses(
            "deploy", "--all", "--auto-approve", code=1, PREFECT_API_URL="http://127.0.0.1:9/api"
        )
    else:
        with prefect_that(answer) as url:
            ran = prefect.refuses("deploy", "--all", "--auto-approve", code=1, PREFECT_API_URL=url)
    assert time.monotonic() - began < 60
    assert ran.error["code"] == "prefect"
    assert "KARMA_PROJECT__ORCHESTRATOR=direct" in ran.error["next"]
    assert "does not answer" in ran.err
    assert set(statuses(karma.json("deploy", "--all", "--auto-approve")).values()) == {"applied"}
