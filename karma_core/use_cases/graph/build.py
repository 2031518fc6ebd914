"""Build the graph: load, resolve, build, validate, diff, commit, log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Final, TypeVar

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.errors import StaleLease
from karma_core.events import log_event
from karma_core.failpoints import reach
from karma_core.graph import delta as deltas
from karma_core.graph.build import build
from karma_core.graph.graph import Graph
from karma_core.graph.history import write_snapshot
from karma_core.graph.load import load
from karma_core.graph.types import read_definitions
from karma_core.graph.validate import sort_findings, validate
from karma_core.json_types import JsonObject
from karma_core.model import (
    Build,
    Component,
    Delta,
    Edge,
    Finding,
    GraphData,
    Record,
    Severity,
    Snapshot,
    Status,
    about_type,
    to_builtins,
)
from karma_core.needs import Context, FleetSource, GraphBuilding, HasModules, HasState
from karma_core.outcomes import Phase
from karma_core.records import Lease, Parameter
from karma_core.use_cases import leasing
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.fleet import creations, heights
from karma_core.use_cases.fleet.drifted import drifted_generations
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.pins import NO_PINS, Overlay, Pins, overlaid, pinned_parameters
from karma_core.use_cases.fleet.values import Values
from karma_core.use_cases.graph.facts import module_inputs
from karma_core.use_cases.graph.kept_modules import keep_modules
from karma_core.use_cases.graph.last_build import note_build
from karma_core.use_cases.graph.lineage import with_changes

_Built = TypeVar("_Built")

ALGORITHM: Final = 6
"""Version of how a graph is built from the same inputs; a new one builds anew once."""
WAIT_SECONDS: Final = 30.0
"""How long a builder waits for another one."""


ACTION: Final = "graph_build"
"""The action of a build in the log."""


class BuildResult(Record, frozen=True, kw_only=True):
    """The result of a build. `status`: published, unchanged, or invalid (nothing was published)."""

    environment: str
    build_id: int | None
    status: str
    components: int
    dependencies: int
    added: int = 0
    changed: int = 0
    removed: int = 0
    findings: tuple[Finding, ...] = ()

    def contract(self) -> JsonObject:
        """The JSON of `karma graph build --json`."""
        return dict(to_builtins(self))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that stop something."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)


def build_graph(
    workspace: GraphBuilding,
    *,
    keep_going: bool = False,
    anew: bool = False,
    wait_seconds: float = WAIT_SECONDS,
) -> BuildResult:
    """Build the graph from parameters and state, and commit it if it moved.

    Where nothing that it is made of has moved since the current build, nothing is read and nothing written.
    With errors nothing is published, unless `keep_going`: then a component with errors keeps its last good
    node and edges, with status `invalid`. `anew`: build also where nothing has moved, and write what
    is stored otherwise. LeaseHeld where another builder needs longer than `wait_seconds`.
    """
    if anew:
        with leasing.held(workspace, [leasing.GRAPH], wait_seconds=wait_seconds) as held:
            fleet = read_fleet(workspace)
            return commit(workspace, fleet, held.lease, keep_going=keep_going, anew=True)
    token = inputs_token(workspace)
    current = workspace.graph.current(workspace.name)
    if current is not None and token and current.inputs == token:
        note_build(workspace, current)
        return _unchanged(current)
    if current is not None and not token:
        look = partial(_look_first, workspace, current, keep_going=keep_going, wait_seconds=wait_seconds)
        return _catching_up(workspace, look)
    return refresh(workspace, keep_going=keep_going, wait_seconds=wait_seconds)[1]


def _look_first(
    workspace: GraphBuilding, current: Build, *, keep_going: bool, wait_seconds: float
) -> BuildResult:
    """Build without a revision from the store: if nothing moved, nothing is written at all.

    The lease is taken only to commit; where others have committed meanwhile, all is read again under it.
    """
    fleet = read_fleet(workspace)
    stored = workspace.graph.load(workspace.name)
    require_same_prefix(workspace, fleet, stored)
    if stored is not None and _is_as_stored(fleet, stored):
        keep_modules(workspace, fleet)
        return _result(workspace, fleet.data, fleet.findings, "unchanged", stored.build.id)
    with leasing.held(workspace, [leasing.GRAPH], wait_seconds=wait_seconds) as held:
        if workspace.graph.current(workspace.name) != current:
            fleet = read_fleet(workspace)
        return commit(workspace, fleet, held.lease, keep_going=keep_going)


def _is_as_stored(fleet: Fleet, stored: Snapshot) -> bool:
    """Whether a sound fleet has the graph and the findings of the current build."""
    sound = all(f.severity is not Severity.ERROR for f in fleet.findings)
    return sound and stored.build.findings == fleet.findings and deltas.diff(stored.graph, fleet.data).empty


def refresh(
    workspace: GraphBuilding, *, keep_going: bool = False, wait_seconds: float = WAIT_SECONDS
) -> tuple[Fleet, BuildResult]:
    """Read everything and commit what moved; returns the fleet and the build's result.

    Read and committed under one lease, so that an older reading never replaces a newer one.
    """
    once = partial(_refresh, workspace, keep_going=keep_going, wait_seconds=wait_seconds)
    return _catching_up(workspace, once)


def _catching_up(workspace: HasState, build_once: Callable[[], _Built]) -> _Built:
    """Build; once more, with a higher token, where the graph has seen newer ones than the state store grants.

    The graph refuses an older token because its writer may have slept past its lease. It is right to build
    again then, with a lease of now; and a state store that was restored grants high enough ones at once.
    """
    try:
        return build_once()
    except StaleLease as stale:
        newest = stale.facts.get("newest")
        if not isinstance(newest, int):
            raise
        workspace.state.raise_fence(newest)
        return build_once()


def _refresh(workspace: GraphBuilding, *, keep_going: bool, wait_seconds: float) -> tuple[Fleet, BuildResult]:
    with leasing.held(workspace, [leasing.GRAPH], wait_seconds=wait_seconds) as held:
        token = inputs_token(workspace)
        fleet = read_fleet(workspace)
        current = workspace.graph.current(workspace.name)
        if current is not None and token and current.inputs == token:
            return fleet, _unchanged(current)
        return fleet, commit(workspace, fleet, held.lease, token=token, keep_going=keep_going)


def inputs_token(workspace: FleetSource) -> str:
    """Digest of the revisions of everything a graph is made of; empty where a store cannot tell its own."""
    parameters = workspace.parameters.revision()
    if parameters is None:
        return ""
    return strictjson.digest(
        [
            ALGORITHM,
            parameters,
            workspace.modules.revision(),
            workspace.state.applied_revision(),
            drifted_generations(workspace),
            workspace.terraform_version(),
            asdict(workspace.environment),
            config_set.mark(workspace),
        ]
    )


def read_fleet(
    workspace: FleetSource,
    *,
    pins: Pins = NO_PINS,
    overlay: Overlay | None = None,
    stored: Iterable[Parameter] | None = None,
) -> Fleet:
    """Load, resolve, build and validate in memory; commits nothing.

    `pins` replace what is there now, `overlay` parameters by name (None: as if there were none). `stored` is
    what has been read of the parameters already. Of a set of configs that is not written whole yet, none is
    seen.
    """
    found_there = pinned_parameters(workspace, pins) if stored is None else stored
    parameters = overlaid(found_there, config_set.as_before(workspace))
    inventory = load(
        overlaid(parameters, overlay or {}),
        environment=workspace.name,
        prefix=workspace.prefix,
        applied=workspace.state.all_applied(),
    )
    available = bool(workspace.modules.types())
    types = sorted({loaded.type for loaded in inventory.components.values()})
    definitions, type_findings = read_definitions(types, lambda name: definition_of(workspace, name, pins))
    values = Values(workspace, inventory, pins.modules, definitions, proposed=frozenset(overlay or ()))
    modules = module_inputs(workspace, types, values, pins.modules)
    built = build(inventory, definitions, status_of=values.status, modules=modules)
    known = {t for t in types if values.module_of(t) or t in values.unreadable} if available else None
    graph = Graph(built.graph)
    findings_of_graph = validate(inventory, built, definitions, known_types=known, graph=graph)
    findings = sort_findings(
        {*findings_of_graph, *type_findings, *values.unreadable_findings(), *heights.findings(workspace)}
    )
    return Fleet(
        built.inventory,
        built.graph,
        findings,
        definitions,
        values,
        modules,
        graph=graph,
        optional_keys=built.optional_keys,
        maybe_created=creations.reader(workspace),
        self_written=built.self_written,
        named_states=built.named_states,
        looked_up=built.looked_up,
    )


def definition_of(workspace: HasModules, component_type: str, pins: Pins = NO_PINS) -> JsonObject | None:
    """component.yaml, with what karma.toml says of the type over it; or as pinned."""
    if component_type in pins.definitions:
        return pins.definitions[component_type]
    own = workspace.modules.definition(component_type)
    said = workspace.environment.types.get(component_type)
    return {**(own or {}), **said} if said is not None else own


def commit(
    workspace: GraphBuilding,
    fleet: Fleet,
    lease: Lease,
    *,
    token: str = "",
    keep_going: bool = False,
    anew: bool = False,
) -> BuildResult:
    """Diff the fleet's graph against the stored one and commit the difference, logged before and after.

    `anew`: also where there is none.
    """
    stored = workspace.graph.load(workspace.name)
    require_same_prefix(workspace, fleet, stored)
    keep_modules(workspace, fleet)
    graph = fleet.data
    errors = [f for f in fleet.findings if f.severity is Severity.ERROR]
    if errors and not keep_going:
        log_event(workspace, ACTION, Phase.FAILED, inputs={"errors": len(errors)})
        current = stored.build if stored else None
        return _result(workspace, graph, fleet.findings, "invalid", current.id if current else None)
    if errors:
        graph = keep_last_good(graph, stored.graph if stored else None, _invalid(graph, errors))
    graph = with_changes(workspace, graph)
    change = deltas.diff(stored.graph if stored else None, graph)
    if stored is not None and change.empty and stored.build.findings == fleet.findings and not anew:
        note_build(workspace, stored.build)
        return _result(workspace, graph, fleet.findings, "unchanged", stored.build.id)
    made = _new_build(workspace, graph, change, fleet.findings, stored, token)
    snapshot = write_snapshot(workspace.artifacts, made, graph, change, stored.build if stored else None)
    made = replace(made, snapshot=snapshot)
    cause = log_event(workspace, ACTION, Phase.STARTED, build_id=made.id)
    reach("build.before_commit")
    workspace.graph.commit(made, change, lease)
    reach("build.after_commit")
    note_build(workspace, made)
    counts = {"added": made.added, "changed": made.changed, "removed": made.removed}
    log_event(
        workspace, ACTION, Phase.SUCCEEDED, build_id=made.id, inputs=counts, after=made.digest, cause=cause
    )
    return _result(workspace, graph, fleet.findings, "published", made.id, made)


def require_same_prefix(workspace: Context, fleet: Fleet, stored: Snapshot | None) -> None:
    """Refused `prefix-changed` where nothing lies under the prefix, and what was built lies under another.

    Else an environment whose prefix was changed in the settings would become one of no components.
    """
    if stored is None or any(loaded.config for loaded in fleet.inventory.components.values()):
        return
    paths = [node.config_path for node in stored.graph.nodes if node.config_path]
    if not paths or any(path.startswith(f"{workspace.prefix}/") for path in paths):
        return
    raise heights.prefix_changed(
        workspace, f"the {len(paths)} components of {workspace.name} were built from others, like {paths[0]}"
    )


def _invalid(graph: GraphData, errors: Sequence[Finding]) -> set[str]:
    """Addresses that have an error themselves, or by their type."""
    named = {f.component for f in errors}
    return {n.address for n in graph.nodes if n.address in named or about_type(n.type) in named}


def keep_last_good(graph: GraphData, stored: GraphData | None, wrong: set[str]) -> GraphData:
    """The graph with the last good node and edges of every component that has an error."""
    last = {n.address: n for n in stored.nodes} if stored else {}
    nodes = {n.address: n for n in graph.nodes}
    invalid: dict[str, Component] = {}
    for address in wrong & nodes.keys():
        node = last.get(address, nodes[address])
        invalid[address] = replace(node, status=Status.INVALID)
    edges = [e for e in graph.edges if e.source not in wrong]
    edges += [e for e in (stored.edges if stored else ()) if e.source in wrong and e.target in nodes]
    return GraphData(
        nodes=tuple(invalid.get(a, n) for a, n in nodes.items()),
        edges=tuple(sorted(edges, key=_edge_key)),
    )


def _edge_key(edge: Edge) -> tuple[str, str, str]:
    return edge.key


def _new_build(
    workspace: Context,
    graph: GraphData,
    change: Delta,
    findings: Sequence[Finding],
    stored: Snapshot | None,
    token: str,
) -> Build:
    base = stored.build.id if stored else None
    return Build(
        id=(base or 0) + 1,
        environment=workspace.name,
        created_at=workspace.now(),
        digest=deltas.digest(graph),
        inputs=token,
        components=len(graph.nodes),
        dependencies=dependencies(graph),
        added=change.added,
        changed=change.changed,
        removed=change.removed,
        findings=tuple(findings),
        base=base,
    )


def dependencies(graph: GraphData) -> int:
    """Count the `depends_on` edges of the graph."""
    return sum(1 for edge in graph.edges if edge.kind == "depends_on")


def _unchanged(build: Build) -> BuildResult:
    return BuildResult(
        environment=build.environment,
        build_id=build.id,
        status="unchanged",
        components=build.components,
        dependencies=build.dependencies,
        findings=build.findings,
    )


def _result(
    workspace: Context,
    graph: GraphData,
    findings: tuple[Finding, ...],
    status: str,
    build_id: int | None,
    made: Build | None = None,
) -> BuildResult:
    return BuildResult(
        environment=workspace.name,
        build_id=build_id,
        status=status,
        components=len(graph.nodes),
        dependencies=dependencies(graph),
        added=made.added if made else 0,
        changed=made.changed if made else 0,
        removed=made.removed if made else 0,
        findings=findings,
    )
