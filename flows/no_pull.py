"""The pull step of deployments whose runs are containers: it pulls nothing.

Without a pull step, Prefect's `flow-run execute` copies the working directory of the container into a new
folder for each run: the whole project, with its states and secrets, or `/` itself.
"""

from typing import Final

STEP: Final = "flows.no_pull.nothing"


def nothing() -> None:
    """Flows are imported by module path from where Karma is installed."""
