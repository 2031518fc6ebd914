"""An approval from the Prefect UI's form: who approves is said by a token, because Prefect knows no users."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

from prefect import flow
from pydantic import SecretStr

from flows.artifacts import show_page
from flows.deploy import open_for_flow
from flows.form_tokens import forget_at_end, forget_own
from flows.hooks import ON_END
from karma_adapters.wiring.bootstrap import open_runs
from karma_adapters.wiring.reading import read_settings
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.roles import Role
from karma_core.use_cases.access.tokens import Token, recognise
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.changes.decisions import approve, reject
from karma_core.use_cases.changes.reading import result_of
from karma_core.workspace import Workspace

NOBODY: Final = "nobody"
"""The user of events before the token has said who it is."""
ENDS: Final[dict[str, Any]] = {
    "on_failure": [forget_at_end],
    **{when: [forget_at_end, *hooks] for when, hooks in ON_END.items()},
}
"""The token goes first, whatever else cannot be done any more."""


@flow(name="approve-change", flow_run_name="{decision} {change_id}", persist_result=False, **ENDS)
def approve_change(
    project: str,
    environment: str,
    change_id: str,
    token: SecretStr,
    decision: Literal["approve", "reject"] = "approve",
    why: str = "",
    digest: str | None = None,
    apply: bool = True,
) -> JsonObject:
    """Approve or reject the plan that a change shows. Returns the result document.

    The token is taken out of the run's parameters before anything else is done.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        change_id: The change.
        token: Token of an approver, from karma token create.
        decision: What is decided.
        why: Why; it stands in the log.
        digest: Digest of the plan that was seen; another plan is then not approved.
        apply: Start the change-run that applies it.

    """
    forget_own()
    opened = open_for_flow(project, environment, NOBODY, "flow")
    approver = _approver(opened, token.get_secret_value(), change_id)
    workspace = replace(
        opened, actor=replace(opened.actor, user=approver.user, proof="token", role=approver.role)
    )
    if decision == "reject":
        change = reject(workspace, change_id, why=why)
    else:
        change = approve(workspace, change_id, why=why, digest=digest)
        if apply and change.status is State.APPROVED:
            _start(workspace, project, change)
    show_page(project, environment, "changes", change.id)
    return result_of(workspace, change)


def _approver(workspace: Workspace, text: str, change_id: str) -> Token:
    """Return the approver's token; Refused `not-approver`, logged, if it is invalid or may not approve."""
    token = recognise(workspace, text)
    if token is not None and token.role.includes(Role.APPROVER):
        return token
    why = f"its role is {token.role}" if token else "it is unknown, expired or revoked"
    log_event(
        workspace,
        "access",
        "denied",
        user=token.user if token else NOBODY,
        inputs={"flow": "approve-change", "why": why},
        change_id=change_id,
    )
    raise Refused(
        f"change {change_id} is not decided with this token",
        why=why,
        next_step="use the token of an approver; `karma token create` makes one",
        code="not-approver",
    )


def _start(workspace: Workspace, project: str, change: Change) -> None:
    """Start the run that applies it, once, whoever else asks for it."""
    parameters = {
        "project": project,
        "environment": workspace.name,
        "change_id": change.id,
        "requested_by": workspace.actor.user,
    }
    key = f"{workspace.name}:change-run:{change.id}:{change.number}:{change.status}:{change.digest}"
    open_runs(read_settings(Path(project))).start(
        "change-run", vouch(workspace, "change-run", parameters), idempotency_key=key
    )
