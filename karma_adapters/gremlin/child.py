"""The process that answers Gremlin queries for `pool`, within a budget of memory.

It reads questions from one pipe and writes answers to another, until the first one is closed. Where a query
needs more memory than the budget, the allocation fails and the process ends; its parent says so and starts
another one.
"""

from __future__ import annotations

import os
import resource
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.gremlin.engine import Engine
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.json_types import JsonValue
from karma_core.model import Record

OUT_OF_MEMORY: Final = 12
"""Exit status where Python itself had no memory left (errno's ENOMEM)."""
NICE: Final = 10
"""How far the process stands back where others want the processor; of 19."""


class Question(Record, frozen=True, kw_only=True):
    """A query about the graph in a file (empty: a graph of nothing)."""

    file: str
    text: str
    limit: int
    seconds: float


class Failure(Record, frozen=True, kw_only=True):
    """Why a query has no answer; `unavailable` where time ran out, else it is the query's fault."""

    unavailable: bool
    what: str
    why: str
    next_step: str
    code: str


class Answer(Record, frozen=True, kw_only=True):
    """The results of a query, or why there are none."""

    results: list[JsonValue] = []
    truncated: bool = False
    failure: Failure | None = None


def main(questions: int, answers: int, megabytes: int) -> None:
    """Answer, with at most so much memory more than the process has at its start."""
    os.nice(NICE)
    _limit_memory(megabytes << 20)
    decode = msgspec.msgpack.Decoder(Question).decode
    encode = msgspec.msgpack.Encoder().encode
    loaded, engine = "", Engine(None)
    with Connection(questions, writable=False) as asked, Connection(answers, readable=False) as answering:
        while True:
            try:
                question = decode(asked.recv_bytes())
            except EOFError:
                return
            if question.file != loaded:
                loaded, engine = question.file, Engine(Path(question.file) if question.file else None)
            answering.send_bytes(encode(_answer(engine, question)))


def _answer(engine: Engine, question: Question) -> Answer:
    try:
        answer = engine.answer(question.text, limit=question.limit, seconds=question.seconds)
    except KarmaError as error:
        return Answer(
            failure=Failure(
                unavailable=isinstance(error, StoreUnavailable),
                what=error.what,
                why=error.why,
                next_step=error.next_step,
                code=error.code,
            )
        )
    return Answer(results=answer.results, truncated=answer.truncated)


def _limit_memory(more: int) -> None:
    """Limit the address space to what is in use and so many bytes more; leave no core file."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if sys.platform == "linux" else 0
    in_use = pages * resource.getpagesize()
    if in_use:
        resource.setrlimit(resource.RLIMIT_AS, (in_use + more, in_use + more))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    try:
        main(*map(int, sys.argv[1:]))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
