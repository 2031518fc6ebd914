"""A process that appends events to a log and acknowledges each one on standard output.

Usage: appender.py DIRECTORY SINK WORKER COUNT (SINK: file or sqlite; the other kind is its copy).
"""

from __future__ import annotations

import sys
from pathlib import Path

from karma_adapters.sqlite.state import SqliteState
from karma_log.log import Log
from karma_log.sinks.base import Sink
from karma_log.sinks.file import FileSink
from karma_log.sinks.sqlite import SqliteSink
from tests.make_events import make_event


def open_log(directory: Path, kind: str) -> tuple[Log, SqliteState]:
    """The log in a directory, as every process of a test opens it."""
    sinks: list[Sink] = [FileSink(directory / "log.jsonl"), SqliteSink(directory / "log.db")]
    required, copy = sinks if kind == "file" else sinks[::-1]
    state = SqliteState(directory / "state.db")
    return Log(required, state, copies=[copy]), state


def main(directory: str, kind: str, worker: str, count: str) -> None:
    """Append `count` events."""
    log, _ = open_log(Path(directory), kind)
    for number in range(int(count)):
        event = log.append(make_event(int(worker) * 10_000 + number))
        sys.stdout.write(f"{event.id} {event.seq} {event.hash}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
