"""`karma-worker`: a Prefect worker with what a run needs.

It looks for the tools first, closes what workers before it left open, and then takes runs as Prefect's
worker of type process does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

from flows import own_project
from flows.handover import hand_on
from flows.server import RUN_SETTINGS, SETTINGS
from flows.until_saved import stay_until_saved
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.discovery import require_api
from karma_adapters.processes.programs import ending_in_words
from karma_adapters.processes.signs_of_life import SignsOfLife
from karma_adapters.wiring.bootstrap import open_runs, open_workspace
from karma_adapters.wiring.reading import find_project, read_settings
from karma_adapters.wiring.settings import Settings
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.printable import printable
from karma_core.use_cases.runs.reconcile import reconcile

SERVER_SECONDS: Final = 60.0
"""How long a worker waits for a Prefect server that does not answer yet. Ours: one starts in about ten."""
LOOK_SECONDS: Final = 1.0


def main() -> None:
    """Parse the command line, prepare, and work; exits 2 with the reason where it cannot."""
    parser = argparse.ArgumentParser(prog="karma-worker", description="Run Karma's flows on this machine.")
    parser.add_argument(
        "--project", type=Path, help="folder with the karma.toml; else found from here upwards"
    )
    parser.add_argument("--pool", default="karma", help="work pool (default: karma)")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}", help="the worker's name")
    parser.add_argument("--limit", type=int, default=8, help="runs at once (default: 8)")
    parser.add_argument("--health-file", type=Path, help="touched whenever the Prefect server has answered")
    parser.add_argument(
        "--until-saved",
        action="store_true",
        help="at the end, wait for Terraforms that save their states: where they end with the worker, as in a"
        " container or a unit",
    )
    chosen = parser.parse_args()
    root = (chosen.project or find_project(Path.cwd())).resolve()
    signs = SignsOfLife(chosen.health_file)
    with ending_in_words("karma-worker"):
        settings = read_settings(root)
        api = require_api(settings)
        await_server(api)
        for line in prepare(settings):
            _say(line)
    own = {own_project.VARIABLE: str(root), **api.variables()}
    os.environ.update({**SETTINGS, **RUN_SETTINGS, **os.environ, **own})
    from flows.process_worker import OrderlyWorker, serve  # noqa: PLC0415 - Prefect reads its settings now

    ended = asyncio.run(serve(OrderlyWorker(chosen.pool, chosen.name, chosen.limit, signs), _say))
    for line in hand_on(settings, ended):
        _say(line)
    if chosen.until_saved:
        stay_until_saved(settings, _say, signs)


def await_server(api: PrefectApi, seconds: float = SERVER_SECONDS) -> None:
    """Wait until the Prefect server answers; StoreUnavailable `prefect` where it does not in time.

    A worker may be started before it, as after a power cut.
    """
    deadline = time.monotonic() + seconds
    said = False
    while not api.answers():
        if time.monotonic() > deadline:
            raise StoreUnavailable(
                f"the Prefect server at {api.url} does not answer",
                why=f"it was asked for {seconds:g} seconds",
                next_step="start it, or correct PREFECT_API_URL or service.prefect_api_url",
                code="prefect",
            )
        if not said:
            _say(f"waiting for the Prefect server at {api.url}")
            said = True
        time.sleep(LOOK_SECONDS)


def _say(line: str) -> None:
    sys.stderr.write(f"{printable(line)}\n")


def prepare(settings: Settings) -> list[str]:
    """Close the runs of dead workers in every environment, and return a message about each."""
    said = []
    for name in settings.environment_names():
        try:
            workspace = open_workspace(settings, name, source="flow")
            said.append(f"{name}: {workspace.terraform.version()}")
            for run in reconcile(workspace):
                said.append(f"{name}: {run.next_step}")
                if run.flow_run:
                    open_runs(settings).crash(run.flow_run, run.next_step)
        except KarmaError as error:  # one environment out of reach must not keep the others waiting
            said.append(f"{name}: {error.code}: {error.what}")
    return said


if __name__ == "__main__":
    main()
