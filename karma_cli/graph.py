"""`karma graph`: build the graph and ask it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import exits, explained_view, graph_stores, progress, render, streams
from karma_cli.options import Env, Json, Nickname, ProjectDir, Type, address_of, open_for
from karma_core.json_types import JsonObject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from karma_core.model import Build, GraphData, Snapshot
    from karma_core.use_cases.graph.build import BuildResult
    from karma_core.workspace import Workspace

app = typer.Typer(help="Build the graph of an environment, and ask it.", no_args_is_help=True)


class Format(StrEnum):
    """Forms that a graph can be exported in."""

    MERMAID = "mermaid"
    DOT = "dot"
    GRAPHML = "graphml"
    JSON = "json"


KeepGoing = Annotated[
    bool,
    typer.Option(
        "--keep-going",
        help="Publish although there are errors; invalid components keep their last good node.",
    ),
]
Anew = Annotated[
    bool,
    typer.Option("--anew", help="Build also where nothing has moved, and set a damaged graph right."),
]
At = Annotated[str | None, typer.Option("--at", help="As it was: a build's number or a time (ISO 8601).")]


@app.command(epilog="Examples:\n\n`karma graph build --env prod`\n\n`karma graph build --json`")
def build(
    env: Env = None,
    project: ProjectDir = None,
    keep_going: KeepGoing = False,
    anew: Anew = False,
    as_json: Json = False,
) -> None:
    """Read parameters and state, build and validate the graph, publish what changed."""
    from karma_core.use_cases.graph.build import build_graph

    with progress.shown(quiet=as_json) as say:
        result = build_graph(open_for(env, project, say), keep_going=keep_going, anew=anew)
    streams.outcome_is_recorded()
    if as_json:
        render.document(result.contract())
    else:
        render.findings(result.findings)
        _say_build(result)
    if result.errors:
        raise typer.Exit(exits.INVALID)


def _say_build(result: BuildResult) -> None:
    number = f"build {result.build_id}" if result.build_id else "no build"
    render.line(
        f"{result.environment}: {result.status} ({number}): {result.components} components, "
        f"{result.dependencies} dependencies; {result.added} added, {result.changed} changed, "
        f"{result.removed} removed."
    )


@app.command(
    epilog="Examples:\n\n`karma graph validate --env prod`\n\n`karma graph validate --modules --json`"
)
def validate(
    env: Env = None,
    project: ProjectDir = None,
    modules: Annotated[
        bool,
        typer.Option("--modules", help="Also ask Terraform whether every type's module is valid."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Build in memory and report every finding, also on Terraform's states; publishes nothing."""
    from karma_core.graph.validate import sort_findings
    from karma_core.model import Severity, to_builtins
    from karma_core.use_cases.access.policy_in_force import policy_differs
    from karma_core.use_cases.fleet.binding import check_binding
    from karma_core.use_cases.fleet.states import check_all_states
    from karma_core.use_cases.graph.build import read_fleet
    from karma_core.use_cases.plans.static_faults import module_findings

    workspace = open_for(env, project)
    check_binding(workspace)
    fleet = read_fleet(workspace)
    fleet = check_all_states(workspace, fleet)
    of_modules = module_findings(workspace, fleet.findings) if modules else ()
    findings = sort_findings({*fleet.findings, *policy_differs(workspace), *of_modules})
    errors = sum(f.severity is Severity.ERROR for f in findings)
    if as_json:
        render.document({"environment": workspace.name, "findings": to_builtins(findings)})
    else:
        render.findings(findings)
        warnings = len(findings) - errors
        render.line(f"{len(fleet.data.nodes)} components: {errors} errors, {warnings} warnings.")
    if errors:
        raise typer.Exit(exits.INVALID)


@app.command(epilog="Examples:\n\n`karma graph show`\n\n`karma graph show --at 3 --json`")
def show(env: Env = None, project: ProjectDir = None, at: At = None, as_json: Json = False) -> None:
    """Show the stored graph: every component with its status, and what it depends on."""
    from karma_core.graph.document import show_document

    snapshot = _snapshot(open_for(env, project), at)
    if as_json:
        build = snapshot.build
        render.document(show_document(snapshot.graph, environment=build.environment, build_id=build.id))
        return
    producers: dict[str, list[str]] = {}
    for edge in snapshot.graph.edges:
        if edge.kind == "depends_on":
            producers.setdefault(edge.source, []).append(f"{edge.target} ({', '.join(edge.via)})")
    render.table(
        f"{snapshot.build.environment}, build {snapshot.build.id}, {render.local(snapshot.build.created_at)}",
        ("component", "status", "config", "depends on"),
        [
            (
                n.address,
                n.status,
                f"v{n.config_version}" if n.config_version else "",
                "\n".join(producers.get(n.address, [])),
            )
            for n in snapshot.graph.nodes
        ],
    )


def _snapshot(workspace: Workspace, at: str | None) -> Snapshot:
    """The current graph, or that of an earlier build."""
    from karma_core.use_cases.graph.history import snapshot

    return snapshot(workspace, at)


@app.command(epilog="Examples:\n\n`karma graph diff`\n\n`karma graph diff --from 3 --to 5`")
def diff(
    env: Env = None,
    project: ProjectDir = None,
    from_: Annotated[str | None, typer.Option("--from", help="Build or time; else the stored graph.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", help="Build or time; else what a build would give now.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what changed between two builds, or what a build would change now."""
    from karma_core.use_cases.graph.history import difference

    delta = difference(open_for(env, project), from_, to)
    if as_json:
        render.document(delta.contract())
        return
    render.table(f"from {delta.old} to {delta.new}", ("", "what", "detail"), delta.rows())
    render.line(f"{delta.delta.added} added, {delta.delta.changed} changed, {delta.delta.removed} removed.")


@app.command(epilog="Example:\n\n`karma graph impact vpc core`")
def impact(
    component_type: Type,
    nickname: Nickname = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show everything that depends on a component, in waves that may run at once."""
    from karma_core.graph.graph import Graph
    from karma_core.graph.impact import impact as use_case

    address = address_of(component_type, nickname)
    downstream = use_case(Graph(_current(open_for(env, project))), address)
    if as_json:
        render.document(downstream)
        return
    rows = [(number, "\n".join(wave)) for number, wave in enumerate(downstream["waves"])]
    render.table(
        f"{len(downstream['downstream'])} components depend on {address}", ("wave", "components"), rows
    )


def _current(workspace: Workspace) -> GraphData:
    return _snapshot(workspace, None).graph


@app.command(epilog="Example:\n\n`karma graph path dashboard/operations vpc/core`")
def path(
    source: Annotated[str, typer.Argument(help="Address of the consumer.")],
    target: Annotated[str, typer.Argument(help="Address of the producer.")],
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show a shortest chain of dependencies from one component to another."""
    from karma_core import ids
    from karma_core.graph.graph import Graph

    for address in (source, target):
        ids.Address.parse(address)
    addresses = Graph(_current(open_for(env, project))).path(source, target)
    if as_json:
        render.document({"source": source, "target": target, "path": addresses})
    elif addresses:
        render.line(" → ".join(addresses))
    else:
        render.line(f"{source} does not depend on {target}.")


@app.command(
    epilog="Examples:\n\n`karma graph explain app/web`\n\n`karma graph explain app/web vpc/core --json`"
)
def explain(
    consumer: Annotated[str, typer.Argument(help="Address of the component.")],
    producer: Annotated[str | None, typer.Argument(help="Address of one that it depends on.")] = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Explain a component's dependencies: how and where each was found, and which keys count."""
    from karma_core import ids
    from karma_core.use_cases.graph.explain import explain as use_case

    for address in filter(None, (consumer, producer)):
        ids.Address.parse(address)
    explained = use_case(open_for(env, project), consumer, producer)
    if as_json:
        render.document(explained.contract())
        return
    rows = [(w.producer, w.via, w.place, w.written, ", ".join(w.keys or ())) for w in explained.occurrences]
    render.table(f"{consumer} depends on", ("component", "via", "place", "what stands there", "keys"), rows)
    explained_view.steps(explained)
    for target, keys in explained.consumed.items():
        counts = ", ".join(keys) if keys is not None else "the whole runtime"
        render.line(f"Of {target} counts: {counts}.")
    explained_view.module(explained)
    render.findings(explained.findings)


@app.command(
    epilog="Examples:\n\n`karma graph query downstream vpc/core`\n\n`karma graph query stale --json`\n\n"
    "`karma graph query type --param type=vpc`\n\n"
    "`karma graph query --gremlin \"g.V().groupCount().by('type')\"`"
)
def query(
    name: Annotated[
        str | None,
        typer.Argument(help="downstream, upstream, consumers, dependencies, orphans, stale, drift, …"),
    ] = None,
    component: Annotated[str | None, typer.Argument(help="An address, where the query needs one.")] = None,
    env: Env = None,
    project: ProjectDir = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="Another parameter of the query."),
    ] = None,
    gremlin: Annotated[str | None, typer.Option("--gremlin", help="A Gremlin traversal instead.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="With --gremlin: results.")] = 1000,
    seconds: Annotated[
        float, typer.Option("--timeout", min=0.1, max=120, help="With --gremlin: seconds.")
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """Answer a named query, or one in Gremlin, over the stored graph."""
    from karma_core.errors import UsageError

    if (name is None) == (gremlin is None):
        raise UsageError(
            "a query is either a name or --gremlin TEXT", next_step="karma graph query --help lists the names"
        )
    if gremlin is not None:
        graph_stores.ask(env, project, gremlin, limit=limit, seconds=seconds, as_json=as_json)
    else:
        given = _parameters(component, parameters or ())
        _ask_by_name(open_for(env, project), str(name), given, as_json)


def _parameters(component: str | None, others: Sequence[str]) -> dict[str, str]:
    """The parameters of a named query."""
    from karma_core import ids
    from karma_core.errors import UsageError

    parameters = {}
    if component is not None:
        ids.Address.parse(component)
        parameters["component"] = component
    for text in others:
        name, equals, value = text.partition("=")
        if not (name and equals and value) or name in parameters:
            raise UsageError(
                f"--param {ids.shown(text)} is no parameter, or is given twice",
                next_step="write it like `--param type=vpc`",
                code="query-parameters",
            )
        parameters[name] = value
    return parameters


def _ask_by_name(workspace: Workspace, name: str, parameters: dict[str, str], as_json: bool) -> None:
    from karma_core.graph.query import run_query

    subgraph = run_query(_current(workspace), name, parameters)
    if as_json:
        render.document(subgraph)
        return
    render.table("", ("component", "status"), [(n["id"], _standing(n)) for n in subgraph["nodes"]])


def _standing(node: JsonObject) -> str:
    """A component's status with the change that wrote its config; who made a change, and why."""
    if "status" not in node:
        return f"change by {node['requested_by']}: {node['reason'] or 'no reason given'}"
    change = (node["provenance"] or {}).get("change")
    return f"{node['status']}, by change {change}" if change else str(node["status"])


@app.command(epilog="Example:\n\n`karma graph export --format mermaid > graph.mmd`")
def export(
    env: Env = None,
    project: ProjectDir = None,
    format_: Annotated[Format, typer.Option("--format", "-f", help="Form of the export.")] = Format.MERMAID,
    at: At = None,
) -> None:
    """Write the stored graph as Mermaid, DOT, GraphML or JSON."""
    from karma_core.graph.export import export as use_case

    snapshot = _snapshot(open_for(env, project), at)
    build_ = snapshot.build
    render.text(use_case(snapshot.graph, format_, environment=build_.environment, build_id=build_.id))


@app.command(epilog="Example:\n\n`karma graph history`")
def history(
    env: Env = None,
    project: ProjectDir = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest.")] = 20,
    as_json: Json = False,
) -> None:
    """List builds, newest first."""
    workspace = open_for(env, project)
    builds = workspace.graph.builds(workspace.name, limit=limit)
    if as_json:
        render.document({"environment": workspace.name, "builds": [_build_document(b) for b in builds]})
        return
    render.table(
        "",
        ("build", "time", "components", "dependencies", "added", "changed", "removed"),
        [
            (b.id, render.local(b.created_at), b.components, b.dependencies, b.added, b.changed, b.removed)
            for b in builds
        ],
    )


def _build_document(build: Build) -> JsonObject:
    from karma_core.model import to_builtins

    body = dict(to_builtins(build))
    return {
        "build_id": body.pop("id"),
        **{k: body[k] for k in sorted(body) if k not in {"inputs", "findings"}},
    }


app.command(epilog="Example:\n\n`karma graph copy --to gremlin --env prod`")(graph_stores.copy)
