"""Evaluation of a change: compares the current environment with the simulated one.

Every objection is a finding: its code names the rule, its message the evidence. A finding that existed
before the change does not reject it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from karma_core import strictjson
from karma_core.changes.record import Edit
from karma_core.changes.request import ComponentChange, wanted
from karma_core.errors import BadInput
from karma_core.graph.graph import Graph
from karma_core.graph.load import Inventory, Loaded
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Record, Severity
from karma_core.parameters import check_value

EXPECTED: Final = frozenset({"runtime-older-than-config"})
"""Codes of findings that every change causes until it is deployed."""


class World(Record, frozen=True, kw_only=True):
    """One side of the comparison: the inventory, its graph and its findings."""

    inventory: Inventory
    graph: Graph
    findings: tuple[Finding, ...]


def edits_of(
    changes: Sequence[ComponentChange], inventory: Inventory
) -> tuple[tuple[Edit, ...], tuple[Finding, ...]]:
    """Return (the edits of the requested changes, findings on those that cannot be made)."""
    edits, findings = [], []
    for change in changes:
        loaded = inventory.components.get(change.component)
        config = loaded.config if loaded else None
        version = config.parameter.version if config else 0
        if change.base_version is not None and change.base_version != version:
            said = f"it was written against version {change.base_version}, version {version} is there"
            findings.append(_no("stale-base", change.component, f"{said}. Read it again and propose anew."))
            continue
        if config is not None and config.value is None:
            findings.append(_unreadable(change.component, broken=config.broken))
            continue
        try:
            before = config.value if config else None
            after = wanted(change, before)
            _check_size(inventory.prefix, change.component, after)
        except BadInput as error:
            findings.append(
                _no(error.code, change.component, f"{error.what}: {error.why}. {error.next_step}.")
            )
            continue
        edits.append(Edit(address=change.component, before=before, base_version=version, after=after))
    return tuple(edits), tuple(findings)


def _unreadable(address: str, *, broken: bool) -> Finding:
    if broken:
        return _no(
            "invalid-json", address, "its stored config cannot be read. Publish a correct one from Git."
        )
    return _no(
        "secret-config", address, "its config is a SecureString, which a change would show. Publish it."
    )


def _check_size(prefix: str, address: str, after: JsonObject | None) -> None:
    if after is not None:
        check_value(f"{prefix}/{address}/config", strictjson.canonical(after).decode())


def judge(edits: Sequence[Edit], before: World, after: World) -> tuple[Finding, ...]:
    """Return the findings against the edits, sorted, new warnings included."""
    findings = {
        *new_findings(before.findings, after.findings),
        *live_consumers(edits, before, after),
        *not_deployed(edits, after),
    }
    return tuple(sorted(findings, key=lambda finding: finding.order))


def new_findings(before: Collection[Finding], after: Collection[Finding]) -> Iterator[Finding]:
    """Yield findings that the change would add: schema, names, sizes, cycles, missing components."""
    known = {(f.code, f.component, f.pointer, f.message) for f in before}
    yield from (
        f
        for f in after
        if (f.code, f.component, f.pointer, f.message) not in known and f.code not in EXPECTED
    )


def live_consumers(edits: Sequence[Edit], before: World, after: World) -> Iterator[Finding]:
    """Yield `consumers-live` for each removed component that a config or a deployment still uses."""
    removed = {edit.address for edit in edits if edit.removes}
    edited = {edit.address for edit in edits}
    applied = applied_users(before.inventory)
    for address in sorted(removed):
        configured = set(before.graph.consumers(address)) if address in before.graph else set()
        still = _still_refer(configured & edited, address, after)
        live = ((configured - edited) | still | (applied.get(address, set()) - edited)) - removed
        if live:
            said = f"{', '.join(sorted(live))} depend on it"
            yield _no("consumers-live", address, f"{said}. Change or remove them first, or in the same set.")


def _still_refer(consumers: set[str], producer: str, after: World) -> set[str]:
    """Return the consumers whose new config still needs the producer."""
    dangling = {
        f.component
        for f in after.findings
        if f.code == "missing-component" and f"on {producer} (" in f.message
    }
    return consumers & dangling


def applied_users(inventory: Inventory) -> dict[str, set[str]]:
    """Producer → components whose deployment consumes it."""
    users: dict[str, set[str]] = {}
    for address, loaded in inventory.components.items():
        for producer in loaded.applied.edges if loaded.applied else ():
            users.setdefault(producer, set()).add(address)
    return users


def not_deployed(edits: Sequence[Edit], after: World) -> Iterator[Finding]:
    """Yield `producer-not-deployed` for edits that need a producer neither deployed nor in the change."""
    coming = after.graph.cone(*(e.address for e in edits if e.address in after.graph and not e.removes))
    for edit in edits:
        if edit.removes or edit.address not in after.graph:
            continue
        for producer in after.graph.producers(edit.address):
            if producer not in coming and not _deployed(after.inventory.components.get(producer)):
                said = f"it needs {producer}, which is not deployed. Deploy that first."
                yield _no("producer-not-deployed", edit.address, said)


def _deployed(loaded: Loaded | None) -> bool:
    return loaded is not None and (loaded.runtime is not None or loaded.applied is not None)


def deployed_users(edits: Sequence[Edit], before: World) -> dict[str, tuple[str, ...]]:
    """Edited address → deployed components that depend on it, by their config or their deployment."""
    applied = applied_users(before.inventory)
    users = {}
    for edit in edits:
        configured = before.graph.consumers(edit.address) if edit.address in before.graph else ()
        live = {a for a in configured if _deployed(before.inventory.components.get(a))}
        users[edit.address] = tuple(sorted(live | applied.get(edit.address, set())))
    return users


def reach(edits: Sequence[Edit], before: World, after: World) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the cone, the direct producers) of the edits, in both graphs together."""
    cone = {edit.address for edit in edits}
    reads: set[str] = set()
    for world in (before, after):
        known = [edit.address for edit in edits if edit.address in world.graph]
        cone |= world.graph.cone(*known)
        reads.update(p for address in known for p in world.graph.producers(address))
    return tuple(sorted(cone)), tuple(sorted(reads))


def errors(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings that reject a change."""
    return tuple(f for f in findings if f.severity is Severity.ERROR)


def versions(inventory: Inventory, addresses: Collection[str]) -> Mapping[str, int]:
    """Config version by address, of those that have a config."""
    held = ((a, inventory.components.get(a)) for a in sorted(addresses))
    return {a: loaded.config.parameter.version for a, loaded in held if loaded and loaded.config}


def _no(code: str, component: str, message: str) -> Finding:
    return Finding(code=code, severity=Severity.ERROR, component=component, pointer="", message=message)
