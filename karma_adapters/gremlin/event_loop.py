"""One event loop in a thread of its own, for callers that are in no loop or in another one.

Nothing here keeps a process from ending: its threads are daemons, also those in which names are resolved and
credentials are fetched. (The threads of `concurrent.futures` are waited for at exit, however long they hang.)
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from karma_core.deadlines import Deadline

GRACE_SECONDS: Final = 1.0
"""How long after its deadline a call is given up whose loop does not end it. Ours."""
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


class EventLoop:
    """Runs coroutines for callers in any thread. It is started by the first call."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = threading.Lock()

    def run(self, call: Awaitable[_Result], until: Deadline) -> _Result:
        """The result; TimeoutError after the deadline. An interrupt of the caller cancels the call."""
        future = asyncio.run_coroutine_threadsafe(_bounded(call, until), self._started())
        try:
            return future.result(until.left() + GRACE_SECONDS)
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        """Stop the loop after what it has begun to close; the next call starts another one."""
        with self._starting:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._loop.stop)
                self._loop = None

    def leave(self, closing: Callable[[], Awaitable[None]]) -> None:
        """Stop the loop after this, and wait for neither: also the garbage collector may call it."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(_last(loop, closing), loop=loop))

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._loop.set_default_executor(_DaemonThreads())
                threading.Thread(
                    target=_run_until_stopped, args=(self._loop,), name="gremlin", daemon=True
                ).start()
            return self._loop


async def _bounded(call: Awaitable[_Result], until: Deadline) -> _Result:
    async with asyncio.timeout(until.left()):
        return await call


async def _last(loop: asyncio.AbstractEventLoop, closing: Callable[[], Awaitable[None]]) -> None:
    try:
        await closing()
    finally:
        loop.stop()


def _run_until_stopped(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=GRACE_SECONDS))
    finally:
        loop.close()


class _DaemonThreads(ThreadPoolExecutor):
    """An executor whose threads are daemons, one a call: calls are few."""

    def submit(
        self, fn: Callable[_Arguments, _Result], /, *args: _Arguments.args, **kwargs: _Arguments.kwargs
    ) -> Future[_Result]:
        future: Future[_Result] = Future()

        def work() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        future.set_running_or_notify_cancel()
        threading.Thread(target=work, name="gremlin-call", daemon=True).start()
        return future
