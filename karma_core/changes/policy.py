"""Policy: what `[policy]` in karma.toml and the types' `component.yaml` forbid, or want approved.

A rule either rejects (a finding of severity error) or asks for an approval (a sentence saying why).
`--auto-approve` answers neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Meta

from karma_core import documents
from karma_core.changes.record import Edit
from karma_core.component_types import TypeDefinition
from karma_core.documents import WHOLE, Document
from karma_core.errors import SettingsError
from karma_core.json_difference import differences
from karma_core.model import Finding, Record, Severity
from karma_core.plan.document import Action, Plan

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Clock = Annotated[str, Meta(pattern=rf"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00){WHOLE}")]


class Freeze(Document, frozen=True, kw_only=True):
    """A time without changes, in its own time zone: from one moment to another, or every week.

    `starts` and `ends` are local times without an offset; `days` with `from_time` and `until_time` (24:00 is
    the day's end) repeat weekly.
    """

    reason: str
    timezone: str = "UTC"
    starts: datetime | None = None
    ends: datetime | None = None
    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]] = []
    from_time: Clock = "00:00"
    until_time: Clock = "24:00"

    def __post_init__(self) -> None:
        if (self.starts is None) != (self.ends is None) or (self.starts is None) == (not self.days):
            raise ValueError("give `starts` and `ends`, or `days`")
        if any(moment is not None and moment.tzinfo for moment in (self.starts, self.ends)):
            raise ValueError("`starts` and `ends` are local times: leave the offset out")
        try:
            ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"there is no time zone {self.timezone!r}") from error

    def holds(self, now: datetime) -> bool:
        """Whether it is frozen at a moment (aware)."""
        local = now.astimezone(ZoneInfo(self.timezone)).replace(tzinfo=None)
        if self.starts is not None and self.ends is not None:
            return self.starts <= local < self.ends
        return DAYS[local.weekday()] in self.days and (
            self.from_time <= local.strftime("%H:%M") < self.until_time
        )


class Policy(Document, frozen=True, kw_only=True):
    """`[policy]`. Patterns (`*`, `?`) match addresses and users.

    `protected`: components that no change may touch without an approval. `protected_fields`: what becomes of
    a change to a field that its type protects while deployed components depend on it. `largest_cone`: most
    components that may move without an approval. `approval_hours`: how long a plan waits for its approval,
    and an approval for its apply. `on_failure`: what becomes of the configs of a change whose deploy failed.
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


def read_policy(body: Mapping[str, Any]) -> Policy:
    """The policy in a table of settings; SettingsError with the place of every fault."""
    try:
        return documents.read(Policy, _with_moments(body))
    except documents.Faults as error:
        raise SettingsError(
            "the policy cannot be used",
            why=error.told(whole="policy", below="policy"),
            next_step="correct [policy]; docs/settings.md lists all",
        ) from error


def _with_moments(body: Mapping[str, Any]) -> dict[str, Any]:
    """The table, moments of its freezes parsed: a day is its beginning, and seconds may be left out."""
    freezes = body.get("freeze")
    if not isinstance(freezes, list):
        return dict(body)
    return {
        **body,
        "freeze": [_moments(freeze) if isinstance(freeze, Mapping) else freeze for freeze in freezes],
    }


def _moments(freeze: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(freeze)
    for name in {"starts", "ends"} & found.keys():
        with suppress(TypeError, ValueError):  # what is no moment is refused by its type
            found[name] = datetime.fromisoformat(_iso(found[name]))
    return found


def _iso(moment: Any) -> Any:
    return moment.isoformat() if isinstance(moment, date) else moment


class Facts(Record, frozen=True, kw_only=True):
    """What the rules on a request need to know.

    `requested_by` is who is said to want it, `asked_by` who sent it: both have to be allowed to.
    `users_of` maps an edited address to the deployed components that depend on it. `foreign_prefixes` are
    those of the project's other environments.
    """

    requested_by: str
    asked_by: str = ""
    edits: tuple[Edit, ...]
    cone: tuple[str, ...]
    users_of: dict[str, tuple[str, ...]]
    region: str
    foreign_prefixes: tuple[str, ...] = ()


def rejections(
    policy: Policy, facts: Facts, definitions: Mapping[str, TypeDefinition], now: datetime
) -> tuple[Finding, ...]:
    """What forbids the change."""
    first = facts.edits[0].address if facts.edits else ""
    found = []
    askers = dict.fromkeys((facts.requested_by, facts.asked_by or facts.requested_by))
    found += [
        _no("policy-requester", first, f"{user} may not request changes here")
        for user in askers
        if policy.requesters and not _matches(user, policy.requesters)
    ]
    found += [
        _no("policy-freeze", first, f"no changes now: {freeze.reason} ({freeze.timezone})")
        for freeze in policy.freeze
        if freeze.holds(now)
    ]
    if policy.protected_fields == "reject":
        found += [
            _no("protected-field", edit.address, f"{pointer[1:]} is protected while {users} use it", pointer)
            for edit, pointer in protected_fields(facts.edits, definitions)
            if (users := ", ".join(facts.users_of.get(edit.address, ())))
        ]
    found += [finding for edit in facts.edits for finding in _cross_environment(edit, facts)]
    return tuple(found)


def approvals(policy: Policy, facts: Facts, definitions: Mapping[str, TypeDefinition]) -> list[str]:
    """Why the request itself needs an approval."""
    found = ["every change needs one"] if policy.require_approval else []
    found += [f"{e.address} is protected" for e in facts.edits if _matches(e.address, policy.protected)]
    found += [
        f"{edit.address}: {pointer[1:]} is a protected field"
        for edit, pointer in protected_fields(facts.edits, definitions)
    ]
    if policy.largest_cone is not None and len(facts.cone) > policy.largest_cone:
        found.append(f"its cone has {len(facts.cone)} components, more than {policy.largest_cone}")
    return found


def approvals_of_plan(policy: Policy, plan: Plan, definitions: Mapping[str, TypeDefinition]) -> list[str]:
    """Why the plan needs an approval: what it destroys, and what nobody can see yet."""
    found = []
    for component in plan.components:
        protected = _definition(definitions, component.address).protected
        if component.action == Action.DEFERRED:
            found.append(f"{component.address} is deferred: what it will do cannot be planned yet")
        elif component.destroy and (policy.destroy_needs_approval or protected):
            found.append(f"{component.address}: {component.action} destroys {component.destroy} resource(s)")
    return found


def is_protected(policy: Policy, address: str) -> bool:
    """Whether a pattern of `protected` names the component."""
    return _matches(address, policy.protected)


def may_approve(policy: Policy, user: str, *requesters: str) -> str:
    """Why the user may not approve what the requesters asked for; empty where they may."""
    if policy.approvers and not _matches(user, policy.approvers):
        return f"{user} is none of the approvers"
    if policy.distinct_approver and user in requesters:
        return f"{user} requested it, and another must approve"
    return ""


def protected_fields(
    edits: Sequence[Edit], definitions: Mapping[str, TypeDefinition]
) -> Iterator[tuple[Edit, str]]:
    """(edit, pointer) of every protected top-level field whose value changes; creations have none."""
    for edit in edits:
        if edit.before is None or edit.after is None:
            continue
        fields = set(_definition(definitions, edit.address).protected_fields)
        moved = {d.pointer.split("/")[1] for d in differences(edit.before, edit.after) if d.pointer}
        yield from ((edit, f"/{field}") for field in sorted(fields & moved))


def _cross_environment(edit: Edit, facts: Facts) -> Iterator[Finding]:
    """References to parameters that live in another environment or region, where no producer is seen."""
    for pointer, text in _strings("", edit.after):
        foreign = [p for p in facts.foreign_prefixes if _names_below(p, text)]
        if foreign:
            said = f"it names a parameter below {foreign[0]}, which is another environment's"
            yield _no("cross-environment", edit.address, said, pointer)
        elif text.startswith("arn:aws:ssm:") and text.split(":")[3] != facts.region:
            said = f"it names a parameter in {text.split(':')[3]}; this environment is in {facts.region}"
            yield _no("cross-environment", edit.address, said, pointer)


def _names_below(prefix: str, text: str) -> bool:
    """Whether a text names a parameter below a prefix: by its name, within another text, or by its ARN."""
    return re.search(rf"(?:^|:parameter|[^A-Za-z0-9._-]){re.escape(prefix)}/", text) is not None


def _strings(pointer: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from _strings(f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", value[key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(f"{pointer}/{index}", item)


def _definition(definitions: Mapping[str, TypeDefinition], address: str) -> TypeDefinition:
    return definitions.get(address.partition("/")[0]) or TypeDefinition()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _no(code: str, component: str, message: str, pointer: str = "") -> Finding:
    return Finding(
        code=code, severity=Severity.ERROR, component=component, pointer=pointer, message=f"{message}."
    )
