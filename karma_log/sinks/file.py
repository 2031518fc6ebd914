"""A sink in a JSON Lines file: one event per line, appended under a lock between processes.

An append is complete with the newline of its last event, on the disk. What a crash leaves behind the last
newline was never acknowledged: the next append removes it and says so.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import msgspec

from karma_core.errors import StoreError
from karma_core.ports import Say
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from karma_log.filters import EVERYTHING, Filter
from karma_log.sinks import lines
from karma_log.sinks.base import head_moved

_MODE = 0o600


class _Number(msgspec.Struct):
    seq: int


class _View(NamedTuple):
    """An open file at a moment without an append: the end of its last complete line, and its size."""

    fd: int
    end: int
    size: int


_decode_number = msgspec.json.Decoder(_Number).decode


class FileSink:
    """Events in the file `path`; its directory is made when needed.

    `durable` syncs each append to the disk: True for the required sink. The lock is `flock` on the file:
    it must lie on a local disk. Readers see only whole appends.
    """

    def __init__(
        self, path: Path, *, name: str = "file", durable: bool = True, say: Say | None = None
    ) -> None:
        self.name = name
        self._path = path
        self._durable = durable
        self._say = say

    def head(self) -> ChainHead | None:
        """The newest event, found from the end of the file."""
        with self._reading() as view:
            if self._durable and view.end:
                # A writer killed between write and sync leaves lines that only this makes durable.
                os.fsync(view.fd)
            return self._head(view.fd, view.end)

    def append(self, events: Sequence[Event], expected: ChainHead | None) -> None:
        """Store the events if the newest complete one is `expected`, else Conflict."""
        payload = b"".join(chain.line(event) + b"\n" for event in events)
        with self._translated("append to"), self._writing() as fd:
            size = os.fstat(fd).st_size
            end = lines.complete_end(fd, size)
            head = self._head(fd, end)
            if head != expected:
                raise head_moved(self.name, expected, head)
            if end < size:
                self._heal(fd, end, size)
            self._write(fd, end, payload)

    def read(
        self,
        query: Filter = EVERYTHING,
        *,
        after_seq: int = 0,
        before_seq: int | None = None,
        newest_first: bool = False,
    ) -> Iterator[Event]:
        """Events that match, by seq. Reads the file between the first and the last wanted line."""
        with self._reading() as view:
            start = _start_after(view, after_seq)
            end = _end_before(view, before_seq)
            raws: Iterator[bytes]
            if newest_first:
                wanted = takewhile(lambda line: line[0] >= start, lines.backwards(view.fd, end))
                raws = (raw for _, raw in wanted)
            else:
                raws = lines.forwards(view.fd, start, end)
            for raw in raws:
                event = self._parsed(raw)
                inside = event.seq > after_seq and (before_seq is None or event.seq < before_seq)
                if inside and query.matches(event):
                    yield event

    def event(self, event_id: str) -> Event | None:
        """One event. Reads the file from its end."""
        wanted = event_id.encode()
        with self._reading() as view:
            for _, raw in lines.backwards(view.fd, view.end):
                if wanted in raw and (event := self._parsed(raw)).id == event_id:
                    return event
        return None

    def stored(self, *, after_seq: int = 0) -> Iterator[StoredLine]:
        """The lines as they are, a torn last one included."""
        with self._reading() as view:
            start = _start_after(view, after_seq)
            suffix = f" after event {after_seq}" if after_seq else ""
            for number, raw in enumerate(lines.forwards(view.fd, start, view.end), 1):
                yield StoredLine(raw=raw, place=f"{self._path} line {number}{suffix}")
            if view.end < view.size:
                torn = os.pread(view.fd, view.size - view.end, view.end)
                yield StoredLine(raw=torn, place=f"{self._path} last line", torn=True)

    def close(self) -> None:
        """Do nothing: no file is kept open between calls."""

    # -- within the file --------------------------------------------------------------------------

    def _head(self, fd: int, end: int) -> ChainHead | None:
        newest = next(lines.backwards(fd, end), None)
        return chain.head_of(self._parsed(newest[1])) if newest else None

    def _heal(self, fd: int, end: int, size: int) -> None:
        os.ftruncate(fd, end)
        if self._say is not None:
            self._say("log_torn_line_removed", {"sink": self.name, "bytes": size - end})

    def _write(self, fd: int, end: int, payload: bytes) -> None:
        try:
            written = 0
            while written < len(payload):
                written += os.pwrite(fd, payload[written:], end + written)
            if self._durable:
                os.fsync(fd)
        except OSError:
            # The disk is full: a whole line of a refused append must not stay.
            os.ftruncate(fd, end)
            raise

    def _parsed(self, raw: bytes) -> Event:
        return chain.read_line(raw, where=f"a line in {self._path}")

    # -- the file ---------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[int]:
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            fd = self._create()
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield fd
        finally:
            os.close(fd)

    def _create(self) -> int:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)  # the file's name is as durable as its content
        finally:
            os.close(directory)
        return fd

    @contextmanager
    def _reading(self) -> Iterator[_View]:
        """The file as it is now; empty where there is none.

        The lock is held only to find the end: no append is under way at that moment, and what lies before
        it is never changed.
        """
        with self._translated("read"):
            try:
                fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                yield _View(-1, 0, 0)
                return
            try:
                fcntl.flock(fd, fcntl.LOCK_SH)
                size = os.fstat(fd).st_size
                view = _View(fd, lines.complete_end(fd, size), size)
                fcntl.flock(fd, fcntl.LOCK_UN)
                yield view
            finally:
                os.close(fd)

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(
                f"cannot {doing} the log file {self._path}",
                why=error.strerror or str(error),
                next_step="make room or correct the file's permissions, then try again",
                code="log-file",
            ) from error


def _start_after(view: _View, after_seq: int) -> int:
    """Offset of the line behind event `after_seq`, searched from the end; 0 to read all."""
    if after_seq <= 0:
        return 0
    for offset, raw in lines.backwards(view.fd, view.end):
        try:
            if _decode_number(raw).seq <= after_seq:
                return offset + len(raw) + 1
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            continue  # an altered line: the reader of this part will say so
    return 0


def _end_before(view: _View, before_seq: int | None) -> int:
    """Offset of the line of event `before_seq`, found by halving; the end where it is not among the lines."""
    low, high = 0, view.end
    if before_seq is None:
        return high
    while low < high:
        offset = lines.complete_end(view.fd, (low + high) // 2)
        raw = next(lines.forwards(view.fd, offset, view.end))
        try:
            seq = _decode_number(raw).seq
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return view.end  # an altered line: the reader of this part will say so
        low, high = (offset + len(raw) + 1, high) if seq < before_seq else (low, offset)
    return low
