"""The supervisor with small programs: order, health, restarts, and an end that leaves nothing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.local.running_service import RunningService
from karma_service.child import Spec
from karma_service.console import Console
from karma_service.supervisor import MAX_RESTARTS, ServiceFailed, Supervisor
from tests.e2e.running_service import processes_of, wait_for

ROOT = Path(__file__).parents[3]
LIVES = "import time; print('here', flush=True); time.sleep(600)"
LEAVES_A_CHILD = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""
DEAF = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(600)"


class Supervised:
    """A supervisor over a folder, and what it said."""

    def __init__(self, folder: Path) -> None:
        (folder / ".karma").mkdir()
        self.folder = folder
        self.stream = io.StringIO()
        self.console = Console(folder / "up.log", self.stream)
        self.record = RunningService(folder)
        self.supervisor = Supervisor(folder, self.console, self.record)

    def spec(self, name: str, program: str, healthy: Callable[[], bool] = lambda: True, **more: Any) -> Spec:
        """A Python program, known by the folder in its environment."""
        variables = {"HERE": f"{self.folder}/.karma"}
        words = (sys.executable, "-c", program)
        return Spec(name=name, kind=name, words=words, variables=variables, healthy=healthy, **more)

    def pid(self, name: str) -> int:
        """The pid of a part."""
        return next(part.pid for part in self.record.parts() if part.name == name)

    @property
    def alive(self) -> list[int]:
        """What it has left running."""
        return processes_of(self.folder)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisor that has started nothing."""
    supervised = Supervised(tmp_path)
    yield supervised
    supervised.console.close()


def test_parts_are_recorded_when_they_are_well(made: Supervised) -> None:
    """And gone, with their record, when the block ends; their lines bear their names."""
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", LIVES), made.spec("two", LIVES)])
        assert [part.name for part in made.record.parts()] == ["one", "two"]
        assert len(made.alive) == 2
        wait_for(lambda: "two       | here" in made.stream.getvalue())
    assert made.alive == []
    assert made.record.parts() == ()
    assert made.stream.getvalue().endswith("stopped; nothing is left running\n")


def test_a_part_that_dies_is_started_again(made: Supervised) -> None:
    """With a new pid in the record, until the end is asked for."""
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", LIVES)])
        first = made.pid("one")
        watching = threading.Thread(target=supervisor.watch, args=(lambda: None,))
        watching.start()
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: made.pid("one") != first)
        supervisor.stop()
        watching.join(30)
        assert not watching.is_alive()
    assert made.alive == []


def test_a_part_that_dies_again_and_again_ends_the_service(made: Supervised, monkeypatch: Any) -> None:
    """Five times within five minutes are enough; nothing else is left either."""
    monkeypatch.setattr("karma_service.supervisor.PAUSE_SECONDS", 0.01)
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", LIVES)])
        supervisor.bring_up([made.spec("two", "import time; time.sleep(0.1); raise SystemExit(3)")])
        with pytest.raises(ServiceFailed) as caught:
            supervisor.watch(lambda: None)
    assert f"{MAX_RESTARTS + 1} times" in caught.value.why
    assert made.alive == []


@pytest.mark.parametrize(
    ("program", "healthy", "why"),
    [("raise SystemExit(3)", False, "it ended with 3"), (LIVES, False, "it did not become healthy in time")],
)
def test_a_part_that_does_not_start(made: Supervised, program: str, healthy: bool, why: str) -> None:
    """It is named, and what was started before it is ended."""
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", LIVES)])
        with pytest.raises(ServiceFailed) as caught:
            supervisor.bring_up([made.spec("two", program, lambda: healthy, start_seconds=1.5)])
    assert (caught.value.what, caught.value.why) == ("two does not run", why)
    assert made.alive == []


def test_a_command_that_is_run_once(made: Supervised) -> None:
    """It is waited for; where it fails, so does the service."""
    with made.supervisor as supervisor:
        supervisor.run_once(made.spec("one", "print('done')"))
        assert "one       | done" in made.stream.getvalue()
        with pytest.raises(ServiceFailed, match="two does not run"):
            supervisor.run_once(made.spec("two", "raise SystemExit(1)"))
        assert made.record.parts() == ()


def test_what_a_part_left_in_another_session_is_ended(made: Supervised) -> None:
    """Prefect starts runs so, and they outlive a worker that is killed."""
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", LEAVES_A_CHILD)])
        wait_for(lambda: len(made.alive) == 2)
        os.kill(made.pid("one"), signal.SIGKILL)
        wait_for(lambda: len(made.alive) == 1)
    assert made.alive == []


def test_a_part_that_does_not_listen_is_killed(made: Supervised, monkeypatch: Any) -> None:
    """After the grace."""
    monkeypatch.setattr("karma_service.supervisor.STOP_SECONDS", 1)
    with made.supervisor as supervisor:
        supervisor.bring_up([made.spec("one", DEAF)])
        time.sleep(0.5)
    assert made.alive == []


KILLED = """
import sys, time
from pathlib import Path
from tests.unit.karma_service.test_supervisor import DEAF, LEAVES_A_CHILD, Supervised

made = Supervised(Path(sys.argv[1]))
made.supervisor.__enter__().bring_up([made.spec("one", LEAVES_A_CHILD)])
print("up", flush=True)
time.sleep(600)
"""


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    """The guardian ends everything that bears the service's mark."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path)]
    with subprocess.Popen(words, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        wait_for(lambda: len(processes_of(tmp_path)) == 2)
        process.kill()
    wait_for(lambda: processes_of(tmp_path) == [])


def test_a_line_cannot_play_tricks(tmp_path: Path) -> None:
    """Escape sequences of a child are shown, not obeyed; empty lines say nothing."""
    stream = io.StringIO()
    console = Console(tmp_path / "up.log", stream)
    console.say("one", "\x1b[2Jgone\r\n")
    console.say("one", "\n")
    console.close()
    assert stream.getvalue()[9:] == "one       | ?[2Jgone\n"
    assert (tmp_path / "up.log").read_text().count("\n") == 1
