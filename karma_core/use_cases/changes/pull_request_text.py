"""The comment on a pull request, as Markdown. Text from others is quoted as code and never rendered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.plan.document import Plan, PlannedComponent, readable, summary_text
from karma_core.records import PullRequest

MAX_COMMENT: Final = 65_000
"""Characters of a comment; GitHub takes 65,536."""
MAX_PLAN: Final = 40_000
"""Characters of Terraform's own words. Ours: the rest of the comment stays whole."""
HEADS: Final = {
    State.APPROVED: "This change may be applied.",
    State.AWAITING_APPROVAL: "This change will need an approval.",
    State.QUEUED: "This change will have to wait for another one.",
    State.REJECTED: "This change is rejected.",
}


def mark_of(environment: str) -> str:
    """Return the invisible first line of the comment, by which it is recognised and replaced."""
    return f"<!-- karma {environment} -->"


def comment_of(environment: str, change: Change, plan: Plan | None, pull: PullRequest) -> str:
    """Verdict, findings and the combined plan."""
    parts = [
        mark_of(environment),
        f"### Karma: {environment}",
        f"**{HEADS.get(change.status, str(change.status))}** {_code(change.why)}",
        f"Commit {_code(pull.commit[:12])}: {len(change.edits)} configs, {len(change.cone)} in their cone.",
    ]
    if change.needs:
        parts.append("Needed:\n" + "\n".join(f"- {_code(need)}" for need in change.needs))
    if change.findings:
        rows = [(f.severity, f.code, f.component, f.pointer, f.message) for f in change.findings]
        parts.append(_table(("severity", "code", "component", "place", "what"), rows))
    if change.warnings:
        parts.append("Warnings:\n" + "\n".join(f"- {_code(warning)}" for warning in change.warnings))
    if plan is not None:
        parts += _plan(plan)
    return "\n\n".join(parts)[:MAX_COMMENT] + "\n"


def refusal_of(environment: str, why: str) -> str:
    """Return the comment that gives only a reason."""
    return f"{mark_of(environment)}\n\n### Karma: {environment}\n\n{_fenced(why[:MAX_PLAN])}\n"


def _plan(plan: Plan) -> list[str]:
    rows = [(c.address, c.action, c.reason, _resources(c)) for c in plan.components]
    return [
        _code(summary_text(plan)),
        _table(("component", "action", "why", "resources"), rows),
        f"<details><summary>The whole plan</summary>\n\n{_fenced(readable(plan)[:MAX_PLAN])}\n\n</details>",
    ]


def _resources(component: PlannedComponent) -> str:
    """`+1 ~0 -0`, and what is imported or forgotten."""
    counted = f"+{component.add} ~{component.change} -{component.destroy}"
    return ", ".join(filter(None, (counted, component.besides)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [f"| {' | '.join(_code(str(cell)) for cell in row)} |" for row in rows]
    return "\n".join(lines)


def _code(text: str) -> str:
    """Text as code on one line: no markup, no mention of anybody, no end of a table's cell."""
    flat = " ".join(text.replace("`", "'").replace("|", "\\|").split())
    return f"`{flat}`" if flat else ""


def _fenced(text: str) -> str:
    """Text as a block of code, under a fence that does not occur in it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return f"{fence}\n{text}\n{fence}"
