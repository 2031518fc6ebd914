"""A process of the fork server is as one that starts by itself: what is tested in it holds for users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import fork_server
from tests.e2e.command_line import Karma, environment, write_config

SECONDS = 60
FACTS = """
import json, os, resource, signal, sys, threading, time
signals = sorted(signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP})
streams = (sys.stdin, sys.stdout, sys.stderr)
print(json.dumps({
    "words": sys.argv, "path": sys.path, "name": __name__, "folder": os.getcwd(),
    "variables": dict(os.environ), "input": sys.stdin.read(),
    "handlers": [str(signal.getsignal(one)) for one in signals],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "mask": os.umask(0o22),
    "descriptors": os.listdir("/proc/self/fd"), "zone": [*time.tzname, time.timezone],
    "streams": [(s.fileno(), s.encoding, s.errors, s.isatty(), s.line_buffering) for s in streams],
    "group": os.getpgrp(), "session": os.getsid(0), "files": resource.getrlimit(resource.RLIMIT_NOFILE),
    "depth": sys.getrecursionlimit(), "threads": [one.name for one in threading.enumerate()],
    "tasks": len(os.listdir("/proc/self/task")), "flags": str(sys.flags), "warnings": sys.warnoptions,
}))
print("said", file=sys.stderr)
sys.exit(7)
"""
RANDOM = "import os, random; print(random.random(), os.getpid())"
REFUSED = "import sys; sys.exit('in words')"
BROKEN = "print('half'); 1 / 0"
KILLED = "import os, signal; print('lost'); os.kill(os.getpid(), signal.SIGKILL)"
AT_THE_END = "import atexit; atexit.register(print, 'last'); print('first')"


def by_itself(
    *words: str, folder: Path, variables: dict[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same call in a process that starts from nothing."""
    return subprocess.run(
        words,
        cwd=folder,
        env=variables,
        input=text,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def forked(
    *words: str, folder: Path, variables: dict[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    """The call in a process of the server."""
    return fork_server.python(words, folder=folder, variables=variables, timeout_seconds=SECONDS, text=text)


def test_it_has_what_its_caller_gave_it_and_nothing_of_the_server(tmp_path: Path) -> None:
    """Words, folder, variables, input, streams, signals, limits, threads, open files: all are the same."""
    variables = {**os.environ, "PYTHONPATH": str(fork_server.ROOT), "TZ": "America/Lima", "ÄRGER": "ö"}
    call: dict[str, Any] = {"folder": tmp_path, "variables": variables, "text": "given\n"}
    mine = by_itself(sys.executable, "-c", FACTS, "a", "--b", **call)
    theirs = forked("-c", FACTS, "a", "--b", **call)
    assert json.loads(theirs.stdout) == json.loads(mine.stdout)
    assert (theirs.returncode, theirs.stderr) == (mine.returncode, mine.stderr) == (7, "said\n")


@pytest.mark.parametrize("program", [REFUSED, KILLED, AT_THE_END])
def test_it_ends_as_one_that_starts_by_itself(program: str, tmp_path: Path) -> None:
    """In words, by a signal, with what was registered for its end."""
    call: dict[str, Any] = {"folder": tmp_path, "variables": dict(os.environ)}
    mine, theirs = by_itself(sys.executable, "-c", program, **call), forked("-c", program, **call)
    assert (theirs.returncode, theirs.stdout, theirs.stderr) == (mine.returncode, mine.stdout, mine.stderr)


def test_an_error_that_nobody_catches_is_a_traceback(tmp_path: Path) -> None:
    """And exit code 1; what was printed before is there."""
    ended = forked("-c", BROKEN, folder=tmp_path, variables=dict(os.environ))
    assert (ended.returncode, ended.stdout) == (1, "half\n")
    assert ended.stderr.startswith("Traceback")
    assert ended.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_no_two_are_alike(tmp_path: Path) -> None:
    """Each is a process of its own, and draws its own random numbers."""
    call: dict[str, Any] = {"folder": tmp_path, "variables": dict(os.environ)}
    first, second = (forked("-c", RANDOM, **call).stdout.split() for _ in range(2))
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_one_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    """The server answers the next one."""
    with pytest.raises(subprocess.TimeoutExpired):
        fork_server.python(
            ["-c", "import time; time.sleep(60)"],
            folder=tmp_path,
            variables=dict(os.environ),
            timeout_seconds=0.2,
        )
    assert forked("-c", "print(1)", folder=tmp_path, variables=dict(os.environ)).stdout == "1\n"


@pytest.fixture(scope="module")
def karma(tmp_path_factory: pytest.TempPathFactory) -> Karma:
    """A project with one component, published and built."""
    made = Karma(tmp_path_factory.mktemp("project"))
    made.json("init")
    write_config(made.project, "prod", "hello/good", '{"greeting": "hi"}')
    made.json("config", "publish")
    made.json("graph", "build")
    return made


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--version",), 0),
        (("--help",), 0),
        (("nonsense",), 2),
        (("graph", "show"), 0),
        (("graph", "show", "--json"), 0),
        (("config", "show", "hello", "../x", "--json"), 2),
        (("deploy",), 2),
        (("log", "verify"), 0),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_installed_command_ends_as_a_forked_one(karma: Karma, words: tuple[str, ...], code: int) -> None:
    """`karma` and `python -m karma_cli`, from nothing: the same exit code, the same bytes in both streams."""
    ran = karma.run(*words)
    assert ran.code == code, ran
    installed = str(Path(sys.executable).with_name("karma"))
    for command in ([installed, *words], karma.words(*words)):
        own = environment({**karma.variables, "KARMA_ENV": karma.env})
        ended = by_itself(*command, folder=karma.project, variables=own)
        assert (ended.returncode, ended.stdout, ended.stderr) == (ran.code, ran.out, ran.err)
