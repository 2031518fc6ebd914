"""`"moved_from": "vpc/old"` in a config: a renamed component that keeps the deployment of its old address.

A claim holds until the component itself has been applied; after that it says nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from karma_core import ids
from karma_core.graph.graph import Graph
from karma_core.graph.load import Inventory, Loaded
from karma_core.ids import type_of
from karma_core.model import Finding, Severity

KEY: Final = "moved_from"
CODE: Final = "moved-from"


def moves(inventory: Inventory) -> dict[str, str]:
    """Component → the old address whose deployment it takes over; only claims that can be carried out."""
    claimed = [source for _, source in _claims(inventory)]
    return {
        address: source
        for address, source in _claims(inventory)
        if isinstance(source, str)
        and _why_not(inventory, address, source) is None
        and claimed.count(source) == 1
        and (held := inventory.components.get(source)) is not None
        and held.applied is not None
    }


def check_moves(inventory: Inventory, graph: Graph) -> Iterator[Finding]:
    """`moved-from`: a claim that cannot be carried out, or that would take something from others."""
    sources = [source for _, source in _claims(inventory)]
    for address, source in _claims(inventory):
        why = _why_not(inventory, address, source)
        if why is None and sources.count(source) > 1:
            why = f"another component claims {source} too"
        if why is None and source in graph and (users := sorted(set(graph.consumers(str(source))))):
            why = f"{', '.join(users)} still depend on {source}; let them name {address}"
        if why is not None:
            yield Finding(
                code=CODE,
                severity=Severity.ERROR,
                component=address,
                pointer=f"/{KEY}",
                message=f"it cannot take over what is deployed elsewhere: {why}",
            )


def _claims(inventory: Inventory) -> Iterator[tuple[str, object]]:
    """(component, what it claims) of those that were not applied yet."""
    for address, loaded in inventory.components.items():
        config = _config(loaded)
        if loaded.applied is None and KEY in config:
            yield address, config[KEY]


def _config(loaded: Loaded) -> dict[str, object]:
    return (loaded.config.value if loaded.config else None) or {}


def _why_not(inventory: Inventory, address: str, source: object) -> str | None:
    """Return why a claim can never be carried out; None if it can, or if there is nothing to take over."""
    if not isinstance(source, str) or not ids.is_address(source):
        return f"{ids.shown(source)!r} is not a component's address; write it like vpc/old"
    if source == address:
        return "it names itself"
    if type_of(source) != type_of(address):
        return f"{source} is of another type"
    held = inventory.components.get(source)
    if held is not None and held.applied is None and KEY in _config(held):
        return f"{source} takes over another deployment itself; deploy that first"
    return None
