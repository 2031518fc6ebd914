"""Child processes that end with Karma: each in a group of its own, watched through a pipe.

The pipe's write end is the only handle on a running command. Closing it stops the command (see
`run-and-watch.sh`), and the kernel closes it when Karma is killed: one mechanism for stop, timeout and death.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from karma_core.errors import DeployFailed

GRACE_SECONDS: Final = 25
"""From SIGINT to SIGKILL: Prefect kills a cancelled flow's process after 30 s, and we must be done before."""
MARGIN_SECONDS: Final = 2
"""After the grace, until a stopped command's output is not waited for any more. Ours: its watcher waits half
a second before it sends the first signal."""
LOOK_SECONDS: Final = 1.0
"""How often a thread that waits for a command looks whether it was stopped."""
_SCRIPT: Final = str(Path(__file__).with_name("run-and-watch.sh"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A command that has ended; its `code` is negative for a signal.

    `stopped`: Karma ended it; `late`: because its time was over.
    """

    code: int
    out: str
    err: str
    stopped: bool = False
    late: bool = False


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
        timeout_seconds: float | None = None,
    ) -> Finished:
        """Run to the end; DeployFailed `not-runnable` or `interrupted` where it could not be started."""
        with self._started(words, directory, environment) as (process, handle):
            out, err, late = self._output(process, handle, timeout_seconds)
            stopped = not self._close(handle)
        return Finished(code=process.returncode, out=_text(out), err=_text(err), stopped=stopped, late=late)

    def stop(self) -> None:
        """Stop every running command, start no other, and return when all have ended.

        Takes the grace and MARGIN_SECONDS at most: the watchers, and the threads that wait, see to it.
        """
        with self._changed:
            self._stopping = True
            for handle in list(self._handles):
                self._close(handle)
            self._changed.wait_for(lambda: self._running == 0)

    @contextmanager
    def _started(
        self, words: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
        """The started process and its handle; whatever happens inside, both are gone afterwards."""
        process, handle = self._start(words, directory, environment)
        try:
            yield process, handle
        finally:
            try:
                self._close(handle)
                _let_go(process, self._grace_seconds)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _output(
        self, process: subprocess.Popen[bytes], handle: FileIO, seconds: float | None
    ) -> tuple[bytes, bytes, bool]:
        """Both streams until they end, or a stop or its time ends the command; whether its time did."""
        ends_at = time.monotonic() + (math.inf if seconds is None else seconds)
        late = False
        while not handle.closed:
            left = ends_at - time.monotonic()
            if left <= 0:
                late = self._close(handle)
                break
            with suppress(subprocess.TimeoutExpired):
                return (*process.communicate(timeout=min(left, LOOK_SECONDS)), False)
        return (*_last_output(process, self._grace_seconds), late)

    def _start(
        self, words: Sequence[str], directory: Path, environment: Mapping[str, str]
    ) -> tuple[subprocess.Popen[bytes], FileIO]:
        reader, writer = os.pipe()
        # An object, not the number: once closed, the number is soon another command's pipe.
        handle = FileIO(writer, "w")
        try:
            with self._changed:
                self._refuse_when_stopping(words[0])
                # No preexec_fn: with it, subprocess cannot use vfork, and a large Karma would fork slowly.
                process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
                    watched(words, self._grace_seconds),
                    stdin=reader,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    cwd=directory,
                    env=dict(environment),
                    process_group=0,
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

    def _refuse_when_stopping(self, program: str) -> None:
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


def _last_output(process: subprocess.Popen[bytes], grace_seconds: int) -> tuple[bytes, bytes]:
    """Return both streams of a stopped command.

    They do not end with it where it left a process behind that has them, too: its watcher has gone with it,
    so such a process is killed here, after the grace. One that has even left the group is not waited for.
    """
    try:
        return process.communicate(timeout=grace_seconds + MARGIN_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):  # nobody has waited for the leader: the number is its group's
            os.killpg(process.pid, signal.SIGKILL)
    try:
        return process.communicate(timeout=MARGIN_SECONDS)
    except subprocess.TimeoutExpired as held:
        return held.output or b"", held.stderr or b""


def _let_go(process: subprocess.Popen[bytes], grace_seconds: int) -> None:
    """Ensure that the process has ended, and close this end of its streams."""
    if process.returncode is None:
        _last_output(process, grace_seconds)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _text(output: bytes) -> str:
    return output.decode("utf-8", "replace")


def watched(words: Sequence[str], grace_seconds: int) -> list[str]:
    """The command line under which a command ends with its starter, who holds its standard input's pipe.

    Start it as leader of a process group of its own.
    """
    return ["/bin/sh", _SCRIPT, str(grace_seconds), *words]
