"""The JSON Lines file: tails, tears, and every byte of it."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from karma_core.errors import Conflict, LogTampered, StoreError
from karma_core.records import Event
from karma_log import chain
from karma_log.sinks import file, lines
from karma_log.sinks.file import FileSink
from tests.make_events import head_after, make_chain, make_event

EVENTS = make_chain(8)
HEAD = chain.head_of(EVENTS[-1])
CONTENT = b"".join(chain.line(event) + b"\n" for event in EVENTS)


def verified(path: Path, content: bytes) -> bool:
    """Whether a file of this content verifies against the head of EVENTS."""
    path.write_bytes(content)
    return chain.verify_lines(FileSink(path).stored(), HEAD).verified


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log lies."""
    return tmp_path / "log.jsonl"


@given(before=st.integers(1, len(EVENTS) + 2), at=st.integers(0, len(EVENTS) - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_altered_line_hides_no_other(path: Path, before: int, at: int) -> None:
    """Where halving does not find the end of a part, it is read to the altered line all the same."""
    raws = CONTENT.splitlines(keepends=True)
    path.write_bytes(b"".join([*raws[:at], b"{\n", *raws[at + 1 :]]))
    events: list[Event] = []
    with suppress(LogTampered):
        events.extend(FileSink(path).read(before_seq=before))
    assert events == list(EVENTS[: min(at, before - 1)])


def test_the_file_is_plain_json_lines(path: Path) -> None:
    """One canonical event a line, each with its newline, readable by its owner only."""
    FileSink(path).append(EVENTS, None)
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class TestTornLine:
    @pytest.mark.parametrize("cut", [1, 5, 200])
    def test_the_next_append_removes_it_and_says_so(self, path: Path, cut: int) -> None:
        """What a crash left behind the last newline goes; no acknowledged event does."""
        said: list[tuple[str, dict[str, Any]]] = []
        torn = chain.line(EVENTS[2])[:cut]
        path.write_bytes(b"".join(chain.line(e) + b"\n" for e in EVENTS[:2]) + torn)
        sink = FileSink(path, say=lambda name, facts: said.append((name, facts)))
        assert sink.head() == head_after(EVENTS, 2)
        assert tuple(sink.read()) == EVENTS[:2]
        sink.append(EVENTS[2:], head_after(EVENTS, 2))
        assert path.read_bytes() == CONTENT
        assert said == [("log_torn_line_removed", {"sink": "file", "bytes": cut})]

    def test_it_is_a_note_when_verified(self, path: Path) -> None:
        """Not called tampering while the head is there."""
        path.write_bytes(CONTENT + b'{"action"')
        verification = chain.verify_lines(FileSink(path).stored(), HEAD)
        assert verification.verified
        assert "torn" in verification.notes[0]

    def test_a_file_of_one_torn_line_is_an_empty_log(self, path: Path) -> None:
        """The crash may have been in the very first append."""
        path.write_bytes(b'{"action"')
        FileSink(path).append(EVENTS, None)
        assert path.read_bytes() == CONTENT

    def test_a_refused_append_removes_nothing(self, path: Path) -> None:
        """An acknowledged last line whose newline somebody altered is evidence: it must stay."""
        altered = CONTENT[:-1] + b" "
        path.write_bytes(altered)
        assert not chain.verify_lines(FileSink(path).stored(), HEAD).verified
        with pytest.raises(Conflict):
            FileSink(path).append([make_event(9)], HEAD)
        assert path.read_bytes() == altered


class TestEveryByte:
    """The whole chain as bytes of a file: nothing can change unseen."""

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(at=st.integers(0, len(CONTENT) - 1), flip=st.integers(1, 255))
    def test_a_changed_byte_is_found(self, path: Path, at: int, flip: int) -> None:
        """Any byte, newlines too, to any other value."""
        content = bytearray(CONTENT)
        content[at] ^= flip
        assert not verified(path, bytes(content))

    def test_every_changed_newline_is_found(self, path: Path) -> None:
        """Newlines hold the lines apart, and the last one completes the file."""
        for at in (at for at, byte in enumerate(CONTENT) if byte == ord("\n")):
            assert not verified(path, CONTENT[:at] + b" " + CONTENT[at + 1 :])

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(start=st.integers(0, len(CONTENT) - 1), length=st.integers(1, len(CONTENT)))
    def test_a_removed_part_is_found(self, path: Path, start: int, length: int) -> None:
        """Any run of bytes, up to the tail and the whole file."""
        assert not verified(path, CONTENT[:start] + CONTENT[start + length :])

    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(at=st.integers(0, len(CONTENT) - 1), extra=st.binary(min_size=1, max_size=3))
    def test_an_inserted_part_is_found(self, path: Path, at: int, extra: bytes) -> None:
        """Any bytes anywhere before the end, blank lines included."""
        changed = CONTENT[:at] + extra + CONTENT[at:]
        assert changed == CONTENT or not verified(path, changed)

    @settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(order=st.permutations(range(len(EVENTS))))
    def test_a_reordering_is_found(self, path: Path, order: list[int]) -> None:
        """Any order of the lines but the one written."""
        split = CONTENT.splitlines(keepends=True)
        in_order = order == sorted(order)
        assert verified(path, b"".join(split[number] for number in order)) == in_order


class TestLines:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        content=st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"")), max_size=30),
        rest=st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")),
        block=st.integers(1, 64),
    )
    def test_backwards_mirrors_forwards_at_every_block_size(
        self, path: Path, content: list[bytes], rest: bytes, block: int
    ) -> None:
        """Lines and offsets are right wherever blocks end; the incomplete rest is left out."""
        raw = b"".join(line + b"\n" for line in content)
        path.write_bytes(raw + rest)
        fd = os.open(path, os.O_RDONLY)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lines, "_BLOCK", block)
            end = lines.complete_end(fd, len(raw) + len(rest))
            backwards = list(lines.backwards(fd, end))
            forwards = list(lines.forwards(fd, 0, end))
        os.close(fd)
        assert end == len(raw)
        assert forwards == content
        assert [line for _, line in backwards] == content[::-1]
        assert all(raw[offset : offset + len(line) + 1] == line + b"\n" for offset, line in backwards)

    def test_the_head_is_found_from_the_end(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The cost of an append does not grow with the log: only the last part of the file is read."""
        FileSink(path).append(make_chain(3000), None)
        read: list[int] = []
        pread = os.pread

        def counted(fd: int, length: int, offset: int) -> bytes:
            read.append(length)
            return pread(fd, length, offset)

        monkeypatch.setattr(os, "pread", counted)
        assert FileSink(path).head().seq == 3000
        assert sum(read) <= 2 * lines._BLOCK < path.stat().st_size / 4


class TestDisk:
    def test_a_required_sink_is_synced_and_a_copy_is_not(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An append returns after the disk has the events; a copy can be written again."""
        synced: list[int] = []
        fsync = os.fsync
        monkeypatch.setattr(file.os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), fsync(fd)))
        FileSink(path).append(EVENTS, None)
        assert len(CONTENT) in synced
        synced.clear()
        FileSink(path, durable=False).append(chain.link([make_event(9)], HEAD), HEAD)
        assert synced == []

    def test_a_full_disk_is_typed_and_leaves_no_part(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whole lines of a refused append must not stay either: they would be events nobody acknowledged."""
        FileSink(path).append(EVENTS[:2], None)
        before = path.read_bytes()
        pwrite = os.pwrite

        def half(fd: int, data: bytes, offset: int) -> int:
            if len(data) < 1000:
                raise OSError(28, "No space left on device")
            return pwrite(fd, data[: len(data) - 500], offset)

        monkeypatch.setattr(file.os, "pwrite", half)
        with pytest.raises(StoreError, match="No space left"):
            FileSink(path).append(EVENTS[2:], head_after(EVENTS, 2))
        assert path.read_bytes() == before

    def test_a_place_that_cannot_be_used_is_typed(self, tmp_path: Path) -> None:
        """A directory in the place of the file, a file in the place of the directory."""
        (tmp_path / "plain").touch()
        for place in (tmp_path, tmp_path / "plain" / "log.jsonl"):
            with pytest.raises(StoreError):
                FileSink(place).append(EVENTS, None)
            with pytest.raises(StoreError):
                list(FileSink(place).read())


class TestLock:
    """Another process at work, played by a lock on the file and bytes written under it."""

    def during(self, path: Path, work: Callable[[FileSink], object]) -> tuple[bool, object]:
        """(whether `work` waited for the other's append of events 3 to 8, what it then returned)."""
        first = b"".join(chain.line(event) + b"\n" for event in EVENTS[:2])
        path.write_bytes(first)
        with path.open("ab") as other, ThreadPoolExecutor(1) as thread:
            fcntl.flock(other, fcntl.LOCK_EX)
            other.write(CONTENT[len(first) : -100])
            other.flush()
            working = thread.submit(work, FileSink(path))
            waited = not wait([working], timeout=0.2).done
            other.write(CONTENT[-100:])
            other.flush()
            fcntl.flock(other, fcntl.LOCK_UN)
            return waited, working.exception() or working.result()

    def test_an_append_waits_and_sees_the_others(self, path: Path) -> None:
        """Two appends never write at one place, and a half-written line is not taken for a torn one."""
        waited, result = self.during(path, lambda sink: sink.append([make_event(9)], head_after(EVENTS, 2)))
        assert waited
        assert isinstance(result, Conflict)
        assert path.read_bytes() == CONTENT

    def test_a_reader_waits_and_sees_whole_appends(self, path: Path) -> None:
        """Nobody takes half of an append, or an append that is not on the disk yet, for the log."""
        waited, result = self.during(path, lambda sink: (sink.head(), list(sink.stored())))
        assert waited
        head, stored = result
        assert head == HEAD
        assert chain.verify_lines(stored, HEAD).notes == ()
