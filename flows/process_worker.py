"""Prefect's worker of type process, ended in order: its runs first, with time to save what they do.

Prefect's own command kills its runs when it is told to end, and with them a Terraform in the middle of an
apply. Here they are interrupted as by Ctrl-C: Terraform saves its state, journal and log are closed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

import anyio
from anyio.abc import TaskStatus
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import get_current_settings
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from flows.handover import Ended
from flows.lost_server import is_prefects
from karma_adapters.processes.signs_of_life import BEAT_SECONDS, SignsOfLife
from karma_core.errors import Refused
from karma_core.ids import shown
from karma_core.json_types import JsonObject

STOP_SECONDS: Final = 40.0
"""How long runs may take to end. Terraform has 25 seconds (`processes.GRACE_SECONDS`), the rest is ours."""
POLL_SECONDS: Final = 0.1
ASK_SECONDS: Final = 10.0
"""How long the server may take to say how the runs ended: it may be ending, too."""


class JobChanged(Refused):
    """A deployment or a run wants to set how its process is started."""

    code = "job-changed"


class OwnJobConfiguration(ProcessJobConfiguration):
    """How this worker starts a run: by its own interpreter and variables, whatever the server says.

    The template of the pool says the same (`flows.registration`); whoever can change that, or had a run made
    before, changes nothing here.
    """

    @classmethod
    async def from_template_and_values(
        cls, base_job_template: JsonObject, values: JsonObject, client: object = None
    ) -> OwnJobConfiguration:
        """Return the worker's own configuration; JobChanged where a deployment or a run brings values."""
        del base_job_template, client
        if values:
            raise JobChanged(
                "the run is not started",
                why=f"it sets {', '.join(sorted(map(shown, values)))} of its process",
                next_step="leave job variables out; give the worker the variables that its runs need",
            )
        return cls()


class _Noting:
    """Records a started process, and passes it on."""

    def __init__(self, status: TaskStatus[int], note: Callable[[int], None]) -> None:
        self._status = status
        self._note = note

    def started(self, value: int) -> None:
        """The process has begun."""
        self._note(value)
        self._status.started(value)


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Prefect remarks that there are two workers of this type: so it is

    class OrderlyWorker(ProcessWorker):
        """Takes runs until it has to end; `interrupted` are the runs that it then had to end."""

        job_configuration = OwnJobConfiguration

        def __init__(self, pool: str, name: str, limit: int, signs: SignsOfLife | None = None) -> None:
            settings = get_current_settings().worker
            super().__init__(
                work_pool_name=pool,
                name=name,
                limit=limit,
                prefetch_seconds=settings.prefetch_seconds,
                heartbeat_interval_seconds=int(settings.heartbeat_seconds),
            )
            self.interrupted: dict[str, FlowRun] = {}
            self.signs = signs or SignsOfLife()
            self._processes: dict[str, tuple[int, FlowRun]] = {}
            self._ending = False

        async def get_and_submit_flow_runs(self) -> list[FlowRun]:
            """Take what is due; nothing any more when the end has come. The server has answered then."""
            if self._ending:
                return []
            runs = await super().get_and_submit_flow_runs()
            self.signs.ready()
            return runs

        async def run(
            self,
            flow_run: FlowRun,
            configuration: ProcessJobConfiguration,
            task_status: TaskStatus[int] | None = None,
        ) -> ProcessWorkerResult:
            """Run it in a process, which is remembered while it lives."""
            name = str(flow_run.id)

            def note(pid: int) -> None:
                self._processes[name] = pid, flow_run
                if self._ending:
                    self._interrupt(name)

            try:
                status: Any = _Noting(task_status or anyio.TASK_STATUS_IGNORED, note)
                return await super().run(flow_run, configuration, status)
            finally:
                self._processes.pop(name, None)

        async def end_runs(self) -> None:
            """Take no more runs, interrupt those that go on, and return when they have ended, or in time."""
            self._ending = True
            for name in list(self._processes):
                self._interrupt(name)
            deadline = time.monotonic() + STOP_SECONDS
            while self.limiter.borrowed_tokens and time.monotonic() < deadline:
                await anyio.sleep(POLL_SECONDS)

        def _interrupt(self, name: str) -> None:
            pid, self.interrupted[name] = self._processes[name]
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)


async def serve(worker: OrderlyWorker, say: Callable[[str], None]) -> tuple[Ended, ...]:
    """Let the worker work until SIGINT or SIGTERM, end it, and return the runs that it had to end.

    A second signal ends it at once.
    """
    asked_to_end = asyncio.Event()
    loop = asyncio.get_running_loop()

    def tell() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
        asked_to_end.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, tell)
    beating = asyncio.create_task(_beat(worker.signs))
    work = asyncio.create_task(worker.start(printer=say))
    waiting = asyncio.create_task(asked_to_end.wait())
    await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not work.done():
        worker.signs.stopping()
        say("ending; its runs first")
        await worker.end_runs()
        work.cancel()
        await _last_words(work, say)
    else:
        await work  # it has ended by itself: its error is the command's
    waiting.cancel()
    beating.cancel()
    try:
        async with asyncio.timeout(ASK_SECONDS):
            return await _ended(worker.interrupted)
    except Exception as error:
        if not isinstance(error, TimeoutError) and not is_prefects(error):
            raise
        say(f"the Prefect server does not say how the runs ended ({error}); none is handed on")
        return ()


async def _beat(signs: SignsOfLife) -> None:
    """Show again and again that the event loop is not stuck."""
    while True:
        signs.alive()
        await asyncio.sleep(BEAT_SECONDS)


async def _last_words(work: asyncio.Task[None], say: Callable[[str], None]) -> None:
    """Wait for the end of a worker that was cancelled; what the server did not take then is told in a line.

    Its runs have ended by then, and are handed on all the same.
    """
    done, _ = await asyncio.wait({work})
    (ended,) = done
    error = None if ended.cancelled() else ended.exception()
    if error is not None:
        say(f"the worker could not sign off at the Prefect server ({error!r})")


async def _ended(interrupted: Mapping[str, FlowRun]) -> tuple[Ended, ...]:
    """Return the runs with the states that the server has afterwards."""
    ended = []
    async with get_client() as client:
        for flow_run in interrupted.values():
            flow = await client.read_flow(flow_run.flow_id)
            now = await client.read_flow_run(flow_run.id)
            state = str(now.state.type.value) if now.state is not None else ""
            parameters = dict(now.parameters)
            ended.append(Ended(id=str(now.id), flow=flow.name, state=state, parameters=parameters))
    return tuple(ended)
