"""Components that drifted, by the last drift check.

A finding counts for the generation that it was made about: the next apply ends it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from karma_core.needs import HasState

KIND: Final = "drift"
"""Kind of the documents that hold each component's last check."""


class Check(StrEnum):
    """The outcome of the drift check of one component."""

    CLEAN = "clean"
    DRIFTED = "drifted"
    STATE_LOST = "state-lost"
    """The Terraform state is gone, empty or another one: nothing could be compared."""
    STATE_OLDER = "state-older"
    STATE_ALTERED = "state-altered"
    """The Terraform state is one from before the last apply."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """A run was at work on the component: what was seen may have been half of it."""


NOT_AS_APPLIED: Final = frozenset({Check.DRIFTED, Check.STATE_LOST, Check.STATE_OLDER, Check.STATE_ALTERED})
"""Ends of a check after which the component is not taken for what was applied."""


def drifted_generations(workspace: HasState) -> dict[str, int]:
    """Address → the generation that was found drifted. One read, whatever the number of components."""
    return {
        document.id: int(document.body["generation"])
        for document in workspace.state.documents(KIND)
        if document.body["status"] in NOT_AS_APPLIED
    }
