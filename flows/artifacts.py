"""What a run leaves in the Prefect UI: the components and how they ended, and the graph as a picture."""

from __future__ import annotations

from typing import Any

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from karma_core.graph.export import export
from karma_core.use_cases.runs import RunResult
from karma_core.workspace import Workspace

MAX_DRAWN = 200
"""Components up to which the graph is drawn; Mermaid in a browser gives up soon after. Ours."""


def show_result(workspace: Workspace, result: RunResult) -> None:
    """The run's table and, if it is not too large, the graph."""
    rows: list[dict[str, Any]] = [
        {"component": c.address, "status": c.status, "seconds": round(c.seconds, 1), "why": c.reason}
        for c in result.components
    ]
    create_table_artifact(
        rows, key=f"run-{workspace.name}", description=f"Run {result.run_id}: {result.status}"
    )
    stored = workspace.graph.load(workspace.name)
    if stored is not None and len(stored.graph.nodes) <= MAX_DRAWN:
        drawn = export(stored.graph, "mermaid", environment=workspace.name, build_id=stored.build.id)
        create_markdown_artifact(
            f"```mermaid\n{drawn}\n```",
            key=f"graph-{workspace.name}",
            description=f"Build {stored.build.id} of {workspace.name}",
        )
