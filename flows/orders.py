"""Takes the orders that functions put on the bus, and starts their runs at the Prefect API.

    python -m flows.orders --queue URL [--project FOLDER] [--env NAME]

It runs beside the workers. SIGTERM ends it after the answer that it waits for.
"""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from threading import Event

from karma_adapters.aws.api import Api
from karma_adapters.aws.ordered_runs import OrderQueue
from karma_adapters.prefect.discovery import require_api
from karma_adapters.prefect.runs import PrefectRuns
from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import find_project, read_settings
from karma_adapters.wiring.settings import Settings
from karma_adapters.wiring.stores import Stores
from karma_core.errors import StoreUnavailable

PAUSE_SECONDS = 5.0
"""After a failure of SQS, which has been tried again already. Ours."""


def main() -> None:
    """Parse the command line, and take orders until SIGTERM."""
    parser = argparse.ArgumentParser(prog="flows.orders", description="Start the runs that functions order.")
    parser.add_argument("--queue", required=True, help="URL of the queue of orders")
    parser.add_argument(
        "--project", type=Path, help="folder with the karma.toml; else found from here upwards"
    )
    parser.add_argument("--env", default="", help="environment whose access is used (default: the project's)")
    chosen = parser.parse_args()
    root = (chosen.project or find_project(Path.cwd())).resolve()
    ending = Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    signal.signal(signal.SIGINT, lambda *_: ending.set())
    with ending_in_words("flows.orders"):
        settings = read_settings(root)
        starter = PrefectRuns(lambda: require_api(settings))
        take_orders(OrderQueue(_sqs(settings, chosen.env), chosen.queue, starter), ending)


def take_orders(queue: OrderQueue, ending: Event) -> None:
    """Take orders until `ending` is set, and say what became of each."""
    while not ending.is_set():
        try:
            taken = queue.take()
        except StoreUnavailable as error:
            _say(f"{error.code}: {error.what}")
            ending.wait(PAUSE_SECONDS)
            continue
        for order in taken:
            _say(f"{order.flow}: {f'run {order.run_id}' if order.run_id else order.problem}")
        if any(order.problem for order in taken):
            ending.wait(PAUSE_SECONDS)


def _sqs(settings: Settings, environment: str) -> Api:
    name = settings.choose_environment(environment or None).name
    return Stores(settings, name, settings.state_dir / name).aws.service("sqs")


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    main()
