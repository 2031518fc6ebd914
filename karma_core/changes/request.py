"""The request document, the same at every entry point, and the configs that it asks for.

A component is changed in one of four ways: `proposed_change`, an object (JSON Merge Patch, RFC 7396) or a
list (JSON Patch, RFC 6902); `replace`, the whole config; `create`, the config of a component that does not
exist; `remove`. One component stands at the top of the document, several in `changes`: all or none.
"""

from __future__ import annotations

from typing import Annotated, Final

import jsonpatch
from msgspec import Meta

from karma_core import documents, ids
from karma_core.documents import Document
from karma_core.errors import BadInput, KarmaError
from karma_core.json_types import JsonObject, JsonValue

MAX_COMPONENTS: Final = 200
"""Most components of one set. Ours: a set is written one parameter at a time, under one lease."""
MAX_TEXT: Final = 2000
"""Longest reason, in characters. Ours: it stands in every event of the change."""
OPERATIONS: Final = ("proposed_change", "replace", "create", "remove")

Patch = JsonObject | list[JsonObject]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Version = Annotated[int, Meta(ge=0)]
Components = Annotated[list["ComponentChange"], Meta(min_length=1, max_length=MAX_COMPONENTS)]


class ComponentChange(Document, frozen=True, kw_only=True):
    """The requested change of one component: exactly one of the four operations."""

    component: str
    proposed_change: Patch | None = None
    replace: JsonObject | None = None
    create: JsonObject | None = None
    remove: bool = False
    base_version: Version | None = None

    def __post_init__(self) -> None:
        _one_operation(self)
        try:
            ids.Address.parse(self.component)
        except KarmaError as error:
            raise ValueError(f"{error.what}: {error.why}") from error


class ChangeRequest(Document, frozen=True, kw_only=True):
    """A request as it was sent. `components` has the same form for both kinds of request."""

    component: str | None = None
    proposed_change: Patch | None = None
    replace: JsonObject | None = None
    create: JsonObject | None = None
    remove: bool = False
    base_version: Version | None = None
    changes: Components | None = None
    requested_by: Annotated[str, Meta(max_length=200)] = ""
    reason: Text = ""
    dry_run: bool = False
    allow_blocked: bool = False
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=200)] | None = None

    def __post_init__(self) -> None:
        own = self.component is not None or self.base_version is not None or _operations_of(self)
        if self.changes is not None and own:
            raise ValueError("`changes` stands alone: put every component into it")
        if self.changes is None and self.component is None:
            raise ValueError("name a `component`, or several in `changes`")
        addresses = [change.component for change in self.components]
        twice = sorted({a for a in addresses if addresses.count(a) > 1})
        if twice:
            raise ValueError(f"{twice[0]} stands twice in one set")

    @property
    def components(self) -> tuple[ComponentChange, ...]:
        """The components that are to change, sorted by address."""
        if self.changes is not None:
            return tuple(sorted(self.changes, key=lambda change: change.component))
        return (
            ComponentChange(
                component=self.component or "",
                proposed_change=self.proposed_change,
                replace=self.replace,
                create=self.create,
                remove=self.remove,
                base_version=self.base_version,
            ),
        )


def _operations_of(change: ComponentChange | ChangeRequest) -> list[str]:
    return [operation for operation in OPERATIONS if getattr(change, operation) not in (None, False)]


def _one_operation(change: ComponentChange) -> None:
    operations = _operations_of(change)
    if len(operations) != 1:
        said = f"not {' and '.join(operations)}" if operations else "but none is there"
        raise ValueError(f"exactly one of {', '.join(OPERATIONS)} is needed, {said}")


def read_request(body: JsonValue) -> ChangeRequest:
    """The request in a JSON value; BadInput `invalid-request` with the place of every fault."""
    try:
        return documents.read(ChangeRequest, body)
    except documents.Faults as error:
        raise BadInput(
            "the request is not one that Karma can read",
            why=error.summary(whole="document"),
            next_step="correct it; docs/changes.md shows the document",
            code="invalid-request",
        ) from error


def wanted(change: ComponentChange, before: JsonObject | None) -> JsonObject | None:
    """The config that the change asks for, from the one that is there (None: none); None to remove it.

    BadInput `already-exists`, `missing-component` or `patch-failed` where that has no meaning.
    """
    if change.create is not None:
        if before is not None:
            raise _refuse(change, "already-exists", "it has a config already", "patch or replace it")
        return change.create
    if before is None:
        raise _refuse(change, "missing-component", "it has no config here", "create it, or correct the name")
    if change.remove:
        return None
    if change.replace is not None:
        return change.replace
    if isinstance(change.proposed_change, list):
        return _json_patch(change, change.proposed_change, before)
    merged: JsonObject = merge_patch(before, change.proposed_change)
    return merged


def merge_patch(target: JsonValue, patch: JsonValue) -> JsonValue:
    """The target with a merge patch applied (RFC 7396, section 2); neither is altered."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def _json_patch(change: ComponentChange, patch: list[JsonObject], before: JsonObject) -> JsonObject:
    try:
        after = jsonpatch.apply_patch(before, patch)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException, TypeError, KeyError) as error:
        why = f"{type(error).__name__}: {str(error)[:200]}"
        raise _refuse(change, "patch-failed", why, "correct the patch") from error
    if not isinstance(after, dict):
        raise _refuse(change, "patch-failed", "its result is no JSON object", "patch inside the object")
    return after


def _refuse(change: ComponentChange, code: str, why: str, next_step: str) -> BadInput:
    return BadInput(
        f"{change.component} cannot be changed so",
        why=why,
        next_step=next_step,
        code=code,
        component=change.component,
    )
