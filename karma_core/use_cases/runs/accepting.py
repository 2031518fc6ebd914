"""A person says that a component's Terraform state is right, although an apply of it was killed."""

from __future__ import annotations

from karma_core.errors import NotFound
from karma_core.events import log_event
from karma_core.needs import Accepting
from karma_core.outcomes import Phase
from karma_core.use_cases import leasing

ACTION = "maybe_created_accept"
"""The log's name of it."""


def accept_created(workspace: Accepting, address: str) -> tuple[str, ...]:
    """Take the state as it is from now on; the resources that were in doubt, sorted.

    NotFound where there are none, LeaseHeld while a run works on the component.
    """
    with leasing.held(workspace, [leasing.component_lease(address)], wait_seconds=0):
        resources = workspace.terraform.maybe_created(address)
        if not resources:
            raise NotFound(
                f"no resource of {address} may have been created unseen",
                why="no apply of it was killed here, or its state has everything",
                next_step="`karma doctor` lists what there is to accept",
                component=address,
            )
        log_event(workspace, ACTION, Phase.SUCCEEDED, address, inputs={"resources": list(resources)})
        workspace.terraform.accept_created(address)
    return resources
