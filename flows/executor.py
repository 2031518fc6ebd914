"""The walk's executor on Prefect: a step is a task run, the steps it follows from its upstream edges."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from prefect.futures import PrefectFuture

from karma_core.walk import Ended, Result, Step, Ticket
from tasks.steps import STEPS

Future = PrefectFuture[Result]


class PrefectExecutor:
    """Use it inside a flow. `root`: futures that components without producers follow from."""

    def __init__(self, root: Sequence[Any] = ()) -> None:
        self._root = list(root)
        self._ended = Ended()

    def __enter__(self) -> PrefectExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left running: the walk waits for every step that it submitted."""

    def submit(self, address: str, step: str, call: Step, after: Sequence[Ticket]) -> Future:
        """Submit the step's task; its ticket is the future."""
        upstream = list(after) or self._root
        future: Future = STEPS[step].submit(address, call, wait_for=upstream)
        future.add_done_callback(self._ended.add)
        return future

    def wait(self, running: Collection[Ticket]) -> tuple[Future, Result | BaseException]:
        """The next future that has ended, with its result or what it raised."""
        future: Future = self._ended.first(running)
        try:
            result: Any = future.result(raise_on_failure=False)
        except BaseException as raised:  # outside of the task's own code, for example in logging
            return future, raised
        return future, result
