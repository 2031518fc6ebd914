"""The project of this worker: a flow run may name no other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.use_cases.access.denial import NOBODY, denied

VARIABLE: Final = "_KARMA_WORKER_PROJECT"
"""Set by the worker for its runs. Not set where a command runs a flow in its own process."""


def require_own_project(project: str, environment: str) -> None:
    """Refuse a run whose parameter `project` is another folder than the worker's; logged in the worker's.

    A folder's settings name the programs that are run. NotFound where the worker's has no such environment.
    """
    own = os.environ.get(VARIABLE)
    if own is None or Path(project).resolve() == Path(own):
        return
    workspace = open_workspace(read_settings(Path(own)), environment, source="flow")
    raise denied(
        workspace,
        code="foreign-project",
        what="the flow run names another project",
        why=f"its parameter `project` is not the folder of this worker, {own}",
        next_step="leave `project` as the deployment has it; start a worker with --project for another one",
        user=NOBODY,
    )
