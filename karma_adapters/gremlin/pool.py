"""Gremlin text answered by processes of their own, for servers: no query takes what others need.

A query that multiplies paths takes gigabytes within seconds, and its engine runs in the caller's process. So
a server has a few processes for queries, each with a budget of memory. A query that needs more, or does not
end in its time, ends with its process, which gives everything back; the next query starts another one.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec

import karma_adapters
from karma_adapters.gremlin.child import OUT_OF_MEMORY, Answer, Question
from karma_adapters.gremlin.graphson import write_graph
from karma_core import ports
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.graph import gremlin_text
from karma_core.graph.gremlin_answer import LIMIT, SECONDS, GremlinAnswer, unanswerable
from karma_core.model import Build

PROCESSES: Final = 3
"""Queries that run at once. Ours: one caller may have two requests of this kind under way."""
MEGABYTES: Final = 512
"""Memory that a query may take beside the engine. Ours: 10,000 components take 60 MB."""
GRACE_SECONDS: Final = 2.0
"""How much longer than a query's time the process is waited for; its first query loads the graph."""
_NO_MEMORY: Final = frozenset({OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGSEGV})
"""Exit statuses of a process whose allocation failed: of Python's, and of the engine's."""
_ROOT: Final = Path(karma_adapters.__file__).parent.parent
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Answer).decode


class GremlinPool:
    """Answers Gremlin text about the current graph of a store; threads share it. `close` it."""

    def __init__(
        self,
        store: ports.GraphStore,
        *,
        processes: int = PROCESSES,
        megabytes: int = MEGABYTES,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self._store = store
        self._grace = grace_seconds
        self._free: queue.LifoQueue[_Process] = queue.LifoQueue()
        self._all = [_Process(megabytes) for _ in range(processes)]
        for process in self._all:
            self._free.put(process)
        self._directory = tempfile.TemporaryDirectory(prefix="karma-gremlin-")
        self._writing = Lock()
        self._build: Build | None = None
        self._files: list[Path] = []
        self._written = 0

    def query(
        self, environment: str, text: str, *, limit: int = LIMIT, seconds: float = SECONDS
    ) -> GremlinAnswer:
        """The answer; UsageError where the text cannot be used or takes more memory than it may.

        StoreUnavailable where time runs out, also the time in which other queries end.
        """
        gremlin_text.parse(text)  # what cannot be read needs no process
        try:
            process = self._free.get(timeout=seconds)
        except queue.Empty:
            raise StoreUnavailable(
                "the Gremlin query was not begun",
                why=f"other queries took all of the {seconds:g} s",
                next_step="repeat it",
            ) from None
        try:
            # Which file is current is looked up now: while the query waited, an older one may have gone.
            question = Question(file=self._file(environment), text=text, limit=limit, seconds=seconds)
            return _result(process.ask(question, seconds + self._grace))
        finally:
            self._free.put(process)

    def close(self) -> None:
        """End the processes, whatever they do."""
        for process in self._all:
            process.end()
        self._directory.cleanup()

    def _file(self, environment: str) -> str:
        """The file with the current graph, written anew when the build has moved; empty: there is no graph.

        The one before is kept for processes that were just asked about it.
        """
        with self._writing:
            build = self._store.current(environment)
            if build != self._build:
                self._write(environment)
                self._build = build
            return str(self._files[-1]) if build is not None else ""

    def _write(self, environment: str) -> None:
        snapshot = self._store.load(environment)
        if snapshot is None:
            return
        self._written += 1
        path = Path(self._directory.name, f"{self._written}.json")
        write_graph(snapshot, self._store.builds(environment, limit=snapshot.build.id), path)
        self._files.append(path)
        for old in self._files[:-2]:
            old.unlink(missing_ok=True)
        del self._files[:-2]


class _Process:
    """One process, started by its first question and again after one that it did not survive."""

    def __init__(self, megabytes: int) -> None:
        self._megabytes = megabytes
        self._running: subprocess.Popen[bytes] | None = None
        self._to: Connection | None = None
        self._from: Connection | None = None
        self._ended = False

    def ask(self, question: Question, seconds: float) -> Answer:
        """The answer; UsageError where it needed too much memory, StoreUnavailable where it did not come."""
        if self._running is None:
            self._start()
        assert self._to is not None  # noqa: S101 - it was started
        assert self._from is not None  # noqa: S101 - it was started
        try:
            self._to.send_bytes(_encode(question))
            if self._from.poll(seconds):
                return _decode(self._from.recv_bytes())
        except (EOFError, OSError) as error:
            raise self._died(self.stop()) from error
        if self._running is not None:
            self._running.kill()
        self.stop()
        raise StoreUnavailable(
            "the Gremlin query took too long",
            why=f"it did not end within {seconds:g} s",
            next_step="ask for less, or allow more time",
        )

    def end(self) -> None:
        """End the process for good. Who waits for its answer sees that, and closes the pipes."""
        self._ended = True
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def stop(self) -> int:
        """End the process, and give its exit status; the next question starts another one."""
        running, self._running = self._running, None
        for pipe in (self._to, self._from):
            if pipe is not None:
                pipe.close()
        self._to = self._from = None
        if running is None:
            return 0
        try:
            return running.wait(timeout=1)
        except subprocess.TimeoutExpired:
            running.kill()
            return running.wait()

    def _died(self, status: int) -> KarmaError:
        if status in _NO_MEMORY and not self._ended:
            return unanswerable(
                f"it needs more than the {self._megabytes:,} MB of memory that a query may take"
            )
        return StoreUnavailable(
            "the Gremlin query was broken off",
            why="the server ends" if self._ended else f"its process ended with the status {status}",
            next_step="repeat it",
        )

    def _start(self) -> None:
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        words = [sys.executable, "-P", "-m", "karma_adapters.gremlin.child"]
        try:
            self._running = subprocess.Popen(  # noqa: S603 - this interpreter, with numbers
                [*words, str(to_read), str(from_write), str(self._megabytes)],
                env={"PYTHONPATH": str(_ROOT)},  # no secret is passed on
                pass_fds=(to_read, from_write),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        finally:
            os.close(to_read)
            os.close(from_write)
        self._to = Connection(to_write, readable=False)
        self._from = Connection(from_read, writable=False)


def _result(answer: Answer) -> GremlinAnswer:
    failure = answer.failure
    if failure is None:
        return GremlinAnswer(results=answer.results, truncated=answer.truncated)
    if failure.unavailable:
        raise StoreUnavailable(failure.what, why=failure.why, next_step=failure.next_step)
    raise unanswerable(failure.why)
