"""Artifacts of a run in the Prefect UI: its plans, its outcome, and a picture of the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from prefect.artifacts import create_link_artifact, create_markdown_artifact, create_table_artifact

from karma_adapters.local.pages import Kind, graph_page, page_of
from karma_adapters.wiring.reading import read_settings
from karma_core.graph.export import export
from karma_core.json_types import JsonObject
from karma_core.use_cases.runs.drift import DriftResult
from karma_core.use_cases.runs.records import RunResult
from karma_core.workspace import Workspace

MAX_DRAWN: Final = 200
"""Components up to which the graph is drawn; Mermaid in a browser gives up soon after. Ours."""
MAX_TEXT: Final = 100_000
"""Characters of readable plans that are shown. Ours: the whole text stays in the artifact log."""


def show_result(workspace: Workspace, result: RunResult) -> None:
    """The plans, the run's table and, if it is not too large, the graph."""
    show_plans(workspace, result)
    rows: list[JsonObject] = [
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


def show_plans(workspace: Workspace, result: RunResult) -> None:
    """Show the run's plans, from the log and the artifact log: a table, and Terraform's readable plans."""
    begun = [e for e in workspace.log.events(run_id=result.run_id) if e.artifacts and e.status == "started"]
    fields = ("action", "add", "change", "destroy", "import", "forget", "reason")
    rows = [{"component": e.component, **{f: e.inputs.get(f, "") for f in fields}} for e in begun]
    create_table_artifact(rows, key=f"plan-{workspace.name}", description=f"Plans of run {result.run_id}")
    texts = []
    for event in begun:
        for key in event.artifacts:
            text = workspace.artifacts.get(key) if key.endswith(".txt") else None
            if text is not None:
                texts.append(f"## {event.component}\n\n```\n{text.decode()}\n```")
    create_markdown_artifact(
        "\n\n".join(texts)[:MAX_TEXT] or "Nothing was planned.",
        key=f"readable-plan-{workspace.name}",
        description=f"Plans of run {result.run_id}, in Terraform's words",
    )


def show_drift(workspace: Workspace, result: DriftResult) -> None:
    """Show the result of a drift check as a table."""
    rows: list[JsonObject] = [
        {"component": c.address, "status": c.status, "resources": len(c.resources), "why": c.reason}
        for c in result.components
    ]
    create_table_artifact(
        rows, key=f"drift-{workspace.name}", description=f"Drift of {workspace.name} at {result.checked_at}"
    )


def show_page(project: str, environment: str, kind: Kind, identifier: str) -> None:
    """A link to the page of a run or a change, where it has an id and pages are served."""
    page = page_of(read_settings(Path(project)), environment, kind, identifier) if identifier else ""
    _link(page, f"{kind}/{identifier}", f"karma-{kind}-{environment}")


def show_graph(project: str, environment: str, **view: str) -> None:
    """A link to the graph as a build (`at`) or a filter (`status`) shows it, where pages are served."""
    page = graph_page(read_settings(Path(project)), environment, **view)
    _link(page, f"graph/{'/'.join(view.values())}", f"karma-graph-{environment}")


def _link(page: str, text: str, key: str) -> None:
    if page:
        create_link_artifact(page, link_text=text, key=key, description=f"[Open in Karma]({page})")
