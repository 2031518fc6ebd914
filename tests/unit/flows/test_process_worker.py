"""How a worker starts the process of a run: as it does itself, whatever the server says."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

from flows import process_worker
from flows.process_worker import JobChanged, OrderlyWorker, OwnJobConfiguration
from flows.registration import job_template
from karma_adapters.processes.signs_of_life import SignsOfLife

TEMPLATE = ProcessWorker.get_default_base_job_template()
"""Prefect's own, which takes all of it."""
CHANGED: list[dict[str, Any]] = [
    {"command": "touch /theirs"},
    {"env": {"PYTHONPATH": "/theirs"}},
    {"env.PYTHONPATH": "/theirs"},
    {"working_dir": "/theirs"},
]


def configured(template: dict[str, Any], values: dict[str, Any]) -> OwnJobConfiguration:
    """What the worker would start."""
    return asyncio.run(OwnJobConfiguration.from_template_and_values(template, values))


@pytest.mark.parametrize("values", CHANGED)
def test_a_run_that_sets_its_process_is_not_started(values: dict[str, Any]) -> None:
    """Also where the server has a template that would take it."""
    with pytest.raises(JobChanged) as caught:
        configured(TEMPLATE, values)
    assert next(iter(values)) in caught.value.why


def test_a_template_of_the_server_s_changes_nothing() -> None:
    """The command is Prefect's engine under this interpreter, the variables are the worker's."""
    theirs = {**TEMPLATE, "job_configuration": {"command": "touch /theirs", "env": {"A": "b"}}}
    made = configured(theirs, {})
    made.prepare_for_flow_run(FlowRun(id=uuid4(), flow_id=uuid4(), name="r"))
    assert made.command is not None
    assert made.command.endswith("-m prefect.engine")
    assert "A" not in (made.env or {})
    assert OrderlyWorker.job_configuration is OwnJobConfiguration


def test_the_template_offers_nothing_to_set() -> None:
    """The server refuses job variables before a worker sees them."""
    variables = job_template()["variables"]
    assert (variables["properties"], variables["additionalProperties"]) == ({}, False)


class BusyServer:
    """Stands for a worker whose server takes nothing any more: neither its sign-off nor a question."""

    def __init__(self) -> None:
        self.interrupted: dict[str, FlowRun] = {}
        self.signs = SignsOfLife()
        self.ended = False

    async def start(self, printer: object) -> None:
        """Work until cancelled, and then fail as Prefect's worker does."""
        del printer
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        finally:
            raise ExceptionGroup("unhandled errors in a TaskGroup", [RuntimeError("503 from the server")])

    async def end_runs(self) -> None:
        """End them."""
        self.ended = True


def test_a_worker_that_ends_beside_a_busy_server_ends_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its sign-off nor the question how its runs ended prints a traceback; its runs have ended."""

    async def ask(_: object) -> tuple[()]:
        raise RuntimeError("Failed to reach API at http://127.0.0.1:1/api")

    monkeypatch.setattr(process_worker, "_ended", ask)
    worker, said = BusyServer(), list[str]()
    assert asyncio.run(process_worker.serve(worker, said.append)) == ()  # type: ignore[arg-type]
    assert worker.ended
    assert ["sign off" in line for line in said] == [False, True, False]
    assert "none is handed on" in said[-1]
