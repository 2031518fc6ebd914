"""Child processes: output, codes, ends."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from karma_adapters.processes import children as module
from karma_adapters.processes import output as streams
from karma_adapters.processes.children import Finished, Limits, Processes
from karma_adapters.processes.output import is_busy
from karma_core.errors import DeployFailed

ROOT = Path(__file__).parents[4]
ENVIRONMENT = {"PATH": os.environ["PATH"]}


def _run(processes: Processes, script: str, directory: Path, seconds: float | None = None) -> Finished:
    return processes.run(
        ["sh", "-c", script],
        directory=directory,
        environment=ENVIRONMENT,
        limits=Limits(seconds=seconds),
    )


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    path = Path(f"/proc/{pid}/stat")
    return path.exists() and path.read_text().split()[2] != "Z"


def _until(condition: Callable[[], object], seconds: float = 20) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _ends(pid: int) -> bool:
    """Whether a killed process is gone within seconds: it ends when the kernel schedules it."""
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


def test_output_code_directory_and_environment(tmp_path: Path) -> None:
    """Both streams and the code come back; nothing of our environment and input does get in."""
    ended = _run(Processes(), "pwd; env; cat; echo bad >&2; exit 3", tmp_path)
    assert (ended.code, ended.err, ended.stopped, ended.late) == (3, "bad\n", False, False)
    names = {line.split("=")[0] for line in ended.out.splitlines()[1:]}
    assert ended.out.splitlines()[0] == str(tmp_path)
    assert names <= {"PATH", "PWD", "OLDPWD", "SHLVL", "_"}


def test_words_are_words(tmp_path: Path) -> None:
    """No shell sees the words, whatever they hold."""
    words = ["printf", "%s|", "$(id)", "a b", "`id`", "; true", "*"]
    ended = Processes().run(words, directory=tmp_path, environment=ENVIRONMENT)
    assert ended.out == "$(id)|a b|`id`|; true|*|"


def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    """A command that ignores SIGINT, with a child, is killed after the grace."""
    script = "trap '' INT; (sleep 100; true) & echo $$; wait"
    begun = time.monotonic()
    ended = _run(Processes(grace_seconds=1), script, tmp_path, 0.3)
    assert ended.late
    assert ended.stopped
    assert 1 < time.monotonic() - begun < 5
    assert _ends(int(ended.out))


def test_what_a_stopped_command_leaves_is_ended_with_it(tmp_path: Path) -> None:
    """A background child of a shell ignores SIGINT; it does not outlive the stopped command by the grace."""
    script = "trap 'exit 0' INT; sleep 100 & echo $!; wait"
    begun = time.monotonic()
    ended = _run(Processes(grace_seconds=20), script, tmp_path, 0.3)
    assert _ends(int(ended.out))
    assert time.monotonic() - begun < 10


def test_a_command_may_save_its_work(tmp_path: Path) -> None:
    """SIGINT comes first, and the command has the grace to react."""
    script = "trap 'sleep 0.3; echo saved > saved; exit 0' INT; echo x > up; while :; do sleep 0.1; done"
    ended = _run(Processes(grace_seconds=5), script, tmp_path, 0.5)
    assert ended.late
    assert (tmp_path / "saved").read_text() == "saved\n"


BACKGROUND = """
import pathlib, sys
from karma_adapters.processes.children import Limits, Processes
script = "trap 'echo saved; exit 0' INT; while :; do sleep 0.1; done"
ended = Processes(grace_seconds=20).run(
    ["sh", "-c", script],
    directory=pathlib.Path("/"),
    environment={"PATH": sys.argv[1]},
    limits=Limits(seconds=1),
)
sys.exit(0 if ended.out == "saved\\n" else 1)
"""


def test_a_job_in_the_background_of_a_script_interrupts_its_commands() -> None:
    """Such a job starts with SIGINT ignored; its commands can be interrupted all the same."""
    words = [sys.executable, "-c", BACKGROUND, ENVIRONMENT["PATH"]]
    script = ["sh", "-c", '"$@" & wait $!', "sh", *words]
    done = subprocess.run(
        script, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False
    )
    assert done.returncode == 0


def test_a_command_that_ends_leaves_its_children(tmp_path: Path) -> None:
    """Only a stopped command's group is swept: a daemon that was started on purpose lives."""
    ended = _run(Processes(), "sleep 30 >/dev/null 2>&1 & echo $!", tmp_path)
    pid = int(ended.out)
    assert _alive(pid)
    os.kill(pid, 9)


def test_stop_ends_all_and_refuses_more(tmp_path: Path) -> None:
    """Every running command ends, stop returns after them, and no other starts."""
    processes = Processes(grace_seconds=5)
    ended: list[Finished] = []
    threads = [
        threading.Thread(
            target=lambda n=n: ended.append(_run(processes, f"touch up{n}; sleep 100", tmp_path))
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    while len(list(tmp_path.glob("up*"))) < 4:
        time.sleep(0.02)
    processes.stop()
    for thread in threads:
        thread.join(5)
    assert [one.stopped for one in ended] == [True] * 4
    with pytest.raises(DeployFailed) as caught:
        _run(processes, "true", tmp_path)
    assert caught.value.code == "interrupted"


def test_the_end_of_one_command_stops_no_other(tmp_path: Path) -> None:
    """Commands that end while others start: each runs to its own end."""
    processes = Processes()
    with ThreadPoolExecutor(16) as pool:
        ended = list(pool.map(lambda _: _run(processes, "sleep 0.01", tmp_path), range(800)))
    assert {(one.code, one.stopped) for one in ended} == {(0, False)}


def test_a_command_that_is_only_being_started_is_interrupted_too(tmp_path: Path) -> None:
    """SIGINT between fork and exec is lost to the shell's handler: such a command ran on until the grace."""
    for round_ in range(6):
        processes = Processes(grace_seconds=10)
        words = [["sh", "-c", f"sleep 5; touch ran-on-{round_}-{n}"] for n in range(12)]

        def run(some: list[str], processes: Processes = processes) -> None:
            with contextlib.suppress(DeployFailed):  # it came after the stop
                processes.run(some, directory=tmp_path, environment=ENVIRONMENT)

        with ThreadPoolExecutor(12) as pool:
            for some in words:
                pool.submit(run, some)
            time.sleep(0.005 * (round_ + 1))
            processes.stop()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("left", ["sleep 100", "setsid sleep 100"])
def test_nobody_waits_for_a_process_that_keeps_an_ended_commands_output(tmp_path: Path, left: str) -> None:
    """A command's end is its end, although a child in the background has its output, too; that one lives."""
    begun = time.monotonic()
    ended = _run(Processes(), f"{left} & echo $!", tmp_path)
    assert (ended.code, ended.late, ended.stopped) == (0, False, False)
    assert time.monotonic() - begun < 5
    assert _alive(int(ended.out))
    os.kill(int(ended.out), 9)


STARTER = """
import pathlib, sys
from karma_adapters.processes.children import Limits, Processes
folder = pathlib.Path(sys.argv[1])
save = "echo saving; sleep 1; echo saved >saved; exit 3"
script = f"trap '{save}' INT; echo $$; touch up; while :; do sleep 0.1; done"
Processes(grace_seconds=1).run(
    ["sh", "-c", script],
    directory=folder,
    environment={"PATH": sys.argv[2]},
    limits=Limits(save_seconds=30),
    folder=folder,
)
"""


def test_a_command_outlives_its_starter_and_saves_its_work(tmp_path: Path) -> None:
    """Killed with its whole group, the starter takes nothing along: the command is interrupted and saves."""
    words = [sys.executable, "-c", STARTER, str(tmp_path), ENVIRONMENT["PATH"]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(words, cwd=ROOT, env=environment, process_group=0) as starter:
        _until((tmp_path / "up").exists)
        assert is_busy(tmp_path / "out")
        os.killpg(starter.pid, 9)
    assert is_busy(tmp_path / "out")
    _until(lambda: not is_busy(tmp_path / "out"))
    assert (tmp_path / "saved").read_text() == "saved\n"
    assert (tmp_path / "out").read_text().splitlines()[1] == "saving"
    assert (tmp_path / "code").read_text() == "3\n"
    assert _ends(int((tmp_path / "out").read_text().split()[0]))


def test_a_command_that_saves_for_long_is_left_to_its_watcher(tmp_path: Path) -> None:
    """A stop waits for the grace; the command has its own time, and is killed when that is over."""
    processes = Processes(grace_seconds=1)
    script = "trap 'echo saving' INT; echo $$; while :; do sleep 0.1; done"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(
            processes.run,
            ["sh", "-c", script],
            directory=tmp_path,
            environment=ENVIRONMENT,
            limits=Limits(save_seconds=5),
            folder=tmp_path,
        )
        _until(lambda: (tmp_path / "out").exists() and (tmp_path / "out").read_text() != "")
        begun = time.monotonic()
        processes.stop()
        ended = waiting.result(10)
    assert (ended.stopped, ended.running) == (True, True)
    assert time.monotonic() - begun < 4.5
    assert _alive(int(ended.out.split()[0]))
    assert is_busy(tmp_path / "out")
    _until(lambda: not is_busy(tmp_path / "out"))


def test_an_interrupted_command_may_have_succeeded(tmp_path: Path) -> None:
    """Its own exit code tells, although what it left in its group was killed with its watcher."""
    ended = Processes(grace_seconds=5).run(
        ["sh", "-c", "trap 'exit 0' INT; while :; do sleep 0.1; done"],
        directory=tmp_path,
        environment=ENVIRONMENT,
        limits=Limits(seconds=0.3),
        folder=tmp_path,
    )
    assert (ended.code, ended.stopped, ended.late) == (0, True, True)


def test_a_long_command_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Now and then it is said for how many seconds it has been running."""
    monkeypatch.setattr(module, "BEAT_SECONDS", 0.5)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.1)
    beats: list[int] = []
    limits = Limits(beat=beats.append)
    Processes().run(["sleep", "1.8"], directory=tmp_path, environment=ENVIRONMENT, limits=limits)
    assert beats in ([0, 1, 2], [1, 1, 2], [0, 1, 1])


def test_a_long_output_is_read_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: of a stream beyond the limit its beginning and its end are read."""
    monkeypatch.setattr(streams, "MAX_BYTES", 20)
    ended = _run(Processes(), "printf 0123456789; head -c 1000 /dev/zero; printf 0123456789", tmp_path)
    assert ended.out == "0123456789\n… 1,000 bytes are left out …\n0123456789"


def test_what_cannot_be_started_is_a_typed_error(tmp_path: Path) -> None:
    """A directory that is gone, a word that the kernel refuses; no file descriptor is lost."""
    processes = Processes()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for directory, word in ((tmp_path / "absent", "true"), (tmp_path, "a\0b"), (tmp_path, "x" * 3_000_000)):
        with pytest.raises(DeployFailed) as caught:
            processes.run([word], directory=directory, environment=ENVIRONMENT)
        assert caught.value.code == "not-runnable"
    assert _run(processes, "exit 0", tmp_path).code == 0
    assert len(list(Path("/proc/self/fd").iterdir())) == before
