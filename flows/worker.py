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
from pathlib import Path

from flows.handing_on import hand_on
from flows.server import RUN_SETTINGS, SETTINGS
from karma_adapters.bootstrap import open_runs, open_workspace
from karma_adapters.prefect_discovery import require_api
from karma_adapters.programs import ending_in_words
from karma_adapters.settings import Settings, find_project, read_settings
from karma_core.errors import KarmaError
from karma_core.use_cases.reconcile import reconcile


def main() -> None:
    """Parse the command line, prepare, and work; exits 2 with the reason where it cannot."""
    parser = argparse.ArgumentParser(prog="karma-worker", description="Run Karma's flows on this machine.")
    parser.add_argument(
        "--project", type=Path, help="folder with the karma.toml; else found from here upwards"
    )
    parser.add_argument("--pool", default="karma", help="work pool (default: karma)")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}", help="the worker's name")
    parser.add_argument("--limit", type=int, default=8, help="runs at once (default: 8)")
    chosen = parser.parse_args()
    root = (chosen.project or find_project(Path.cwd())).resolve()
    with ending_in_words("karma-worker"):
        settings = read_settings(root)
        variables = require_api(settings).variables()
        for line in prepare(settings):
            _say(line)
    os.environ.update({**SETTINGS, **RUN_SETTINGS, **os.environ, **variables})
    from flows.process_worker import OrderlyWorker, serve  # noqa: PLC0415 - Prefect reads its settings now

    ended = asyncio.run(serve(OrderlyWorker(chosen.pool, chosen.name, chosen.limit), _say))
    for line in hand_on(settings, ended):
        _say(line)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def prepare(settings: Settings) -> list[str]:
    """Close the runs of dead workers in every environment; what there is to say about each."""
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
