"""The stored record of a change: its request, its verdict, its state."""

from __future__ import annotations

from typing import Final, Literal

from karma_core.changes.states import FINAL, IN_FLIGHT, OPEN, State
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Record, to_builtins

ChangeKind = Literal["config", "deploy", "destroy", "policy"]
"""`config` writes configs and deploys them, `deploy` and `destroy` are runs that need an approval; `policy`
alters what the gate reads."""
RUN_KINDS: Final = frozenset({"deploy", "destroy"})
"""Kinds of changes that write no config: they carry out one run."""


class Edit(Record, frozen=True, kw_only=True):
    """One config of a change. None stands for "no config", version 0 for "no parameter".

    `written` is the version that the change's write got (0: it was deleted); None before the write.
    """

    address: str
    before: JsonObject | None
    base_version: int
    after: JsonObject | None
    written: int | None = None

    @property
    def removes(self) -> bool:
        """Whether the edit removes the component's config."""
        return self.after is None


class Approval(Record, frozen=True, kw_only=True):
    """An approval: by whom, when, why, and of the plan with which digest; `proof` as in `Change`."""

    by: str
    at: str
    why: str
    digest: str
    proof: str = ""


class Promoted(Record, frozen=True, kw_only=True):
    """The origin of promoted configs, and whether these versions were deployed there with success.

    `version` is 0 where there are several configs.
    """

    environment: str
    version: int
    deployed: bool


class Change(Record, frozen=True, kw_only=True):
    """One change with its whole life.

    A change of kind `deploy` or `destroy` is a run that needs an approval: it has no edits, `selection` has
    the fields of its order's `Selection`, `resumes` names the run that it takes up, if any, and its cone is
    what its plan moves.
    `allow_blocked` says that it may leave a consumer blocked that works today.
    `number` is the order of acceptance. `asked_by` is who really sent the request; `requested_by` may be said
    in it. `proof` says what proved who sent it, empty where nothing did.
    `why` is the reason of the present status, `reason` the requester's. `cone` is what the change may
    move, `reads` what its configs depend on directly. `needs` says why an approval is needed; `versions` are
    the config versions that the plan starts from, `digest` is that of the plan that was shown, `token` of all
    it was made from.
    `proceed` says that the requester wants it applied as soon as it may be. `wrote` is the place of its
    writes in the order of all. A rollback names the change that it was asked to take back (`rollback_of`) and
    all whose configs it takes back (`undoes`). `take_back` says that it has failed and that its rollback is
    still to be requested. `promoted_from` says which environment its config comes from. `last_event` is the
    id of its newest event in the log.
    """

    id: str
    environment: str
    number: int
    status: State
    request: JsonObject
    requested_by: str
    asked_by: str = ""
    proof: str = ""
    source: str
    reason: str
    created_at: str
    updated_at: str
    kind: ChangeKind = "config"
    selection: JsonObject | None = None
    resumes: str = ""
    allow_blocked: bool = False
    why: str = ""
    edits: tuple[Edit, ...] = ()
    cone: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    versions: dict[str, int] = {}
    findings: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    waits_for: tuple[str, ...] = ()
    plan_id: str | None = None
    digest: str = ""
    token: str = ""
    approval: Approval | None = None
    proceed: bool = False
    rollback_of: str | None = None
    undoes: tuple[str, ...] = ()
    promoted_from: Promoted | None = None
    wrote: int = 0
    take_back: bool = False
    runs: tuple[str, ...] = ()
    last_event: str | None = None

    @property
    def final(self) -> bool:
        """Whether the change is in a state that it never leaves by itself."""
        return self.status in FINAL

    @property
    def is_open(self) -> bool:
        """Whether work remains on the change: its state is not final, or its rollback is to be requested."""
        return self.status in OPEN or self.take_back

    @property
    def addresses(self) -> tuple[str, ...]:
        """The components that the change edits, sorted; of a deploy or destroy, those that it may change."""
        if self.kind != "config":
            return self.cone
        parts = self.request.get("changes") or [self.request]
        return tuple(sorted(part["component"] for part in parts))

    @property
    def runs_only(self) -> bool:
        """Whether the change writes no config, and only carries out a deploy or destroy."""
        return self.kind in RUN_KINDS

    @property
    def holds(self) -> bool:
        """Whether the change blocks other changes of its part of the graph."""
        return self.status in IN_FLIGHT or self.take_back

    @property
    def stands(self) -> tuple[Edit, ...]:
        """The edits actually written; fewer than all if an external write intervened."""
        return tuple(edit for edit in self.edits if edit.written is not None)

    @property
    def written(self) -> bool:
        """Whether the change's configs are in the parameter store."""
        return bool(self.edits) and all(edit.written is not None for edit in self.edits)

    @property
    def targets(self) -> tuple[str, ...]:
        """Addresses that the change deploys."""
        return tuple(edit.address for edit in self.edits if not edit.removes)

    @property
    def removed(self) -> tuple[str, ...]:
        """Addresses that the change removes."""
        return tuple(edit.address for edit in self.edits if edit.removes)


def overlap(one: Change, other: Change) -> bool:
    """Whether one of two changes could read or alter what the other one changes.

    Cones alone are not enough: one change may remove what another, whose cone is disjoint, begins to use.
    """
    mine, theirs = set(one.cone), set(other.cone)
    return bool(mine & theirs or mine & set(other.reads) or theirs & set(one.reads))


def result(change: Change, plan: JsonObject | None) -> JsonObject:
    """Return the result document, with exactly the fields that docs/changes.md names."""
    return {
        "change_id": change.id or None,
        "status": str(change.status),
        "affected_components": list(change.cone),
        "warnings": list(change.warnings),
        "findings": to_builtins(change.findings),
        "plan": plan,
        "log_entry_id": change.last_event,
    }
