"""A person says that a store is right as it is, although another one has seen it further on."""

from __future__ import annotations

from typing import Final

from karma_core.errors import Refused, UsageError
from karma_core.events import log_event
from karma_core.needs import ConfigStore
from karma_core.outcomes import Phase
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import check_binding

ACTION: Final = "accept"
"""The action in the log."""
STORES: Final = ("store:parameters", "store:state")
"""What can be accepted."""


def accept_store(workspace: ConfigStore, wanted: str) -> tuple[str, ...]:
    """Take the stores as they are, and log it; what was behind, a sentence each.

    UsageError for anything but a store. Refused `nothing-to-accept` where no store is behind, or as
    `require_requester` where the policy names who may request changes.
    """
    if wanted not in STORES:
        raise UsageError(
            f"{wanted!r} is nothing that can be accepted",
            why=f"it is one of {', '.join(STORES)}",
            next_step="`karma graph validate` names the store that is behind",
        )
    check_binding(workspace)
    workspace = require_requester(workspace, "")
    behind = [f.message for f in heights.findings(workspace) if wanted in f.message]
    if not behind:
        raise Refused(
            f"there is nothing to accept about {wanted}",
            why="no other store has seen it further on",
            next_step="`karma graph validate` names the store that is behind, if one is",
            code="nothing-to-accept",
        )
    # The log first: where it does not agree with the state store, that is to be put right before.
    log_event(workspace, ACTION, Phase.SUCCEEDED, inputs={"accepted": wanted, "was": behind})
    return heights.accept(workspace)
