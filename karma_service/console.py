"""The one log of the service: each line with its time and part, on a stream and in a file."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import IO, Final

MAX_LINE: Final = 10_000
"""Characters of a line that are kept. Ours: a longer one is data, not a message."""
COLOURS: Final = (36, 33, 35, 32, 34)
"""ANSI colours of the parts' names, in the order of their first line."""
NAME_WIDTH: Final = 9


class Console:
    """Writes whole lines from any thread. The file is opened for appending, mode 0600."""

    def __init__(self, path: Path, stream: IO[str] | None = None) -> None:
        self._lock = Lock()
        self._stream = stream or sys.stderr
        self._coloured = self._stream.isatty()
        self._seen: list[str] = []
        path.touch(mode=0o600)
        self._file = path.open("a", encoding="utf-8")

    def say(self, name: str, line: str) -> None:
        """One line of a part; control characters in it, other than tabs, are shown as `?`."""
        text = "".join(c if c.isprintable() or c == "\t" else "?" for c in line.rstrip()[:MAX_LINE])
        if not text:
            return
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with self._lock:
            self._file.write(f"{now} {name:<{NAME_WIDTH}} | {text}\n")
            self._file.flush()
            self._stream.write(f"{now[11:19]} {self._name(name)} | {text}\n")
            self._stream.flush()

    def close(self) -> None:
        """Close the file; nothing may be said afterwards."""
        with self._lock:
            self._file.close()

    def _name(self, name: str) -> str:
        if not self._coloured:
            return f"{name:<{NAME_WIDTH}}"
        if name not in self._seen:
            self._seen.append(name)
        colour = COLOURS[self._seen.index(name) % len(COLOURS)]
        return f"\033[{colour}m{name:<{NAME_WIDTH}}\033[0m"
