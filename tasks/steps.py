"""The steps of a run as Prefect tasks, one task run per component and step, named by address.

Karma's walk decides what may run; Prefect carries it out and shows it. A task is therefore one call: no
retries (Karma re-plans instead of repeating an apply blindly), no cache, no stored result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from prefect import task
from prefect.cache_policies import NO_CACHE

from karma_core.plan.steps import APPLY, DESTROY, PLAN, PROPAGATE, RELOAD
from karma_core.use_cases.graph import build as building
from karma_core.use_cases.graph.build import BuildResult
from karma_core.walk import Result
from karma_core.workspace import Workspace

OPTIONS: Final[dict[str, Any]] = {"cache_policy": NO_CACHE, "persist_result": False, "retries": 0}
Call = Callable[[], Result]


@task(name="build-graph", task_run_name="build-graph {environment}", **OPTIONS)
def build_graph(environment: str, workspace: Workspace, keep_going: bool = False) -> BuildResult:
    """Build the graph and publish what moved."""
    del environment  # it names the task run
    return building.build_graph(workspace, keep_going=keep_going)


@task(name="validate", task_run_name="validate {environment}", **OPTIONS)
def validate(environment: str, built: BuildResult) -> int:
    """How many errors the build found; they stop their components when the walk selects."""
    del environment
    return len(built.errors)


def _step(name: str) -> Any:
    @task(name=name, task_run_name=f"{{address}} {name}", **OPTIONS)
    def run(address: str, call: Call) -> Result:
        del address  # it names the task run
        return call()

    return run


STEPS: Final[dict[str, Any]] = {name: _step(name) for name in (PLAN, APPLY, PROPAGATE, RELOAD, DESTROY)}
"""Step → its task."""
