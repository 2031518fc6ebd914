"""The configs that changes wrote and that Git has held since.

A version that a change wrote is ahead of Git until Git holds it, and from then on Git's next edit of it is
an edit like any other. Nothing in the parameter says that Git has caught up, so it is noted here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from karma_core.needs import HasState

KIND: Final = "git-holds"
"""Documents that remember, by address, the change whose config Git was seen to hold."""


def note(workspace: HasState, changes: Mapping[str, str]) -> None:
    """Note that Git holds what these changes wrote: address → change."""
    for address in sorted(changes):
        workspace.state.put_document(KIND, address, {"change": changes[address]})


def noted(workspace: HasState) -> dict[str, str]:
    """Address → the change that was noted last."""
    return {document.id: str(document.body["change"]) for document in workspace.state.documents(KIND)}
