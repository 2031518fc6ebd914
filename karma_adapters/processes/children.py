"""Child processes: each in a session of its own, watched through a pipe, writing into files.

The pipe's write end is the only handle on a running command. Closing it stops the command (see
`run-and-watch.sh`), and the kernel closes it when Karma is killed: one mechanism for stop, timeout and death.
A command that was interrupted may take its time to save its work; its watcher sees to the end, not Karma.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from karma_adapters.processes.output import Output
from karma_core.errors import DeployFailed

GRACE_SECONDS: Final = 25
"""From SIGINT to the end: Prefect kills a cancelled flow's process after 30 s, and we must be done before."""
MARGIN_SECONDS: Final = 2
"""After the grace, until a stopped command is not waited for any more. Ours: its watcher waits half a second
before it sends the first signal."""
LAST_SECONDS: Final = 5
"""From the watcher's SIGTERM to its SIGKILL."""
LOOK_SECONDS: Final = 1.0
"""How often a thread that waits for a command looks whether it was stopped."""
BEAT_SECONDS: Final = 15.0
"""How often it is said that a command still runs."""
_SCRIPT: Final = str(Path(__file__).with_name("run-and-watch.sh"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended; its `code` is negative for a signal.

    `stopped`: Karma ended it; `late`: because its time was over. `running`: it was interrupted, and still
    saves its work; its watcher ends it in time.
    """

    code: int
    out: str
    err: str
    stopped: bool = False
    late: bool = False
    running: bool = False


def _say_nothing(_seconds: int) -> None:
    """No heartbeat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a command may take, and how long to end once it is interrupted, in seconds.

    `seconds` None: any time. `save_seconds` None: the grace of its `Processes`; more for a command that must
    save its work, which is then left to its watcher when Karma itself has to end. `beat` is called now and
    then with the seconds since the start.
    """

    seconds: float | None = None
    save_seconds: int | None = None
    beat: Callable[[int], None] = _say_nothing


NO_LIMITS: Final = Limits()


class Processes:
    """Starts commands from any thread, and stops all of them at once."""

    def __init__(self, *, grace_seconds: int = GRACE_SECONDS) -> None:
        self._grace_seconds = grace_seconds
        self._handles: set[FileIO] = set()
        self._running = 0
        self._stopping = False
        self._changed = threading.Condition()
        _let_children_be_interrupted()

    def run(
        self,
        words: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        limits: Limits = NO_LIMITS,
        folder: Path | None = None,
    ) -> Finished:
        """Run to the end; DeployFailed `not-runnable` or `interrupted` where it could not be started.

        With `folder` the output is kept there, and the exit code beside it.
        """
        output = Output.named(folder) if folder else Output.unnamed()
        save = self._save_seconds(limits)
        try:
            with self._started(words, directory, environment, output, save) as (process, handle):
                late = self._wait(process, handle, limits)
                stopped = not self._close(handle)
                running = stopped and not self._await_end(process, save, patient=late)
                out, err = output.text()
                code = output.code()
        finally:
            output.close()
        if code is None:  # it did not end by itself, or its code is not kept
            code = process.returncode if process.returncode is not None else -signal.SIGINT
        return Finished(code=code, out=out, err=err, stopped=stopped, late=late, running=running)

    def stop(self) -> None:
        """Stop every running command, start no other, and return when all have ended.

        Takes the grace and MARGIN_SECONDS at most: the watchers, and the threads that wait, see to it.
        """
        with self._changed:
            self._stopping = True
            for handle in list(self._handles):
                self._close(handle)
            self._changed.wait_for(lambda: self._running == 0)

    def _save_seconds(self, limits: Limits) -> int:
        return self._grace_seconds if limits.save_seconds is None else limits.save_seconds

    @contextmanager
    def _started(
        self,
        words: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        output: Output,
        save_seconds: int,
    ) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
        """The started process and its handle; it is interrupted where anything is raised inside."""
        process, handle = self._start(words, directory, environment, output, save_seconds)
        try:
            yield process, handle
        except BaseException:
            self._close(handle)
            self._await_end(process, save_seconds, patient=False)
            raise
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify_all()

    def _wait(self, process: subprocess.Popen[bytes], handle: FileIO, limits: Limits) -> bool:
        """Wait for its end, a stop, or the end of its time, which interrupts it; whether it was that."""
        begun = time.monotonic()
        ends_at = begun + (math.inf if limits.seconds is None else limits.seconds)
        beat_at = begun + BEAT_SECONDS
        while not handle.closed:
            now = time.monotonic()
            if now >= ends_at:
                return self._close(handle)
            if now >= beat_at:
                limits.beat(round(now - begun))
                beat_at += BEAT_SECONDS
            if _ended_within(process, min(ends_at - now, LOOK_SECONDS)):
                return False
        return False

    def _await_end(self, process: subprocess.Popen[bytes], save_seconds: int, *, patient: bool) -> bool:
        """Wait for the end of an interrupted command; False where it is left to its watcher.

        A `patient` caller waits until the command must have ended, unless Karma itself is stopped meanwhile.
        """
        begun = time.monotonic()
        last = save_seconds + LAST_SECONDS if save_seconds > self._grace_seconds else save_seconds
        while True:
            waits = last if patient and not self._stopping else min(last, self._grace_seconds)
            left = begun + waits + MARGIN_SECONDS - time.monotonic()
            if _ended_within(process, min(max(left, 0), LOOK_SECONDS)):
                return True
            if left <= 0:
                break
        if waits < last:
            threading.Thread(target=process.wait, name="karma-left-command", daemon=True).start()
            return False
        with suppress(ProcessLookupError):  # nobody has waited for the leader: the number is its group's
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True

    def _start(
        self,
        words: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        output: Output,
        save_seconds: int,
    ) -> tuple[subprocess.Popen[bytes], FileIO]:
        reader, writer = os.pipe()
        # An object, not the number: once closed, the number is soon another command's pipe.
        handle = FileIO(writer, "w")
        try:
            with self._changed:
                self.refuse_when_stopping(words[0])
                # No preexec_fn: with it, subprocess cannot use vfork, and a large Karma would fork slowly.
                process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
                    watched(words, save_seconds, output.code_file),
                    stdin=reader,
                    stdout=output.out,
                    stderr=output.err,
                    cwd=directory,
                    env=dict(environment),
                    start_new_session=True,
                )
                self._handles.add(handle)
                self._running += 1
        except (OSError, ValueError) as error:
            handle.close()
            raise DeployFailed(
                f"{words[0]} could not be started",
                why=str(error),
                next_step="see to it that the program and its directory exist and may be used",
                code="not-runnable",
            ) from error
        except BaseException:
            handle.close()
            raise
        finally:
            os.close(reader)
        return process, handle

    def refuse_when_stopping(self, program: str) -> None:
        """Raise DeployFailed `interrupted` where no command is started any more."""
        if self._stopping:
            raise DeployFailed(f"{program} was not started: Karma is stopping", code="interrupted")

    def _close(self, handle: FileIO) -> bool:
        """Close the handle; False where it was closed already."""
        with self._changed:
            was_open = not handle.closed
            self._handles.discard(handle)
            handle.close()
            return was_open


def _let_children_be_interrupted() -> None:
    """Where SIGINT is ignored, let it be handled by doing nothing: a child then starts with the default.

    A shell script's background jobs start with SIGINT ignored, children inherit what is ignored (not what is
    handled: exec resets it), and a Terraform that ignores it could only be ended without saving its state.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, lambda _signal, _frame: None)


def _ended_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether it ends in that time. By a file descriptor of the process where there are such: at once."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # another system, or it has been waited for
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
        return process.returncode is not None
    try:
        waiting = select.poll()  # not select.select: that ends at 1,024 open files
        waiting.register(descriptor, select.POLLIN)
        waiting.poll(seconds * 1000)
    finally:
        os.close(descriptor)
    return process.poll() is not None


def watched(words: Sequence[str], save_seconds: int, code_file: str = "") -> list[str]:
    """The command line under which a command is interrupted with its starter, who holds its standard input.

    Start it as leader of a process group of its own. The exit code is written to `code_file`, if given.
    """
    return ["/bin/sh", _SCRIPT, str(save_seconds), code_file, *words]
