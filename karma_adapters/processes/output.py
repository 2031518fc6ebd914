"""Where a command writes: private files, so that nobody's death can break the command's output.

A pipe ends with its reader, and a Terraform that writes into a pipe without a reader is killed by SIGPIPE,
before it has saved its state. Files without a name are gone when the last process that has them ends.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 256 * 1024 * 1024
"""How much of one stream is read into memory. Ours: a plan of 10,000 resources as JSON has about 50 MB."""
OUT: Final = "out"
ERR: Final = "err"
CODE: Final = "code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The two open streams of a command. `folder` is where they are named, None where they are not."""

    out: FileIO
    err: FileIO
    folder: Path | None = None

    @classmethod
    def unnamed(cls) -> Output:
        """Files without a name, for a command whose output is of use only to whoever waits for it."""
        return cls(out=_unnamed(), err=_unnamed())

    @classmethod
    def named(cls, folder: Path) -> Output:
        """Files in a folder, which outlive Karma. While the command runs, `out` is locked (`is_busy`)."""
        out, err = _named(folder / OUT), _named(folder / ERR)
        # The lock belongs to the open file: the command inherits it with its output, and keeps it without us.
        fcntl.flock(out, fcntl.LOCK_EX)
        return cls(out=out, err=err, folder=folder)

    @property
    def code_file(self) -> str:
        """Where the exit code is written; empty where it is not."""
        return str(self.folder / CODE) if self.folder else ""

    def text(self) -> tuple[str, str]:
        """Both streams as they are now, of each MAX_BYTES at most."""
        return _text(self.out), _text(self.err)

    def code(self) -> int | None:
        """The exit code that was written; None where the command did not end, or none is kept."""
        if self.folder is None:
            return None
        try:
            return int((self.folder / CODE).read_text("ascii"))
        except (FileNotFoundError, ValueError):
            return None

    def close(self) -> None:
        """Close our ends; the command keeps its own."""
        self.out.close()
        self.err.close()


def is_busy(path: Path) -> bool:
    """Whether a process that has the lock of this file with it lives; False where there is no such file."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _unnamed() -> FileIO:
    """An unnamed file; in the temporary folder it has a name for a moment where the system needs one."""
    with suppress(OSError, AttributeError):
        flags = os.O_TMPFILE | os.O_RDWR | os.O_APPEND
        return FileIO(os.open(tempfile.gettempdir(), flags, 0o600), "a+")
    descriptor, name = tempfile.mkstemp(prefix="karma-")
    Path(name).unlink()
    return FileIO(descriptor, "r+")


def _named(path: Path) -> FileIO:
    return FileIO(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND, 0o600), "a+")


def _text(stream: FileIO) -> str:
    """The stream from its beginning; of a longer one its beginning and its end."""
    size = os.fstat(stream.fileno()).st_size
    if size <= MAX_BYTES:
        return _read(stream, 0, size).decode("utf-8", "replace")
    half = MAX_BYTES // 2
    left_out = f"\n… {size - 2 * half:,} bytes are left out …\n".encode()
    whole = _read(stream, 0, half) + left_out + _read(stream, size - half, half)
    return whole.decode("utf-8", "replace")


def _read(stream: FileIO, offset: int, size: int) -> bytes:
    """That many bytes from there on; `pread`, because the command has the same position in the file."""
    parts = []
    while size > 0 and (part := os.pread(stream.fileno(), size, offset)):
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)
