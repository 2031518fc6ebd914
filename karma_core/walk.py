"""The ready queue: which component may be worked on now, and what a failure stops.

A component is ready when all its producers in the walk are done; among the ready ones the one with the
longest remaining path goes first (list scheduling by critical path: Graham 1969, Hu 1961), ties by address.
A component that fails stops its consumers, all the way down, and nothing else. Pure and single-threaded:
a `Driver` runs it on an Executor: threads here, Prefect in `flows`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Protocol, TypeAlias

from karma_core.model import Record


class Walk:
    """State of one walk over components and the producers they wait for.

    `producers` maps every address to those it waits for (others than the walk's are ignored); it must be
    free of cycles. `heights` maps it to the length of its longest path to a last consumer.
    O((V+E) log V) over the whole walk.
    """

    def __init__(self, producers: Mapping[str, Iterable[str]], heights: Mapping[str, int]) -> None:
        self._waiting = {a: {p for p in ps if p in producers} for a, ps in producers.items()}
        self._consumers: dict[str, list[str]] = {a: [] for a in producers}
        for address, awaited in self._waiting.items():
            for producer in awaited:
                self._consumers[producer].append(address)
        self._heights = heights
        self._ready: list[tuple[int, str]] = []
        self._stopped = False
        self.blocked: dict[str, str] = {}
        """Address → the failed component that stops it."""
        for address in producers:
            if not self._waiting[address]:
                self._push(address)

    def _push(self, address: str) -> None:
        heapq.heappush(self._ready, (-self._heights[address], address))

    def take(self) -> str | None:
        """The next component to work on, or None if none is ready (or the walk was stopped)."""
        if self._stopped or not self._ready:
            return None
        return heapq.heappop(self._ready)[1]

    @property
    def has_ready(self) -> bool:
        """Whether `take` would give one."""
        return bool(self._ready) and not self._stopped

    def done(self, address: str) -> None:
        """The component succeeded: its consumers may become ready."""
        for consumer in self._consumers[address]:
            awaited = self._waiting[consumer]
            awaited.discard(address)
            if not awaited and consumer not in self.blocked:
                self._push(consumer)

    def failed(self, address: str) -> None:
        """The component failed: everything that needs it is blocked, with it as the cause."""
        todo = [address]
        while todo:
            for consumer in self._consumers[todo.pop()]:
                if consumer not in self.blocked:
                    self.blocked[consumer] = address
                    todo.append(consumer)

    def stop(self) -> None:
        """Hand out nothing more (an interrupt)."""
        self._stopped = True


class Result(Record, frozen=True, kw_only=True):
    """The result of a step. `next_step` empty: the component is finished, and `succeeded` says how."""

    succeeded: bool = True
    next_step: str = ""


Step = Callable[[], Result]

Ticket: TypeAlias = Any
"""What an executor gives for a call that it has begun, and takes back: a future of its own kind."""


class Executor(Protocol):
    """Runs steps, several at once."""

    def submit(self, address: str, step: str, call: Step, after: Sequence[Ticket]) -> Ticket:
        """Start a step and return its ticket. `after`: tickets of the finished steps that it follows from."""
        ...

    def wait(self, running: Collection[Ticket]) -> tuple[Ticket, Result | BaseException]:
        """Block until one of these tickets' steps has ended; its ticket, and what it returned or raised.

        An interrupt may come at any moment: a ticket that was not given back then is given by the next call.
        """
        ...


class Work(Protocol):
    """The work of a walk: each component's first step, and the call of each step."""

    def first_step(self, address: str) -> str:
        """Name of the step to begin with."""
        ...

    def step(self, address: str, step: str) -> Step:
        """The call that a step makes. It turns the component's own failure into a Result."""
        ...

    def interrupted(self) -> None:
        """Stop running steps soon and cleanly (called once, at the first interrupt)."""
        ...


class Driver:
    """Runs a walk to its end on an executor, at most `parallelism` components at once.

    `producers` gives each component's upstream for the executor's edges. What a step raises, and an
    interrupt, stops the handing out; what runs is waited for; then the first of them is raised.
    """

    def __init__(
        self, walk: Walk, work: Work, executor: Executor, producers: Mapping[str, Iterable[str]]
    ) -> None:
        self._walk = walk
        self._work = work
        self._executor = executor
        self._producers = producers
        self._tickets: dict[str, Ticket] = {}
        self._running: dict[Ticket, str] = {}
        self._raised: BaseException | None = None

    def run(self, parallelism: int) -> None:
        """Walk to the end."""
        going_on = True
        while going_on:
            try:
                going_on = self._go_on(parallelism)
            except BaseException as raised:
                self._stop(raised)
                if not isinstance(raised, Exception):  # Ctrl-C, SIGTERM
                    self._work.interrupted()
        if self._raised is not None:
            raise self._raised

    def _go_on(self, parallelism: int) -> bool:
        """Submit what may begin and take in one ended step; False where nothing runs any more."""
        while len(self._running) < parallelism and (address := self._walk.take()) is not None:
            after = [self._tickets[p] for p in sorted(self._producers[address]) if p in self._tickets]
            self._submit(address, self._work.first_step(address), after)
        if self._running:
            self._settle()
        return bool(self._running) or self._walk.has_ready

    def _submit(self, address: str, step: str, after: Sequence[Ticket]) -> None:
        ticket = self._executor.submit(address, step, self._work.step(address, step), after)
        self._running[ticket] = address
        self._tickets[address] = ticket

    def _settle(self) -> None:
        """Take in one ended step."""
        ticket, result = self._executor.wait(self._running)
        address = self._running.pop(ticket)
        if isinstance(result, BaseException):
            self._walk.failed(address)
            self._stop(result)
        elif result.next_step:
            self._submit(address, result.next_step, [ticket])
        elif result.succeeded:
            self._walk.done(address)
        else:
            self._walk.failed(address)

    def _stop(self, cause: BaseException) -> None:
        self._walk.stop()
        if self._raised is not None and not isinstance(cause, Exception):
            raise cause  # a second interrupt: do not wait any longer
        self._raised = self._raised or cause


class Ended:
    """Tickets as they end. Threads add them; one thread waits, and misses none where it is interrupted."""

    def __init__(self) -> None:
        self._tickets: set[Ticket] = set()
        self._news: SimpleQueue[None] = SimpleQueue()

    def add(self, ticket: Ticket) -> None:
        """Note that the ticket's step has ended."""
        self._tickets.add(ticket)
        self._news.put(None)

    def first(self, running: Collection[Ticket]) -> Ticket:
        """Wait until one of these tickets has ended, and return it."""
        while True:
            for ticket in running:
                if ticket in self._tickets:
                    return ticket
            self._news.get()


class ThreadExecutor:
    """Runs steps in threads of this process: the walk without Prefect."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="karma")
        self._ended = Ended()

    def __enter__(self) -> ThreadExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, address: str, step: str, call: Step, after: Sequence[Ticket]) -> Future[Result]:  # noqa: ARG002 - for executors that show them
        """Start the step in a thread; its ticket is the future."""
        future = self._pool.submit(call)
        future.add_done_callback(self._ended.add)
        return future

    def wait(self, running: Collection[Ticket]) -> tuple[Future[Result], Result | BaseException]:
        """The next future that has ended."""
        future: Future[Result] = self._ended.first(running)
        return future, future.exception() or future.result()
