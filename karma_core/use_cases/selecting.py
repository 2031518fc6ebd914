"""Which components a selection means, and why one of them cannot be worked on."""

from __future__ import annotations

from collections.abc import Iterable

from karma_core.errors import NotFound, UsageError
from karma_core.graph.graph import Graph
from karma_core.graph.validate import blocked
from karma_core.ids import shown
from karma_core.model import Severity
from karma_core.plan.judge import Verdict, judge
from karma_core.plan.spread import NOTHING
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace

MARK = "mark"
"""Kind of the documents that remember one fact, e.g. the last deployed commit."""
DEPLOYED_COMMIT = "deployed-commit"


def closure(graph: Graph, targets: Iterable[str], *, with_producers: bool) -> set[str]:
    """The targets' cones; with their producers too if asked for."""
    wanted = set(targets)
    missing = sorted(t for t in wanted if t not in graph)
    if missing:
        raise NotFound(
            f"there is no component {shown(missing[0])!r} in this environment",
            next_step="`karma graph show` lists those that are; `karma config publish` brings new configs in",
            component=shown(missing[0]),
        )
    cone = graph.cone(*wanted) if wanted else set()
    return cone | graph.upstream(*wanted) if with_producers and wanted else cone


def select(workspace: Workspace, fleet: Fleet, selection: Selection) -> set[str]:
    """The addresses that a selection means, cones included; those that have a config and keep their name."""
    graph = fleet.graph
    if selection.everything:
        chosen = set(graph)
    elif selection.changed:
        chosen = closure(graph, _changed(workspace, fleet, selection.since), with_producers=False)
    else:
        chosen = closure(graph, selection.targets, with_producers=selection.with_producers)
    moved = set(fleet.moves.values())
    return {a for a in chosen if fleet[a].config is not None and a not in moved}


def may_move(fleet: Fleet, chosen: set[str]) -> set[str]:
    """Of what a run is for, all that is not as it should be, and what may follow; nothing that is blocked."""
    members = chosen - blocked(fleet.findings, fleet.graph)
    restless = [address for address in members if not _at_rest(fleet, address)]
    return members & fleet.graph.cone(*restless) if restless else set()


def _at_rest(fleet: Fleet, address: str) -> bool:
    applied, definition = fleet.deployed(address), fleet.definition(address)
    drifted = fleet.values.drifted(applied)
    judged = judge(address, fleet.inputs(address), applied, definition, NOTHING, drifted=drifted)
    return judged.verdict is Verdict.UNCHANGED


def _changed(workspace: Workspace, fleet: Fleet, since: str | None) -> set[str]:
    """Components whose config or module changed in Git since a commit."""
    ref = since or _deployed_commit(workspace)
    addresses, types = workspace.repository.changed_since(workspace.name, ref)
    known = set(fleet.graph)
    return (addresses & known) | {a for a in known if a.partition("/")[0] in types}


def _deployed_commit(workspace: Workspace) -> str:
    mark = workspace.state.document(MARK, DEPLOYED_COMMIT)
    if mark is None:
        raise UsageError(
            "it is not known which commit was deployed last",
            why="no deploy with --all or --changed has succeeded in this environment yet",
            next_step="name a commit with --since REF, or use --all",
        )
    return str(mark.body["commit"])


def commit_of(workspace: Workspace, selection: Selection) -> str | None:
    """The work tree's commit, where a deploy of the selection would leave nothing of it behind.

    Ask before anything is read for the deploy: the work tree may move while it runs.
    """
    return workspace.repository.head() if selection.everything or selection.changed else None


def mark_deployed(workspace: Workspace, commit: str | None) -> None:
    """Remember the last deployed commit, after a deploy that succeeded."""
    if commit is not None:
        workspace.state.put_document(MARK, DEPLOYED_COMMIT, {"commit": commit})


def why_blocked(fleet: Fleet, address: str) -> str:
    """The error, of the component or of something it needs, that stops it."""
    upstream = fleet.graph.upstream(address)
    names = upstream | {f"type:{a.partition('/')[0]}" for a in upstream}
    for finding in fleet.findings:
        if finding.severity is Severity.ERROR and finding.component in names:
            return f"{finding.code}: {finding.component}: {finding.message}"
    return "the environment has an error; see `karma graph validate`"
