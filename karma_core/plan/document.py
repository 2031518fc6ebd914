"""The plan as a document: JSON for machines, text for people. Every value in it is masked."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from karma_core.json_types import JsonObject
from karma_core.model import Finding, Record, Severity, about_environment, to_builtins
from karma_core.plan.explain import Explained
from karma_core.records import PlannedResource


class Action(StrEnum):
    """The planned action of a component (docs/deploying.md)."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DESTROY = "destroy"
    RELOAD = "reload"
    NO_OP = "no-op"
    CUT_OFF = "cut_off"
    DEFERRED = "deferred"
    PENDING = "pending"
    BLOCKED = "blocked"


CHANGING = frozenset({Action.CREATE, Action.UPDATE, Action.REPLACE, Action.DESTROY})
"""Actions that Terraform carries out."""
ACTIVE = CHANGING | {Action.RELOAD, Action.DEFERRED, Action.PENDING}
"""Actions after which something is different, or may be."""


UNPUBLISHED: Final = "unpublished"
"""Code of the warning that configs of the work tree are not published."""
LEFT_OUT: Final = "left-out"
"""Code of the warning that components are stale and no part of the plan."""
GIT_UNTOLD: Final = "git-untold"
"""Code of the warning that Git could not tell what changed since a commit, and Karma compared itself."""
PRODUCER_EXCLUDED: Final = "producer-excluded"
"""Code of the warning that components of the plan need some that were excluded from it."""


class PlannedComponent(Record, frozen=True, kw_only=True):
    """One component of a plan. `saved` names the private binary plan; empty where it must not be applied.

    `reload` is the digest of the action that a reload carries out; empty where none is.
    """

    address: str
    action: Action
    reason: str
    add: int = 0
    change: int = 0
    destroy: int = 0
    to_import: int = msgspec.field(default=0, name="import")
    to_forget: int = msgspec.field(default=0, name="forget")
    unknown_inputs: tuple[str, ...] = ()
    fingerprint: str = ""
    resources: tuple[PlannedResource, ...] = ()
    text: str = ""
    saved: str = ""
    reload: str = ""
    explained: tuple[Explained, ...] = ()
    """What it was judged on; empty where it could not be judged."""

    @property
    def loses(self) -> bool:
        """Whether resources are destroyed, or taken out of the state and left alone."""
        return bool(self.destroy or self.to_forget)

    @property
    def losses(self) -> str:
        """`destroys 1 resource(s)`, with what is forgotten."""
        forgets = f"forgets {self.to_forget} resource(s)" if self.to_forget else ""
        destroys = f"destroys {self.destroy} resource(s)" if self.destroy or not forgets else ""
        return " and ".join(filter(None, (destroys, forgets)))

    @property
    def besides(self) -> str:
        """What is done beside adding, changing and destroying: `1 to import, 1 to forget`, or empty."""
        return besides(self.to_import, self.to_forget)


def besides(to_import: int, to_forget: int) -> str:
    """`1 to import, 1 to forget`, without what there is none of."""
    counts = ((to_import, "to import"), (to_forget, "to forget"))
    return ", ".join(f"{count} {what}" for count, what in counts if count)


class Plan(Record, frozen=True, kw_only=True):
    """A plan of a target and its cone, in dependency order. `status`: changes, no-changes or blocked."""

    id: str
    environment: str
    created_at: str
    targets: tuple[str, ...]
    components: tuple[PlannedComponent, ...]
    findings: tuple[Finding, ...] = ()

    @property
    def status(self) -> str:
        """`blocked` if any component is, or the environment, else `changes` or `no-changes`."""
        actions = {c.action for c in self.components}
        if Action.BLOCKED in actions or self._environment_is_blocked:
            return "blocked"
        return "changes" if actions & ACTIVE else "no-changes"

    @property
    def _environment_is_blocked(self) -> bool:
        whole = about_environment(self.environment)
        return any(f.severity is Severity.ERROR and f.component == whole for f in self.findings)

    @property
    def changes(self) -> bool:
        """Whether a deploy would do anything."""
        return any(c.action in ACTIVE for c in self.components)


def summary(plan: Plan) -> JsonObject:
    """Counts of the whole plan: components by action, resources to add, change and destroy."""
    by_action: dict[str, int] = {}
    for component in plan.components:
        by_action[component.action] = by_action.get(component.action, 0) + 1
    return {
        "components": dict(sorted(by_action.items())),
        "add": sum(c.add for c in plan.components),
        "change": sum(c.change for c in plan.components),
        "destroy": sum(c.destroy for c in plan.components),
        "import": sum(c.to_import for c in plan.components),
        "forget": sum(c.to_forget for c in plan.components),
        "text": summary_text(plan),
    }


def summary_text(plan: Plan) -> str:
    """The summary in one line."""
    if not plan.changes and plan.status != "blocked":
        return _no_changes(plan)
    if not plan.components:
        return "Nothing was planned: the environment is blocked."
    counts: dict[str, int] = {}
    for component in plan.components:
        counts[component.action] = counts.get(component.action, 0) + 1
    said = ", ".join(f"{n} {action}" for action, n in sorted(counts.items()))
    add, change, destroy = (sum(getattr(c, f) for c in plan.components) for f in ("add", "change", "destroy"))
    more = besides(sum(c.to_import for c in plan.components), sum(c.to_forget for c in plan.components))
    counted = f"{add} to add, {change} to change, {destroy} to destroy"
    return f"{said}. Resources: {', '.join(filter(None, (counted, more)))}."


def _no_changes(plan: Plan) -> str:
    """Return the summary of a plan without changes, naming what the plan did not cover."""
    left = [f.message.partition(":")[0] for f in plan.findings if f.code in {UNPUBLISHED, LEFT_OUT}]
    count = len(plan.components)
    if left:
        return f"No changes to the {count} components that were looked at; {'; '.join(left)}."
    return f"No changes: {count} components are as they should be."


def contract(plan: Plan) -> JsonObject:
    """Return the JSON of `karma plan --json`."""
    fields = (
        "address", "action", "reason", "add", "change", "destroy", "unknown_inputs", "fingerprint",
    )  # fmt: skip
    return {
        "plan_id": plan.id,
        "environment": plan.environment,
        "status": plan.status,
        "targets": list(plan.targets),
        "components": [
            {
                **{f: to_builtins(getattr(c, f)) for f in fields},
                "import": c.to_import,
                "forget": c.to_forget,
            }
            for c in plan.components
        ],
        "findings": to_builtins(plan.findings),
        "summary": summary(plan),
    }


def explanation(plan: Plan) -> dict[str, list[JsonObject]]:
    """Address → every input of its fingerprint, applied and now: the `inputs` of `plan --explain --json`."""
    return {
        c.address: [{**to_builtins(one), "differs": one.differs} for one in c.explained]
        for c in plan.components
    }


def readable(plan: Plan) -> str:
    """The whole plan as one text: summary, then each component with its reason and Terraform's own words."""
    lines = [f"Plan {plan.id} of {plan.environment}, made {plan.created_at}", summary_text(plan), ""]
    lines += [f"{f.severity}: {f.said}" for f in plan.findings]
    for component in plan.components:
        lines += ["", f"## {component.address}: {component.action}", component.reason]
        if component.unknown_inputs:
            lines.append("unknown until apply: " + ", ".join(component.unknown_inputs))
        if component.text:
            lines += ["", component.text.strip()]
    return "\n".join(lines) + "\n"
