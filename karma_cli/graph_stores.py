"""Commands on the graph's store: `karma graph query --gremlin` and `karma graph copy`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from karma_adapters.wiring.kinds import GRAPH, GraphName
from karma_cli import render
from karma_cli.options import Env, Json, ProjectDir, open_for, settings_of


def ask(
    env: str | None, project: Path | None, text: str, *, limit: int, seconds: float, as_json: bool
) -> None:
    """Ask in Gremlin and print one result a line, or the whole answer as JSON."""
    from karma_adapters.wiring.bootstrap import open_gremlin
    from karma_core.model import to_builtins
    from karma_core.strictjson import canonical

    settings = settings_of(project)
    name = settings.choose_environment(env).name
    answer = open_gremlin(settings, name).query(name, text, limit=limit, seconds=seconds)
    if as_json:
        render.document({"environment": name, "gremlin": text, **to_builtins(answer)})
        return
    for result in answer.results:
        render.line(result if isinstance(result, str) else canonical(result).decode())
    if answer.truncated:
        render.line(f"… and more than these {limit}.")


def copy(
    to: Annotated[
        GraphName, typer.Option("--to", help="The store that gets the graph; it comes from the other.")
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Copy also where the store has a newer build of its own.")
    ] = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Copy the current graph from one store to the other, as one publish."""
    from karma_adapters.wiring.bootstrap import open_stores
    from karma_core.use_cases import leasing
    from karma_core.use_cases.graph.copy_graph import copy_graph

    workspace = open_for(env, project)
    stores = open_stores(settings_of(project), workspace.name)
    source, target = (stores.graph_of(name) for name in (_source(stores.section.graph, to), to))
    with closing(source), closing(target), leasing.held(workspace, [leasing.GRAPH]) as held:
        build = copy_graph(source, target, workspace.name, held.lease, force=force)
    if as_json:
        document = {"environment": workspace.name, "to": to, "build_id": build.id, "digest": build.digest}
        render.document({**document, "components": build.components, "dependencies": build.dependencies})
        return
    render.line(f"{workspace.name}: build {build.id} with {build.components} components is now in {to}.")


def _source(chosen: str, target: str) -> str:
    """The store to copy from: the one that the settings choose, else the first other one."""
    if chosen != target:
        return chosen
    return next(kind.name for kind in GRAPH if kind.name != target)
