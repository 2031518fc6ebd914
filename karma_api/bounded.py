"""Calls that are waited for no longer than a time, whatever they wait for themselves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Generic, TypeVar

_Result = TypeVar("_Result")


class BoundedCalls(Generic[_Result]):
    """Calls by name, each in a thread of its own. Threads may share it.

    A thread cannot be ended: of each name one call is under way at once, and who asks while it is waits for
    the same one. So a store that hangs takes one thread, however often it is asked.
    """

    def __init__(self) -> None:
        self._under_way: dict[Hashable, Future[_Result]] = {}
        self._lock = threading.Lock()

    def start(self, name: Hashable, call: Callable[[], _Result]) -> Future[_Result]:
        """The call of that name that is under way, else this one, which begins now."""
        with self._lock:
            under_way = self._under_way.get(name)
            if under_way is not None:
                return under_way
            made = self._under_way[name] = Future()
        context = copy_context()  # deadlines are handed down
        threading.Thread(
            target=context.run, args=(self._work, name, call, made), name=f"karma-{name}", daemon=True
        ).start()
        return made

    def _work(self, name: Hashable, call: Callable[[], _Result], made: Future[_Result]) -> None:
        try:
            result = call()
        except BaseException as error:
            self._forget(name)
            made.set_exception(error)
        else:
            self._forget(name)
            made.set_result(result)

    def _forget(self, name: Hashable) -> None:
        with self._lock:
            del self._under_way[name]
