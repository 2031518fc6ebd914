"""The rules of the table: a policy that sets each, and what becomes of what is asked for under it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PASSED, WAITING = "passed", "waiting"
KINDS: Final = (
    "deploy", "destroy", "resume", "repair", "change", "retry", "queued", "approved", "drained", "awaiting",
)  # fmt: skip
"""What can be asked for; `situations.py` prepares each."""
REQUESTS: Final = frozenset({"deploy", "destroy", "resume", "repair", "change"})
"""Kinds that somebody requests now: of the others, a change was requested before, by somebody proven."""

UPDATED: Final = {"size": 2}
"""A config of a/one by which its resource is updated."""
REPLACED: Final = {"size": 2, "replace_on": "x"}
"""A config of a/one by which its resource is destroyed and made anew."""
FOREIGN: Final = {"size": 2, "from": "/other/a/one/runtime"}
"""A config that names a parameter of another environment."""
ALWAYS: Final = {"reason": "the sale", "starts": "2026-01-01", "ends": "2027-01-01"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A rule, the `policy` and the `definition` of the type a that set it, and the outcome by kind.

    `config` is what a run would deploy, `edit` what a change would write. `unproven` is the outcome of a
    request by somebody who is only said to be who they are; empty: the same. `by_default` are the outcomes
    where the checkout has no policy, of a row that is laxer than the defaults which then hold beside it.
    `hours` pass before anything is asked for.
    """

    rule: str
    expected: Mapping[str, str]
    policy: Mapping[str, Any] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=lambda: REPLACED)
    edit: Mapping[str, Any] = field(default_factory=lambda: UPDATED)
    unproven: str = ""
    by_default: Mapping[str, str] = field(default_factory=dict)
    hours: float = 0

    def outcome(self, kind: str, *, proven: bool, laxer_checkout: bool) -> str:
        """What the contract says of a request of this kind."""
        if self.unproven and not proven and kind in REQUESTS:
            return self.unproven
        expected = {**self.expected, **(self.by_default if laxer_checkout else {})}
        return expected[kind]


def outcomes(every: str, **of_kinds: str) -> dict[str, str]:
    """The same outcome for every kind, but for those that are named."""
    return {**dict.fromkeys(KINDS, every), **of_kinds}


FIELDS: Final = {"protected_fields": ["size"]}
GIVEN: Final = {"approved": PASSED, "drained": PASSED, "awaiting": PASSED}
"""A change that was approved before, or is now, by whoever may."""
NO_EDIT: Final = {"destroy": PASSED, "repair": PASSED}
"""What deploys no edited config."""
RUNS: Final = dict.fromkeys(("deploy", "destroy", "resume", "repair"), PASSED)

ROWS: Final = (
    Row(rule="nothing", expected=outcomes(PASSED)),
    Row(
        rule="require_approval",
        policy={"require_approval": True},
        expected=outcomes(WAITING, awaiting=PASSED),
    ),
    Row(
        rule="requesters",
        policy={"requesters": ["lead-*"]},
        expected=outcomes("policy-requester"),
        unproven="identity-unproven",
    ),
    Row(
        rule="approvers",
        policy={"approvers": ["lead"]},
        edit=REPLACED,
        expected=outcomes(WAITING, awaiting="not-approver"),
    ),
    Row(
        rule="distinct_approver",
        policy={"distinct_approver": True},
        edit=REPLACED,
        expected=outcomes(WAITING, awaiting="not-approver"),
        unproven="identity-unproven",
    ),
    Row(
        rule="protected",
        policy={"protected": ["a/*"]},
        expected=outcomes(WAITING, awaiting=PASSED),
    ),
    Row(
        rule="protected_fields",
        policy={"protected_fields": "approve"},
        definition=FIELDS,
        expected=outcomes(WAITING, **NO_EDIT, awaiting=PASSED),
        by_default=outcomes("protected-field", **NO_EDIT),
    ),
    Row(
        rule="largest_cone",
        policy={"largest_cone": 1},
        expected=outcomes(WAITING, awaiting=PASSED),
    ),
    Row(
        rule="destroy_needs_approval",
        policy={"destroy_needs_approval": True},
        edit=REPLACED,
        expected=outcomes(WAITING, **RUNS, **GIVEN),
    ),
    Row(
        rule="destroy_needs_approval",
        policy={"destroy_needs_approval": False, "approvers": ["lead"]},
        edit=REPLACED,
        expected=outcomes(PASSED, awaiting="not-approver"),
        by_default=outcomes(WAITING, awaiting="not-approver"),
    ),
    Row(
        rule="approval_hours",
        policy={"approval_hours": 1},
        expected=outcomes(
            PASSED, approved="not-approved", drained="expired", awaiting="change-state", queued="change-state"
        ),
        hours=2,
    ),
    Row(rule="on_failure", policy={"on_failure": "roll_back"}, expected=outcomes(PASSED)),
    Row(rule="overriders", policy={"overriders": ["ann"]}, expected=outcomes(PASSED)),
    Row(
        rule="freeze",
        policy={"freeze": [ALWAYS]},
        expected=outcomes("policy-freeze", drained="approved"),
    ),
    Row(
        rule="cross-environment",
        policy={"on_failure": "roll_back"},
        config=FOREIGN,
        edit=FOREIGN,
        expected=outcomes("cross-environment", **NO_EDIT),
    ),
    Row(
        rule="type protected",
        definition={"protected": True},
        edit=REPLACED,
        expected=outcomes(WAITING, **GIVEN),
    ),
    Row(
        rule="type protected_fields",
        definition=FIELDS,
        expected=outcomes("protected-field", **NO_EDIT),
    ),
)
