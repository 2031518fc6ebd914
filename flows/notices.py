"""Notices of failed runs, posted by the run itself to `service.notice_url`.

Prefect's automations cannot be relied on for that: its server hands events on in memory, tries one three
times at once where SQLite is locked, and then holds back every event of the run that follows the lost one for
a quarter of an hour. They tell of crashed runs only (`flows.automations`), whose process cannot.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any, Final

import httpx
from prefect.client.schemas.objects import FlowRun, State
from prefect.flows import Flow
from prefect.logging.loggers import flow_run_logger
from prefect.utilities.urls import url_for

from flows.own_project import VARIABLE
from karma_adapters.wiring.reading import read_settings
from karma_core.json_types import JsonObject

POST_SECONDS: Final = 5.0
WAITS: Final = (0.0, 1.0, 5.0)
"""Seconds before each attempt. Ours: a receiver that is restarted takes as long."""


def tell_failure(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Post the failure of a run that was started as a deployment; one of a command tells its terminal."""
    if flow_run.deployment_id is None:
        return
    root = Path(os.environ.get(VARIABLE) or str(flow_run.parameters["project"]))
    url = read_settings(root).service.notice_url
    if url and not post(url, notice(flow, flow_run, state)):
        flow_run_logger(flow_run, flow).warning("service.notice_url did not take the notice of this failure")


def notice(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> JsonObject:
    """What is posted: names, never a state's message, which may quote a tool's output."""
    return {
        "flow": flow.name,
        "run": flow_run.name,
        "flow_run_id": str(flow_run.id),
        "state": state.name or "",
        "url": url_for("flow-run", obj_id=flow_run.id) or "",
    }


def post(url: str, body: JsonObject) -> bool:
    """Whether the receiver took it, at one of several attempts."""
    for seconds in WAITS:
        time.sleep(seconds)
        try:
            if httpx.post(url, json=body, timeout=POST_SECONDS).is_success:
                return True
        except httpx.HTTPError:
            continue
    return False
