"""Evaluates the rules in force: what they forbid or require an approval for, who may approve and override.

A rule either forbids (a finding of severity error) or asks for an approval (a sentence that says why).
Several policies may be in force, the published one and the checkout's: each of them has to be satisfied.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from karma_core.changes.record import Edit
from karma_core.component_types import TypeDefinition
from karma_core.graph.secret_reads import CODE as SECRET_READ
from karma_core.ids import type_of
from karma_core.json_difference import differences
from karma_core.json_types import JsonValue
from karma_core.model import Finding, Record, Severity
from karma_core.plan.document import CHANGING, Action, Plan
from karma_core.policy.document import Policy
from karma_core.policy.freeze import Freeze
from karma_core.policy.identities import Identities
from karma_core.policy.published import Protection

DESTRUCTIVE = frozenset({Action.DESTROY, Action.REPLACE})


class Rules(Record, frozen=True, kw_only=True):
    """The rules in force. `types` protects types beyond what their definitions say.

    `shares`, where a policy is published, is which types take which types' secrets without an approval; a
    checkout cannot add to it.
    """

    policies: tuple[Policy, ...] = (Policy(),)
    identities: Identities = Identities()
    types: dict[str, Protection] = {}
    shares: dict[str, list[str]] | None = None

    @property
    def silent(self) -> bool:
        """Whether no policy has any rule; a type may still be protected by its definition."""
        ruled = self.types or self.shares is not None
        return all(policy == Policy() for policy in self.policies) and not ruled

    @property
    def guarded(self) -> bool:
        """Whether approvals are required, so that the answer to a prompt does not count as one."""
        return any(p.approvers or p.distinct_approver or p.protected for p in self.policies)

    @property
    def asks_requester(self) -> bool:
        """Whether a rule depends on who requests: then the requester has to be proven."""
        return any(p.requesters or p.distinct_approver for p in self.policies)

    @property
    def asks_approver(self) -> bool:
        """Whether a rule depends on who approves: then the approver has to be proven."""
        return any(p.approvers or p.distinct_approver for p in self.policies)

    @property
    def asks_distinct(self) -> bool:
        """Whether another than the requester has to approve."""
        return any(policy.distinct_approver for policy in self.policies)

    @property
    def approval_hours(self) -> float:
        """The shortest time of any policy for a plan to await approval, and for an approval to be applied."""
        return min(policy.approval_hours for policy in self.policies)

    @property
    def rolls_back(self) -> bool:
        """Whether the configs of a change whose deploy failed are rolled back."""
        return any(policy.on_failure == "roll_back" for policy in self.policies)

    def freezes(self, now: datetime) -> tuple[Freeze, ...]:
        """The freezes that hold at a moment, none twice."""
        holding = (f for policy in self.policies for f in policy.freeze if f.holds(now))
        return tuple({(f.reason, f.timezone): f for f in holding}.values())

    def definition(self, definitions: Mapping[str, TypeDefinition], address: str) -> TypeDefinition:
        """The definition of a component's type, protected by whatever protects it."""
        component_type = type_of(address)
        own = definitions.get(component_type) or TypeDefinition()
        more = self.types.get(component_type)
        if more is None:
            return own
        fields = sorted({*own.protected_fields, *more.protected_fields})
        return replace(own, protected=own.protected or more.protected, protected_fields=fields)

    def protects(self, address: str) -> bool:
        """Whether a pattern of `protected` names the component."""
        return any(self.identities.matches(address, policy.protected) for policy in self.policies)


class Facts(Record, frozen=True, kw_only=True):
    """The facts that the rules on a request use.

    `requested_by` is who is said to want it, `asked_by` who sent it: both have to be allowed to.
    `users_of` maps an edited address to the deployed components that depend on it. `foreign_prefixes` are
    those of the project's other environments. `takes_over` maps a renamed component to the address whose
    deployment it takes over: what protects the old one holds for it.
    """

    requested_by: str
    asked_by: str = ""
    edits: tuple[Edit, ...]
    cone: tuple[str, ...]
    users_of: dict[str, tuple[str, ...]]
    region: str
    foreign_prefixes: tuple[str, ...] = ()
    takes_over: dict[str, str] = {}


def rejections(
    rules: Rules, facts: Facts, definitions: Mapping[str, TypeDefinition], now: datetime
) -> tuple[Finding, ...]:
    """Return the findings that forbid the change, none twice."""
    forbidden = [
        *_requesters(rules, facts),
        *_freezes(rules, facts, now),
        *(_protected_by_rejection(rules, facts, definitions)),
        *(finding for edit in facts.edits for finding in _cross_environment(edit, facts)),
    ]
    return tuple(dict.fromkeys(forbidden))


def may_request(rules: Rules, user: str) -> bool:
    """Whether every policy that names requesters names this user."""
    named = [p.requesters for p in rules.policies if p.requesters]
    return all(rules.identities.matches(user, patterns) for patterns in named)


def _requesters(rules: Rules, facts: Facts) -> Iterator[Finding]:
    first = facts.edits[0].address if facts.edits else ""
    for user in dict.fromkeys((facts.requested_by, facts.asked_by or facts.requested_by)):
        if not may_request(rules, user):
            yield _no("policy-requester", first, f"{user} may not request changes here")


def _freezes(rules: Rules, facts: Facts, now: datetime) -> Iterator[Finding]:
    first = facts.edits[0].address if facts.edits else ""
    for freeze in rules.freezes(now):
        yield _no("policy-freeze", first, f"no changes now: {freeze.reason} ({freeze.timezone})")


def _protected_by_rejection(
    rules: Rules, facts: Facts, definitions: Mapping[str, TypeDefinition]
) -> Iterator[Finding]:
    """Edits of protected fields, where a policy rejects them and somebody depends on their component."""
    if all(policy.protected_fields != "reject" for policy in rules.policies):
        return
    for edit, pointer in protected_fields(rules, facts.edits, definitions):
        users = ", ".join(facts.users_of.get(edit.address, ()))
        if users:
            said = f"{pointer[1:]} is protected while {users} use it"
            yield _no("protected-field", edit.address, said, pointer)


def approvals(rules: Rules, facts: Facts, definitions: Mapping[str, TypeDefinition]) -> list[str]:
    """Why the request itself needs an approval, no reason twice."""
    needs = ["every change needs one"] if any(p.require_approval for p in rules.policies) else []
    needs += [f"{e.address} is protected" for e in facts.edits if rules.protects(e.address)]
    renamed = {e.address: facts.takes_over[e.address] for e in facts.edits if e.address in facts.takes_over}
    needs += [
        f"{a} takes over {old}, which is protected" for a, old in renamed.items() if rules.protects(old)
    ]
    needs += [
        f"{edit.address}: {pointer[1:]} is a protected field"
        for edit, pointer in protected_fields(rules, facts.edits, definitions)
    ]
    limits = [p.largest_cone for p in rules.policies if p.largest_cone is not None]
    if limits and len(facts.cone) > min(limits):
        needs.append(f"its cone has {len(facts.cone)} components, more than {min(limits)}")
    return list(dict.fromkeys(needs))


def _unpublished_shares(
    rules: Rules, running: Iterable[str], definitions: Mapping[str, TypeDefinition]
) -> Iterator[str]:
    """Why components need an approval whose types take secrets by the checkout's word alone."""
    if rules.shares is None:
        return
    readers = {type_of(address) for address in running}
    for producer, definition in sorted(definitions.items()):
        shared = readers.intersection(definition.share_secrets_with)
        for reader in sorted(shared.difference(rules.shares.get(producer, ()))):
            yield f"{reader} may take the secrets of {producer} by this checkout, not by the published policy"


def approvals_of_plan(rules: Rules, plan: Plan, definitions: Mapping[str, TypeDefinition]) -> list[str]:
    """Why the plan needs an approval: what it destroys or forgets, what nobody can see yet, secrets."""
    destroying = any(policy.destroy_needs_approval for policy in rules.policies)
    running = {one.address for one in plan.components if one.action in CHANGING}
    needs = [
        f"{f.component}: {f.message}"
        for f in plan.findings
        if f.code == SECRET_READ and f.component in running
    ]
    needs += _unpublished_shares(rules, running, definitions)
    for component in plan.components:
        address = component.address
        if component.action == Action.DEFERRED:
            needs.append(f"{address} is deferred: what it will do cannot be planned yet")
        elif (component.loses or component.action in DESTRUCTIVE) and (
            destroying or keeps(rules, definitions, address)
        ):
            needs.append(f"{address}: {component.action} {component.losses}")
    return needs


def keeps(rules: Rules, definitions: Mapping[str, TypeDefinition], address: str) -> bool:
    """Whether nothing of the component may be destroyed without an approval."""
    return rules.protects(address) or rules.definition(definitions, address).protected


def may_approve(rules: Rules, user: str, *requesters: str) -> str:
    """Why the user may not approve what the requesters asked for; empty where they may."""
    for policy in rules.policies:
        if policy.approvers and not rules.identities.matches(user, policy.approvers):
            return f"{user} is none of the approvers"
        if policy.distinct_approver and any(rules.identities.same(user, name) for name in requesters):
            return f"{user} requested it, and another must approve"
    return ""


def may_override(rules: Rules, user: str) -> str:
    """Why the user may not override the policy; empty where every policy that says something names them."""
    speaking = [policy for policy in rules.policies if policy != Policy()]
    if speaking and all(rules.identities.matches(user, policy.overriders) for policy in speaking):
        return ""
    return f"{user} is none of the overriders"


def protected_fields(
    rules: Rules, edits: Sequence[Edit], definitions: Mapping[str, TypeDefinition]
) -> Iterator[tuple[Edit, str]]:
    """(edit, pointer) of every protected top-level field whose value changes; creations have none."""
    for edit in edits:
        if edit.before is None or edit.after is None:
            continue
        fields = set(rules.definition(definitions, edit.address).protected_fields)
        moved = {d.pointer.split("/")[1] for d in differences(edit.before, edit.after) if d.pointer}
        yield from ((edit, f"/{field}") for field in sorted(fields & moved))


_REGION: Final = re.compile(r"arn:aws[a-z-]*:ssm:([a-z0-9-]+):")
"""The region in a parameter's ARN of any partition (AWS General Reference, "ARNs"), within any text."""


def _cross_environment(edit: Edit, facts: Facts) -> Iterator[Finding]:
    """References to parameters that live in another environment or region, where no producer is seen."""
    for pointer, text in _strings("", edit.after):
        foreign = [p for p in facts.foreign_prefixes if _names_below(p, text)]
        if foreign:
            said = f"it names a parameter below {foreign[0]}, which is another environment's"
            yield _no("cross-environment", edit.address, said, pointer)
            continue
        elsewhere = [region for region in _REGION.findall(text) if region != facts.region]
        if elsewhere:
            said = f"it names a parameter in {elsewhere[0]}; this environment is in {facts.region}"
            yield _no("cross-environment", edit.address, said, pointer)


def _names_below(prefix: str, text: str) -> bool:
    """Whether a text names a parameter below a prefix: by its name, within another text, or by its ARN."""
    return re.search(rf"(?:^|:parameter|[^A-Za-z0-9._-]){re.escape(prefix)}/", text) is not None


def _strings(pointer: str, value: JsonValue) -> Iterator[tuple[str, str]]:
    """(pointer, text) of every text in a value; a key is a text at its own pointer."""
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key in sorted(value):
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            yield place, key
            yield from _strings(place, value[key])
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(f"{pointer}/{index}", item)


def _no(code: str, component: str, message: str, pointer: str = "") -> Finding:
    return Finding(
        code=code, severity=Severity.ERROR, component=component, pointer=pointer, message=f"{message}."
    )
