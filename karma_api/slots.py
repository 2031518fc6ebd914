"""Threads for requests: how many run at once, of all callers and of one.

A request whose caller has gone or whose time is over goes on in its thread until it ends, for a thread cannot
be ended. So a slot is given back by the thread itself: however many callers give up, no more run at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Final, TypeVar

from anyio import CapacityLimiter, Semaphore
from anyio.to_thread import run_sync

Result = TypeVar("Result")

THREADS: Final = 32
"""Requests that ask stores at once. Ours: more only wait for the stores' locks."""
FOR_ONE: Final = 16
"""Of one caller. Ours: half of them, so that no caller keeps the others waiting."""
COSTLY: Final = 4
"""Requests at once whose work may be large (`Route.costly`), beside the others."""
COSTLY_FOR_ONE: Final = 2
"""Of one caller."""


@dataclass
class _OfOne:
    """One caller's slots, and how many requests have or want one."""

    slots: Semaphore
    wanted: int = 0


class Slots:
    """So many threads for all, and of them so many for one caller; who gets none at once waits its turn."""

    def __init__(self, at_once: int, for_one: int) -> None:
        self._all = Semaphore(at_once)
        self._for_one = for_one
        self._threads = CapacityLimiter(math.inf)  # the semaphores count
        self._callers: dict[str, _OfOne] = {}

    async def run(
        self, caller: str, call: Callable[[], Result], begin: Callable[[], Awaitable[None]] | None = None
    ) -> Result:
        """Call it in a thread. Cancelling ends the wait, and leaves what was begun to its end.

        `begin` is awaited when its turn has come; what it raises ends the request before it is begun.
        """
        one = self._callers.setdefault(caller, _OfOne(Semaphore(self._for_one)))
        one.wanted += 1
        try:
            await one.slots.acquire()
        except BaseException:
            self._forget(caller, one)
            raise
        try:
            await self._all.acquire()
        except BaseException:
            one.slots.release()
            self._forget(caller, one)
            raise
        try:
            if begin is not None:
                await begin()
        except BaseException:
            self._give_back(caller, one)
            raise
        loop, begun = asyncio.get_running_loop(), Lock()

        def called() -> Result:
            if not begun.acquire(blocking=False):
                raise RuntimeError("given up before it was begun")  # nobody waits for it
            try:
                return call()
            finally:
                with suppress(RuntimeError):  # the loop has ended, and with it all of the slots
                    loop.call_soon_threadsafe(self._give_back, caller, one)

        try:
            return await run_sync(called, abandon_on_cancel=True, limiter=self._threads)
        except BaseException:
            if begun.acquire(blocking=False):  # no thread has begun it, and none will
                self._give_back(caller, one)
            raise

    def _give_back(self, caller: str, one: _OfOne) -> None:
        self._all.release()
        one.slots.release()
        self._forget(caller, one)

    def _forget(self, caller: str, one: _OfOne) -> None:
        one.wanted -= 1
        if one.wanted == 0:
            self._callers.pop(caller, None)
