"""Pages of changes: propose, preview, decide, follow, roll back."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from karma_core import ids
from karma_core.errors import KarmaError, NotFound
from karma_core.json_types import JsonObject, JsonValue
from karma_ui import forms
from karma_ui.pages.component import part
from karma_ui.visit import Visit

ACTS: Final[dict[str, str]] = {
    "approve": "approver",
    "reject": "approver",
    "cancel": "operator",
    "retry": "operator",
    "apply": "operator",
    "rollback": "operator",
}
"""Acts on a change, and the role that is shown their buttons."""
_CANCELLABLE: Final = ("proposed", "queued", "planning", "awaiting_approval", "approved")
POSSIBLE: Final[dict[str, tuple[str, ...]]] = {
    "approve": ("awaiting_approval",),
    "reject": ("proposed", "queued", "planning", "awaiting_approval"),
    "cancel": _CANCELLABLE,
    "retry": ("failed", "stopped"),
    "apply": ("approved",),
    "rollback": ("applied", "failed", "stopped"),
}
"""In which states a button is shown; what may follow what is decided by the API."""
ROAD: Final = ("proposed", "queued", "planning", "awaiting_approval", "approved", "applying", "applied")
PAGE: Final = 50


async def index(visit: Visit) -> Response:
    """Changes, newest first, those that wait with their places."""
    after, status = visit.query.get("after", ""), visit.query.get("status", "")
    page = await visit.api.get("/changes", limit=PAGE, after=after, status=status)
    return visit.page("changes.html", changes=page["items"], next=page["next"], status_filter=status)


async def show(visit: Visit) -> Response:
    """One change: where it stands, what it does, and what may be done with it."""
    change = await visit.api.get(f"/changes/{visit.path('change_id')}")
    return await _page(visit, change)


async def act(visit: Visit) -> Response:
    """Do one of the acts, and show what became of the change. For a rollback, the new change."""
    name, change_id = visit.path("act"), visit.path("change_id")
    if name not in ACTS:
        raise NotFound("there is no such act", next_step="use the page's buttons")
    body: JsonObject = {}
    if name not in {"apply", "retry"}:
        body["reason"] = visit.form.get("reason", "")
    if name == "approve" and visit.form.get("digest"):
        body["digest"] = visit.form["digest"]
    if name == "rollback" and visit.form.get("include_later") == "true":
        body["include_later"] = True
    path = f"/changes/{change_id}/{name}"
    result = await (visit.api.post(path, body) if body else visit.api.post(path))
    return visit.go(f"/changes/{result['change_id'] or change_id}")


async def propose(visit: Visit) -> Response:
    """The form of a change to one component."""
    address = visit.query.get("component", "")
    ids.Address.parse(address)
    return await _proposal(visit, address, visit.query.get("as", "form"))


async def check(visit: Visit) -> Response:
    """Show the form's faults while it is being filled in; nothing is requested."""
    address = visit.form.get("component", "")
    schema, config = await _intent(visit, address)
    try:
        patch = _patch(visit, schema, config)
    except KarmaError as error:
        return visit.page("change_check.html", faults=[forms.said(error)], patch=None)
    after = forms.merged(config, patch) if isinstance(patch, dict) else None
    faults = forms.faults(schema, after) if after is not None else []
    return visit.page("change_check.html", faults=faults, patch=patch)


async def preview(visit: Visit) -> Response:
    """Show the verdict and the plan of the form, before anything is requested."""
    address = visit.form.get("component", "")
    try:
        result = await visit.api.post("/request-change", await _request(visit, dry_run=True))
    except KarmaError as error:
        return await _proposal(visit, address, visit.form.get("as", "form"), error=error)
    return await _proposal(visit, address, visit.form.get("as", "form"), result=result)


async def submit(visit: Visit) -> Response:
    """Request the change."""
    address = visit.form.get("component", "")
    try:
        result = await visit.api.post("/request-change", await _request(visit, dry_run=False))
    except KarmaError as error:
        return await _proposal(visit, address, visit.form.get("as", "form"), error=error)
    return visit.go(f"/changes/{result['change_id']}")


async def _request(visit: Visit, *, dry_run: bool) -> JsonObject:
    address = visit.form.get("component", "")
    schema, config = await _intent(visit, address)
    body: JsonObject = {
        "component": address,
        "proposed_change": _patch(visit, schema, config),
        "reason": visit.form.get("reason", ""),
        "dry_run": dry_run,
    }
    if visit.form.get("base_version", "").isdigit():
        body["base_version"] = int(visit.form["base_version"][:18])
    return body


def _patch(visit: Visit, schema: JsonValue, config: JsonObject) -> JsonValue:
    if visit.form.get("as") == "json":
        return forms.patch_from_json(visit.form.get("patch", ""))
    return forms.patch_of(visit.form, schema, config)


async def _intent(visit: Visit, address: str) -> tuple[JsonValue, JsonObject]:
    """(the schema of the component's type, its config of now)."""
    kind, nickname, _ = ids.Address.parse(address)
    definition = await part(visit, f"/types/{kind}")
    config = await part(visit, f"/config/{kind}/{nickname}")
    value = config["config"] if config else None
    return (definition or {}).get("schema"), value if isinstance(value, dict) else {}


async def _proposal(
    visit: Visit,
    address: str,
    way: str,
    *,
    result: JsonObject | None = None,
    error: KarmaError | None = None,
) -> Response:
    kind, nickname, _ = ids.Address.parse(address)
    schema, config = await _intent(visit, address)
    stored = await part(visit, f"/config/{kind}/{nickname}")
    fields = [
        {"field": field, "value": visit.form.get(forms.PREFIX + field.name, field.value)}
        if field.control != "checkbox" or not visit.form
        else {"field": field, "value": visit.form.get(forms.PREFIX + field.name, "false")}
        for field in forms.fields_of(schema, config)
    ]
    return visit.page(
        "propose.html",
        status=200 if error is None else getattr(error, "status", 422),
        address=address,
        way="json" if way == "json" else "form",
        fields=fields,
        config=config,
        version=stored["version"] if stored else 0,
        patch=visit.form.get("patch", "{\n  \n}"),
        reason=visit.form.get("reason", ""),
        result=result,
        error=error,
    )


async def _page(visit: Visit, change: JsonObject) -> Response:
    plan = await part(visit, f"/plans/{change['plan_id']}") if change["plan_id"] else None
    acts = [name for name, role in ACTS.items() if visit.may(role) and change["status"] in POSSIBLE[name]]
    if change["kind"] != "config":  # it writes nothing that could be taken back
        acts = [name for name in acts if name != "rollback"]
    return visit.page("change.html", change=change, plan=plan, acts=acts, road=_road(change))


def _road(change: JsonObject) -> list[str]:
    """Return the states on the change's path, without those that it skipped."""
    asked = change["approval"] is not None or bool(change["needs"])
    passed = {"queued": bool(change["position"]), "awaiting_approval": asked}
    return [state for state in ROAD if passed.get(state, True) or state == change["status"]]
