"""A change of kind `policy`: it publishes the policy that the gate reads, once an admin approved it."""

from __future__ import annotations

from typing import Final

import msgspec

from karma_core import strictjson
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.documents import written
from karma_core.errors import BadInput, Conflict, KarmaError, LeaseHeld, Refused, StaleLease, StoreError
from karma_core.needs import GraphBuilding, HasModules, HasParameters, PolicySource
from karma_core.policy.published import PublishedPolicy, parameter_name
from karma_core.records import ParameterWrite
from karma_core.use_cases import leasing
from karma_core.use_cases.access.identity import proven
from karma_core.use_cases.access.policy_in_force import (
    local_policy,
    note_published,
    read_in_force,
    rules_on_policies,
    unreadable_types,
)
from karma_core.use_cases.changes.queue import expire
from karma_core.use_cases.changes.register import Kept, Register, admission
from karma_core.use_cases.fleet.binding import check_binding

NEED: Final = "an admin approves a policy"
"""Why every such change waits."""
LEASE_SECONDS: Final = 600.0
"""How long to wait for whoever writes configs. As for the sets of a change."""


def request_policy(workspace: GraphBuilding, *, reason: str = "") -> Change:
    """Request that the checkout's policy is published; the change waits for an admin's approval.

    Refused `nothing-to-publish` where it is published already; BadInput `component-type` where the definition
    of a type cannot be read: it may protect something. A published policy that cannot be read is replaced
    like any other.
    """
    check_binding(workspace)
    expire(workspace, for_policy=True)
    _refuse_unreadable(workspace)
    wanted, base_version = local_policy(workspace), _version(workspace)
    published = _published(workspace)  # read after its version, so that an older one is never applied over it
    if wanted == published:
        raise Refused(
            "there is nothing to publish",
            why="the published policy is the one of this checkout",
            next_step="`karma policy show` shows it",
            code="nothing-to-publish",
        )
    named = rules_on_policies(workspace).asks_requester
    actor = proven(workspace) if named else workspace.actor
    document, now = written(wanted), workspace.now()
    change = Change(
        id=workspace.new_id(),
        environment=workspace.name,
        number=0,
        status=State.AWAITING_APPROVAL,
        request={
            "policy": document,
            "before": written(published) if published else {},
            "base_version": base_version,
        },
        requested_by=actor.user,
        asked_by=actor.user,
        proof=actor.proof,
        source=actor.source,
        reason=reason or "the policy of the checkout",
        created_at=now,
        updated_at=now,
        kind="policy",
        why=NEED,
        needs=(NEED,),
        digest=strictjson.digest(document),
        proceed=True,
    )
    with admission(workspace):
        register = Register(workspace)
        numbered = msgspec.structs.replace(change, number=register.next_number())
        return register.add(numbered).change


def apply_policy(workspace: PolicySource, register: Register, kept: Kept) -> Kept:
    """Write the approved policy, on the version that it was requested from; how it ended is its status.

    Where a store does not answer, or its lease is held or lost, nobody knows whether it was written: the
    change stays `applying` and is taken up again, and the error is raised.
    """
    if kept.change.status is State.APPROVED:
        kept = register.move(kept, State.APPLYING, f"applied by {workspace.actor.user}")
    try:
        _write(workspace, kept.change)
    except (LeaseHeld, StaleLease, StoreError):
        raise
    except KarmaError as error:
        return register.move(kept, State.FAILED, f"{error.what}: {error.why}")
    return register.move(kept, State.APPLIED, "the policy is published")


def _write(workspace: PolicySource, change: Change) -> None:
    name = parameter_name(workspace.prefix)
    value = strictjson.canonical(change.request["policy"]).decode()
    base = int(change.request["base_version"])
    with leasing.held(workspace, [leasing.PARAMETERS], wait_seconds=LEASE_SECONDS):
        held = workspace.parameters.get(name)
        if held is not None and held.version == base + 1 and held.value == value:
            note_published(workspace, change.id)
            return  # written before its process died
        if (held.version if held else 0) != base:
            raise Conflict(
                "the policy was published by somebody else since this was requested",
                why=f"version {held.version if held else 0} is there, it was requested from {base}",
                next_step="request it again: `karma policy publish`",
            )
        description = f"Policy of {workspace.name}, published by change {change.id}"
        workspace.parameters.put([ParameterWrite(name=name, value=value, base=base, description=description)])
        note_published(workspace, change.id)


def _refuse_unreadable(workspace: HasModules) -> None:
    findings = unreadable_types(workspace)
    if findings:
        first = findings[0]
        raise BadInput(
            "the policy cannot be published",
            why=f"what {first.component} protects is not known: {first.message}",
            next_step="correct its component.yaml",
            code=first.code,
        )


def _published(workspace: PolicySource) -> PublishedPolicy | None:
    try:
        return read_in_force(workspace)
    except BadInput:
        return None


def _version(workspace: HasParameters) -> int:
    held = workspace.parameters.get(parameter_name(workspace.prefix))
    return held.version if held else 0
