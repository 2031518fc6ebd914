"""Which components a selection means, and why one of them cannot be worked on."""

from __future__ import annotations

from karma_core.model import Severity
from karma_core.plan import fingerprint
from karma_core.use_cases.fleet import Fleet
from karma_core.use_cases.naming import excluded, named
from karma_core.use_cases.runs import Selection
from karma_core.workspace import Workspace


def select(workspace: Workspace, fleet: Fleet, selection: Selection) -> set[str]:
    """The addresses that a selection means, cones included; those that have a config and keep their name.

    UsageError `nothing-matches` or NotFound for a name that means nothing here.
    """
    graph, environment = fleet.graph, workspace.name
    if selection.everything:
        chosen = set(graph)
    elif selection.changed:
        changed = _changed(workspace, fleet, selection.since)
        chosen = graph.cone(*changed) if changed else set()
    else:
        wanted = named(selection, set(graph), environment=environment)
        chosen = graph.cone(*wanted)
        if selection.with_producers:
            chosen |= graph.upstream(*wanted)
    moved = set(fleet.moves.values())
    left_out = excluded(selection, set(graph), environment=environment) if selection.exclude else set()
    return {a for a in chosen - left_out if fleet[a].config is not None and a not in moved}


def _changed(workspace: Workspace, fleet: Fleet, since: str | None) -> set[str]:
    """Components whose own part differs from what was applied; or whose config or module changed in Git."""
    if since is None:
        return {address for address in fleet.graph if changed_itself(fleet, address)}
    addresses, folders = workspace.repository.changed_since(workspace.name, since)
    known = set(fleet.graph)
    types = {address.partition("/")[0] for address in known}
    # Folders that are no type's hold child modules: whose modules load them, their digests tell.
    shared = {a for a in known if _module_changed(fleet, a)} if folders - types else set()
    return (addresses & known) | {a for a in known if a.partition("/")[0] in folders} | shared


def changed_itself(fleet: Fleet, address: str) -> bool:
    """Whether a component's own part differs from what was applied: config, module, variables, engine.

    So does one that was never applied, or whose last apply failed.
    """
    if fleet[address].config is None:
        return False
    return fingerprint.has_own_cause(fleet.inputs(address), fleet.deployed(address))


def _module_changed(fleet: Fleet, address: str) -> bool:
    if fleet[address].config is None:
        return False
    applied = fleet.deployed(address)
    module = fleet.values.module(address)
    return applied is not None and module is not None and applied.inputs.get("module") != module.digest


def why_blocked(fleet: Fleet, address: str) -> str:
    """The error, of the component or of something it needs, that stops it."""
    upstream = fleet.graph.upstream(address)
    names = upstream | {f"type:{a.partition('/')[0]}" for a in upstream}
    for finding in fleet.findings:
        if finding.severity is Severity.ERROR and finding.component in names:
            return f"{finding.code}: {finding.component}: {finding.message}"
    return "the environment has an error; see `karma graph validate`"
