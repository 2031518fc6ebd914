"""No caller takes the threads that others need, neither by many requests nor by giving up."""

from __future__ import annotations

import threading
from functools import partial

import anyio
import pytest
from anyio.lowlevel import checkpoint

from karma_api.slots import Slots

pytestmark = pytest.mark.anyio


class Work:
    """Calls that last until `go`, counted while they run."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        assert self.go.wait(20)
        with self._lock:
            self.running -= 1
        return "done"


@pytest.fixture
def anyio_backend() -> str:
    """The loop that uvicorn runs."""
    return "asyncio"


async def until(condition: object) -> None:
    """Wait for something to become true."""
    assert callable(condition)
    with anyio.fail_after(10):
        while not condition():
            await anyio.sleep(0.005)


async def test_one_caller_leaves_threads_to_the_others() -> None:
    """Of ten requests of one caller two run; another caller's is answered at once."""
    slots, work = Slots(4, 2), Work()
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(slots.run, "greedy", work)
        await until(lambda: work.running == 2)
        with anyio.fail_after(5):
            assert await slots.run("other", lambda: "answered") == "answered"
        assert work.running == 2
        work.go.set()
    assert work.most == 2
    await until(lambda: not slots._callers)


async def test_who_gives_up_frees_nothing_that_still_runs() -> None:
    """The slots of requests that were given up are taken until their threads end."""
    slots, work = Slots(2, 2), Work()
    for _ in range(3):
        with anyio.move_on_after(0.05):
            await slots.run("greedy", work)
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(partial(slots.run, "greedy", work))
        await until(lambda: work.running == 2)
        work.go.set()
    assert work.most == 2
    await until(lambda: not slots._callers)


async def test_nothing_is_begun_for_who_has_gone() -> None:
    """What is asked when the turn comes ends the request, and the slot goes to the next one."""
    slots, begun = Slots(1, 1), []

    async def gone() -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await slots.run("one", lambda: begun.append(1), gone)
    assert begun == []
    assert await slots.run("one", lambda: 7, checkpoint) == 7


async def test_who_gives_up_between_turn_and_thread_keeps_no_slot() -> None:
    """A time that is over just when the turn comes: nothing runs, and the slot goes to the next one."""
    slots, begun = Slots(1, 1), []
    for _ in range(3):
        with anyio.CancelScope() as scope:

            async def over(scope: anyio.CancelScope = scope) -> None:
                scope.cancel()

            with anyio.fail_after(5):
                await slots.run("one", lambda: begun.append(1), over)
    assert begun == []
    with anyio.fail_after(5):
        assert await slots.run("one", lambda: 7) == 7
    await until(lambda: not slots._callers)


async def test_a_failure_gives_its_slot_back() -> None:
    """Whatever the call raises."""
    slots = Slots(1, 1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await slots.run("one", lambda: 1 // 0)
    await checkpoint()
    assert await slots.run("one", lambda: 7) == 7
