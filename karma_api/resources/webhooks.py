"""Webhooks: a signed delivery starts runs, once, and is answered before they begin.

The signature is HMAC-SHA256, compared in constant time: over the raw body where GitHub signs, and over
environment, delivery id, time and raw body where others do, with a secret for each environment. A delivery's
id is remembered in the state store; the same one again gives the runs that it started. An interrupted
delivery may be sent again: the id is also the runs' idempotency key.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Final, Literal

from msgspec import Meta

from karma_api.access import Caller
from karma_api.exchange import Incoming, Reply
from karma_api.names import Address, Reason
from karma_api.problems import Unauthenticated
from karma_api.route import Answered, Route
from karma_api.service import Service
from karma_core import documents, strictjson, webhooks
from karma_core.changes.request import MAX_COMPONENTS, ChangeRequest, Patch
from karma_core.documents import Document
from karma_core.errors import BadInput, Conflict, NotFound
from karma_core.events import log_event
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import to_builtins
from karma_core.roles import Role
from karma_core.webhooks import Push

KIND: Final = "delivery"
SOURCE: Final = "webhook"
GENERIC: Final = "generic"
"""Begins the names that generic orders give, as in `webhook:generic/ci`: they are no logins of GitHub's."""


class Taken(Answered, kw_only=True):
    """The outcome of a delivery: runs were started, it was known already, or it asks for nothing."""

    status: Literal["started", "known", "ignored"]
    runs: list[JsonObject]


class GenericHook(Document, frozen=True, kw_only=True):
    """An order from elsewhere: to rebuild the graph, or to request a change and apply it as it may be."""

    flow: Literal["graph-rebuild", "change-run"]
    user: Annotated[str, Meta(min_length=1, max_length=100)] = "unknown"
    reason: Reason = ""
    component: Address | None = None
    proposed_change: Patch | None = None
    changes: Annotated[list[JsonObject], Meta(max_length=MAX_COMPONENTS)] | None = None
    base_version: Annotated[int, Meta(ge=0)] | None = None


def github(service: Service, _caller: Caller, incoming: Incoming) -> Reply:
    """A listed repository's push to a listed branch: a run for each environment whose configs it touches.

    A pull request is checked in every environment: its payload does not say what it touches.
    """
    delivery = _github_delivery(service, incoming)
    event = incoming.headers.get("x-github-event")
    if event == "pull_request":
        return _pull_request(service, incoming, delivery)
    if event != "push":
        return _ignored("only the events push and pull_request are taken")
    push = webhooks.read_github_push(_json(incoming))
    if push is None or not webhooks.is_listed(push, service.hooks.repositories, service.hooks.branches):
        return _ignored("it is no push to a listed branch of a listed repository")
    peers = service.peers
    names = peers.names if peers is not None else (service.name,)
    touched = webhooks.touched(push, service.hooks.config_dir, names)
    runs, known = [], True
    for name, addresses in touched.items():
        served = peers.of(name) if peers is not None else service
        run, repeated = _once(served, delivery, "push-run", _push_parameters(push, addresses), push.pusher)
        known = known and repeated
        runs.append(run)
    if not runs:
        return _ignored("it touches no config of an environment that is served here")
    return _taken(runs, known=known)


def _pull_request(service: Service, incoming: Incoming, delivery: str) -> Reply:
    pull = webhooks.read_github_pull_request(_json(incoming))
    if pull is None or pull.repository not in service.hooks.repositories:
        return _ignored("it is no new content of a pull request to a listed repository")
    peers = service.peers
    parameters = {"repository": pull.repository, "number": pull.number}
    runs, known = [], True
    for name in peers.names if peers is not None else (service.name,):
        served = peers.of(name) if peers is not None else service
        run, repeated = _once(served, delivery, "pull-request-check", parameters, pull.sender)
        known = known and repeated
        runs.append(run)
    return _taken(runs, known=known)


def _push_parameters(push: Push, addresses: tuple[str, ...]) -> JsonObject:
    return {
        "addresses": list(addresses),
        "commit": push.commit,
        "author": push.author,
        "message": push.message,
    }


def generic(service: Service, _caller: Caller, incoming: Incoming) -> Reply:
    """An order from a system that can sign."""
    delivery = _generic_delivery(service, incoming)
    try:
        order = documents.read(GenericHook, _json(incoming))
        parameters = _order_parameters(order, delivery)
    except documents.Faults as error:
        raise BadInput(
            "the webhook's body is not an order",
            why=error.summary(whole="order"),
            next_step="docs/api.md shows the document",
            code="webhook-payload",
        ) from error
    user = f"{GENERIC}/{webhooks.cleaned_name(order.user)}"
    run, known = _once(service, delivery, order.flow, parameters, user)
    return _taken([run], known=known)


def _order_parameters(order: GenericHook, delivery: str) -> JsonObject:
    """Return the parameters of the order's flow; Faults for a change that nobody can request."""
    if order.flow != "change-run":
        return {}
    said = to_builtins(order).items()
    request = {name: value for name, value in said if value is not None and name not in {"flow", "user"}}
    request |= {"idempotency_key": f"delivery:{delivery}"}
    documents.read(ChangeRequest, request)
    return {**request, "apply_when_approved": True}


def _github_delivery(service: Service, incoming: Incoming) -> str:
    """The id of a delivery that GitHub signed: over the raw body alone."""
    secret, header = service.hooks.github_secret, "x-hub-signature-256"
    _require_secret(secret, "github_secret in [webhooks]")
    if not webhooks.is_signed(secret, incoming.body, incoming.headers.get(header, "")):
        raise _unsigned(
            service, incoming, "github", f"{header} is missing or wrong", "sign the raw body (HMAC-SHA256)"
        )
    return _delivery_id(incoming, "x-github-delivery")


def _generic_delivery(service: Service, incoming: Incoming) -> str:
    """The id of a delivery that is signed for this environment, by its own secret, and not long ago."""
    secret, headers = service.hooks.generic_secret, incoming.headers
    _require_secret(secret, f"webhook_secret in [environments.{service.name}]")
    delivery, timestamp = headers.get("x-karma-delivery", ""), headers.get("x-karma-timestamp", "")
    signature = headers.get("x-karma-signature-256", "")
    if not webhooks.is_signed_order(secret, service.name, delivery, timestamp, incoming.body, signature):
        why = "x-karma-signature-256 is missing or wrong"
        if signature.startswith(webhooks.SIGNATURE_PREFIX):
            why = "x-karma-signature-256 has the old form, of the body alone"
        raise _unsigned(service, incoming, "generic", why, _HOW_TO_SIGN)
    if not webhooks.is_timely(timestamp, service.workspace.clock().timestamp()):
        minutes = webhooks.WINDOW_SECONDS // 60
        why = f"x-karma-timestamp is more than {minutes} minutes from this server's time"
        raise _unsigned(service, incoming, "generic", why, "sign it anew with the time of now")
    return _delivery_id(incoming, "x-karma-delivery")


_HOW_TO_SIGN: Final = (
    "sign ENVIRONMENT, x-karma-delivery and x-karma-timestamp, a line each, then the raw body, "
    "with the environment's webhook_secret (HMAC-SHA256), and send v1=HEX"
)


def _require_secret(secret: str, setting: str) -> None:
    """NotFound where the endpoint is off."""
    if not secret:
        raise NotFound("this webhook is off", next_step=f"set {setting}", code="webhook-off")


def _unsigned(service: Service, incoming: Incoming, kind: str, why: str, next_step: str) -> Unauthenticated:
    """Log that a delivery is turned away, and return the error to raise."""
    denied = service.access.turn_away(incoming, f"webhook-{kind}", why)
    return Unauthenticated(
        "the delivery is not signed as it should be",
        why=denied.why,
        next_step=next_step,
        code="webhook-signature",
    )


def _delivery_id(incoming: Incoming, header: str) -> str:
    delivery = incoming.headers.get(header, "")
    if not webhooks.DELIVERY.match(delivery):
        raise BadInput(
            "the delivery has no id",
            why=f"{header} is missing or odd",
            next_step="send an id of its own with each delivery",
            code="webhook-payload",
        )
    return delivery


def _json(incoming: Incoming) -> JsonValue:
    return strictjson.parse(incoming.body, where="the webhook's body")


def _once(
    service: Service, delivery: str, flow: str, parameters: JsonObject, user: str
) -> tuple[JsonObject, bool]:
    """(the run of a delivery, whether it had been started before)."""
    state = service.workspace.state
    name = strictjson.digest([flow, delivery])
    with suppress(Conflict):
        state.put_document(KIND, name, {"at": service.workspace.now()}, revision=0)
    document = state.document(KIND, name)
    body = document.body if document is not None else {}
    if "flow_run_id" in body:
        return _run(service, flow, str(body["flow_run_id"])), True
    caller = Caller(user=f"{SOURCE}:{user}", role=Role.OPERATOR, source=SOURCE, proof=SOURCE)
    _log(service, caller, delivery, flow, parameters)
    flow_run_id = service.start(caller, flow, parameters, key=delivery)
    state.put_document(KIND, name, {**body, "flow_run_id": flow_run_id})
    return _run(service, flow, flow_run_id), False


def _run(service: Service, flow: str, flow_run_id: str) -> JsonObject:
    return {"environment": service.name, "flow": flow, "flow_run_id": flow_run_id}


def _log(service: Service, caller: Caller, delivery: str, flow: str, parameters: JsonObject) -> None:
    workspace = service.acting(caller)
    inputs = {"delivery_id": delivery, "flow": flow, "parameters": parameters}
    log_event(workspace, "webhook", "accepted", source=SOURCE, inputs=inputs)


def _ignored(why: str) -> Reply:
    return Reply(document={"status": "ignored", "why": why, "runs": []})


def _taken(runs: list[JsonObject], *, known: bool) -> Reply:
    status = "known" if known else "started"
    return Reply(document={"status": status, "runs": runs}, status=200 if known else 202)


ROUTES = tuple(
    Route(
        name=f"webhook-{name}",
        method="POST",
        path=f"/webhooks/{name}",
        role=None,
        handler=handler,
        summary=summary,
        tag="webhooks",
        answered=Taken,
        status=202,
        statuses=(200, 401, 404, 413, 422, 429, 503),
        own_body=True,
    )
    for name, handler, summary in (
        ("generic", generic, "A signed order"),
        ("github", github, "GitHub's deliveries"),
    )
)
