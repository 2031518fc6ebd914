"""The policy of an environment as a document: `[policy]` in karma.toml, and its published form."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta

from karma_core import documents
from karma_core.documents import Document
from karma_core.errors import SettingsError
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.policy.freeze import Freeze


class Policy(Document, frozen=True, kw_only=True):
    """`[policy]`. Patterns (`*`, `?`) match addresses and users.

    `protected`: components that no change may touch, and no run destroy or replace, without an approval.
    `protected_fields`: what becomes of a change to a field that its type protects while deployed components
    depend on it. `largest_cone`: most components that may move without an approval. `approval_hours`: how
    long a plan waits for its approval, and an approval for its apply. `on_failure`: what becomes of the
    configs of a change whose deploy failed. `overriders`: who may set freezes and approvals aside.
    """

    require_approval: bool = False
    requesters: list[str] = []
    approvers: list[str] = []
    distinct_approver: bool = False
    protected: list[str] = []
    protected_fields: Literal["reject", "approve"] = "reject"
    largest_cone: Annotated[int, Meta(ge=1)] | None = None
    destroy_needs_approval: bool = True
    approval_hours: Annotated[float, Meta(gt=0, le=8760)] = 72
    on_failure: Literal["keep", "roll_back"] = "keep"
    overriders: list[str] = []
    freeze: list[Freeze] = []


def read_policy(body: JsonMapping) -> Policy:
    """The policy in a table of settings; SettingsError with the place of every fault."""
    try:
        return documents.read(Policy, _with_moments(body))
    except documents.Faults as error:
        raise SettingsError(
            "the policy cannot be used",
            why=error.summary(whole="policy", below="policy"),
            next_step="correct [policy]; docs/settings.md lists all",
        ) from error


def _with_moments(body: JsonMapping) -> JsonObject:
    """The table, moments of its freezes parsed: a day is its beginning, and seconds may be left out."""
    freezes = body.get("freeze")
    if not isinstance(freezes, list):
        return dict(body)
    return {
        **body,
        "freeze": [_moments(freeze) if isinstance(freeze, Mapping) else freeze for freeze in freezes],
    }


def _moments(freeze: JsonMapping) -> JsonObject:
    parsed = dict(freeze)
    for name in {"starts", "ends"} & parsed.keys():
        with suppress(TypeError, ValueError):  # what is no moment is refused by its type
            parsed[name] = datetime.fromisoformat(_iso(parsed[name]))
    return parsed


def _iso(moment: JsonValue) -> JsonValue:
    return moment.isoformat() if isinstance(moment, date) else moment
