"""What an apply is about to create, noted in the state store: for the machines that see nothing of it.

How far an apply came is in what its Terraform wrote, on the machine where it ran. Where that machine is gone,
or another one goes on, the state store alone knows that it began. So an apply that creates notes before it
begins what it will create, and afterwards that it has ended. Where one has not ended, and the Terraform state
lacks something of it, that may exist: `maybe-created`, as where it was killed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final

import msgspec

from karma_core.decoding import convert
from karma_core.model import Record, to_builtins
from karma_core.needs import FleetSource, HasState, TerraformAndState
from karma_core.records import Document, TerraformPlan
from karma_core.use_cases.leasing import component_lease

KIND: Final = "creations"
"""Kind of the state store's documents, one for each component that has ever created anything."""
_CREATING: Final = frozenset({"create", "replace"})


class Begun(Record, frozen=True, kw_only=True):
    """What an apply set out to create. Nothing where it has ended.

    `place` is where it ran. `before` maps each resource to the digest of what the state had of it; empty
    where it had nothing.
    """

    place: str = ""
    run_id: str = ""
    before: dict[str, str] = {}


def note_begun(workspace: TerraformAndState, run_id: str, plan: TerraformPlan) -> None:
    """Note what the plan creates, if anything. Called before the apply begins."""
    names = sorted(one.address for one in plan.resources if one.action in _CREATING)
    if names:
        begun = Begun(
            place=workspace.terraform.place(),
            run_id=run_id,
            before=workspace.terraform.digests(plan.address, names),
        )
        workspace.state.put_document(KIND, plan.address, to_builtins(begun))


def note_ended(workspace: HasState, address: str) -> None:
    """Note that it is known what the component's last apply has created."""
    document = workspace.state.document(KIND, address)
    if document is not None and _begun(document).before:
        workspace.state.put_document(KIND, address, to_builtins(Begun()))


def reader(workspace: FleetSource) -> Callable[[str], tuple[str, ...]]:
    """What says of a component which resources a killed apply may have created, here or elsewhere.

    The state store is asked at most twice for all components together.
    """

    @cache
    def noted() -> Mapping[str, Begun]:
        begun = {one.id: _begun(one) for one in workspace.state.documents(KIND)}
        open_ = {address: one for address, one in begun.items() if one.before}
        if not open_:
            return {}
        working = {name for lease in workspace.state.leases() for name in lease.names}
        return {address: one for address, one in open_.items() if component_lease(address) not in working}

    def maybe_created(address: str) -> tuple[str, ...]:
        begun = noted().get(address)
        here = workspace.maybe_created(address)
        return here if here or not begun else workspace.lacking(address, begun.place, begun.before)

    return maybe_created


def maybe_created(workspace: TerraformAndState, address: str) -> tuple[str, ...]:
    """As `reader`, of one component whose lease the caller holds."""
    here = workspace.terraform.maybe_created(address)
    document = workspace.state.document(KIND, address)
    if here or document is None:
        return here
    begun = _begun(document)
    return workspace.terraform.lacking(address, begun.place, begun.before)


def in_doubt(workspace: FleetSource) -> dict[str, tuple[str, ...]]:
    """Every component with resources that an apply elsewhere may have created, by address."""
    known = reader(workspace)
    resources_of = {one.id: known(one.id) for one in workspace.state.documents(KIND)}
    return {address: resources for address, resources in sorted(resources_of.items()) if resources}


def _begun(document: Document) -> Begun:
    """The note; nothing where it cannot be read: it is another Karma's."""
    try:
        return convert(document.body, Begun)
    except msgspec.ValidationError:
        return Begun()
