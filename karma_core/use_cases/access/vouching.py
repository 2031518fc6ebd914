"""Vouched orders of flow runs: whose order it is stands in the state store, not in Prefect.

Whoever reaches Prefect's API writes any parameters, `requested_by` among them. So that one counts for
nothing, and a run that names somebody without an order is refused. The parameter `order` is the id of a
document that only Karma writes: whose order it is, what proved it, of which flow, with which parameters. The
first flow run that comes with it has it for good.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.decoding import convert
from karma_core.errors import Conflict, KarmaError
from karma_core.ids import shown
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.model import Record, to_builtins
from karma_core.needs import HasLog, HasState, RecordsAndLog
from karma_core.records import Document
from karma_core.roles import Role
from karma_core.use_cases.access.denial import NOBODY, denied
from karma_core.workspace import Actor

KIND: Final = "vouched-order"
ID_BYTES: Final = 32
UNBOUND: Final = frozenset({"order", "project", "requested_by", "source"})
"""Parameters that an order does not bind: the identity stands in its document, the folder is the worker's."""
LONGEST_ID: Final = 100
OWN_SOURCES: Final = frozenset({"flow", "schedule", "webhook"})
"""Sources that flows have by themselves, when they are started by a form or a schedule."""
LASTS: Final = timedelta(days=7)
"""How long a run may take to begin, or to be taken up again. Ours: over a long weekend."""


class Vouched(Record, frozen=True, kw_only=True):
    """A vouched order: who gave it and for what. `run` is the flow run that took it; empty: none yet.

    `proof` is empty where the entry point of Karma that wrote it (the command line, say) only knew a name.
    """

    id: str
    flow: str
    environment: str
    digest: str
    user: str
    proof: str
    role: Role | None
    source: str
    created_at: str
    run: str = ""


def vouch(workspace: HasState, flow: str, parameters: JsonMapping) -> JsonObject:
    """The parameters with the id of an order that says who acts, and what proves it, if anything does.

    Whatever `order` they held before is left out: it was another flow run's.
    """
    given = {name: value for name, value in parameters.items() if name != "order"}
    actor = workspace.actor
    made = Vouched(
        id=secrets.token_urlsafe(ID_BYTES),
        flow=flow,
        environment=workspace.name,
        digest=digest_of(given),
        user=actor.user,
        proof=actor.proof,
        role=actor.role,
        source=actor.source,
        created_at=workspace.now(),
    )
    workspace.state.put_document(KIND, made.id, to_builtins(made), revision=0)
    return {**given, "order": made.id}


def digest_of(parameters: JsonMapping) -> str:
    """Digest of the parameters that an order binds, the same whether a default is said or left out."""
    bound = {name: value for name, value in parameters.items() if name not in UNBOUND}
    return strictjson.digest({name: value for name, value in bound.items() if not _is_default(value)})


def _is_default(value: JsonValue) -> bool:
    return value is None or value is False or (isinstance(value, str | list | tuple) and not value)


def ordered_by(workspace: RecordsAndLog, order: str, flow: str, parameters: JsonMapping, run: str) -> Actor:
    """Return the actor whose order a flow run carries out, or the workspace's own if it has no order.

    Refused `order-not-vouched`, logged as denied, where the order is unknown here, of another flow or other
    parameters, older than `LASTS`, or already taken by another flow run.
    """
    if not order:
        return workspace.actor
    document = workspace.state.document(KIND, order) if len(order) <= LONGEST_ID else None
    if document is None:
        raise _refused(workspace, flow, "there is no such order in this environment")
    voucher = convert(document.body, Vouched)
    if (voucher.environment, voucher.flow) != (workspace.name, flow):
        raise _refused(workspace, flow, f"it is for {voucher.flow} in {voucher.environment}")
    if voucher.digest != digest_of(parameters):
        raise _refused(workspace, flow, "it is for other parameters")
    if workspace.clock() - datetime.fromisoformat(voucher.created_at) > LASTS:
        raise _refused(workspace, flow, f"it is older than {LASTS.days} days")
    _take(workspace, document, voucher, run)
    actor = workspace.actor
    return Actor(
        user=voucher.user,
        source=voucher.source,
        flow_run=actor.flow_run,
        change_id=actor.change_id,
        cause=actor.cause,
        proof=voucher.proof,
        role=voucher.role,
    )


def require_order(workspace: HasLog, flow: str, parameters: JsonMapping) -> None:
    """Refused `identity-unproven`, logged as denied, for a flow run that names somebody without an order.

    That is: its parameters say who asks for it, or through which entry point of Karma.
    """
    name, source = parameters.get("requested_by"), parameters.get("source")
    if parameters.get("order") or (not name and source in {None, "", *OWN_SOURCES}):
        return
    said = f"{shown(name or 'nobody')} by {shown(source or 'nothing')}"
    raise denied(
        workspace,
        code="identity-unproven",
        what=f"nothing proves who asks for this {flow}",
        why=f"its parameters say {said}, and no order of Karma does",
        next_step="order it through Karma (CLI, API, webhook), or leave requested_by and source out",
        user=NOBODY,
        flow=flow,
        requested_by=str(name or ""),
    )


def _take(workspace: RecordsAndLog, document: Document, voucher: Vouched, run: str) -> None:
    """Bind the order to the flow run, or check that it is bound to it already: a retry has the same id."""
    if voucher.run:
        if voucher.run != run:
            raise _refused(workspace, voucher.flow, "another flow run has taken it")
        return
    body = to_builtins(replace(voucher, run=run))
    try:
        workspace.state.put_document(KIND, voucher.id, body, revision=document.revision)
    except Conflict as error:
        raise _refused(workspace, voucher.flow, "another flow run has taken it") from error


def _refused(workspace: HasLog, flow: str, why: str) -> KarmaError:
    said = workspace.actor.user
    return denied(
        workspace,
        code="order-not-vouched",
        what=f"the order of this {flow} run does not count",
        why=why,
        next_step="order it anew through Karma (CLI, API, webhook), or leave `order` out",
        user=NOBODY,
        flow=flow,
        requested_by=said,
    )
