"""Standard streams that never end a command: a full disk, a closed descriptor, a reader that has gone.

What a command did does not depend on whether somebody could read of it. A write that fails is remembered
and the rest is dropped; the command goes on, and at its end `OutputState.exit_code` says what that means.
"""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_CLOSED: Final = OSError(errno.EBADF, os.strerror(errno.EBADF))


class LossyFile(io.RawIOBase):
    """A file descriptor to write to. After the first error, which `failure` keeps, everything is dropped."""

    def __init__(self, descriptor: int, failure: OSError | None = None) -> None:
        self._descriptor = descriptor
        self.failure = failure

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor, for whoever asks for a terminal's size."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: object) -> int:
        """Write all; never raises for what the operating system refuses."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]  # whatever a buffer hands over
        left = view
        while self.failure is None and left:
            try:
                left = left[os.write(self._descriptor, left) :]
            except BlockingIOError:  # somebody else's end made the descriptor non-blocking
                select.select([], [self._descriptor], [])
            except OSError as error:
                self.failure = error
        return len(view)


class OutputState:
    """What became of standard output, and whether the command's outcome is recorded elsewhere."""

    def __init__(self, file: LossyFile) -> None:
        self._file = file
        self.recorded = False

    @property
    def failure(self) -> OSError | None:
        """Why standard output cannot be written any more; None where it can."""
        return self._file.failure

    @property
    def lost(self) -> bool:
        """Whether output was lost that nobody had turned away from."""
        return self.failure is not None and self.failure.errno != errno.EPIPE

    def exit_code(self, code: int) -> int:
        """The command's own code; 1 where its output was all that it was for, and that was lost."""
        return 1 if code == 0 and self.lost and not self.recorded else code


_states: list[OutputState] = []


def outcome_is_recorded() -> None:
    """Say that what the command did stands in log or stores: losing its output does not make it a failure."""
    for state in _states:
        state.recorded = True


def reader_is_gone() -> bool:
    """Whether nothing that is written to standard output arrives any more."""
    return any(state.failure is not None for state in _states)


@contextmanager
def standard_streams() -> Iterator[OutputState]:
    """Replace standard output and error by ones that never raise, until the end of the block.

    A descriptor that is closed is opened on the null device first: else the next file that is opened (a
    database, the log) would get its number, and whatever is printed.
    """
    closed = {number for number in (0, 1, 2) if _open_on_nothing(number)}
    if 0 in closed:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process
    before = sys.stdout, sys.stderr
    files = [LossyFile(number, _CLOSED if number in closed else None) for number in (1, 2)]
    state = OutputState(files[0])
    _states.append(state)
    sys.stdout, sys.stderr = _text(files[0], before[0]), _text(files[1], before[1], at_once=True)
    try:
        yield state
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _states.remove(state)
        sys.stdout, sys.stderr = before


def _open_on_nothing(number: int) -> bool:
    """Open a closed standard descriptor on the null device; whether it was closed. Ask in rising order."""
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
        return True
    return False


def _text(file: LossyFile, like: TextIO | None, *, at_once: bool = False) -> TextIO:
    """A text stream with the encoding of the one that it replaces; what that cannot say is escaped."""
    return io.TextIOWrapper(
        io.BufferedWriter(file),
        encoding=getattr(like, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=at_once or file.isatty(),
        write_through=at_once,
    )
