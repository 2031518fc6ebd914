"""Shared by the commands on changes: advancing a change, showing it, and the exit code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import exits, render, streams
from karma_cli.deploy import carry_out_with
from karma_core.exact_numbers import dumps

if TYPE_CHECKING:
    from karma_core.changes.record import Change
    from karma_core.json_difference import Difference
    from karma_core.ports import Say
    from karma_core.workspace import Workspace

ChangeId = Annotated[str, typer.Argument(metavar="CHANGE", help="The change's id.")]
Why = Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the log.")]
ENDED_BADLY = frozenset({"failed", "stopped", "rolled_back"})
"""States of a change, after it was to be applied, that end a call with 1: the policy rolled one back."""
NOT_APPLIED = frozenset({"awaiting_approval", "rejected"})
"""States of a change that was approved, that end `karma apply` with 4: it is so no more, or refused."""


def go_on(
    workspace: Workspace, change: Change, project: Path | None, say: Say, *, auto_approve: bool, as_json: bool
) -> Change:
    """Apply what no rule holds back, after a yes or with --auto-approve; then let the queue move."""
    from karma_core.changes.states import State
    from karma_core.use_cases.changes.drain import apply_and_drain

    if change.status is not State.APPROVED or not change.id:
        return change
    if not auto_approve:
        if as_json or not sys.stdin.isatty():
            return change
        show_change(workspace, change)
        if not render.confirm("Apply this?"):
            return change
    return apply_and_drain(workspace, change.id, carry_out_with(project, say))


def show_change(workspace: Workspace, change: Change) -> None:
    """A change for people: where it stands, the verdict, the plan."""
    from karma_cli.plan import show_plan
    from karma_core.use_cases.changes.queue import position
    from karma_core.use_cases.changes.reading import differences_of, plan_of
    from karma_core.use_cases.changes.register import Register

    what = f" ({change.kind})" if change.kind != "config" else ""
    render.line(f"Change {change.id or '(dry run)'}{what}: {change.status}: {change.why}")
    render.line(f"asked by {change.requested_by}: {change.reason or 'no reason given'}")
    if change.status == "queued":
        place = position(change, Register(workspace).open())
        render.line(f"place {place} in the queue, behind {', '.join(change.waits_for) or 'nobody now'}")
    if change.promoted_from is not None:
        origin = change.promoted_from
        deployed = "" if origin.deployed else ", which is not deployed there"
        version = f", version {origin.version}" if origin.version else ""
        render.line(f"promoted from {origin.environment}{version}{deployed}")
    _show_differences(differences_of(workspace, change))
    if change.cone:
        render.line(f"may move {len(change.cone)}: {', '.join(change.cone)}")
    if change.approval is not None:
        given = change.approval
        render.line(f"approved by {given.by}, {render.local(given.at)}: {given.why or 'no reason given'}")
    render.findings(change.findings)
    for warning in change.warnings:
        render.note(f"warning: {warning}")
    made = plan_of(workspace, change)
    if made is not None:
        show_plan(made)
        if change.digest:
            render.line(f"digest {change.digest}")


def _show_differences(differences: list[tuple[str, Difference]]) -> None:
    """Show the differences of the configs, place by place."""
    rows = [(address, d.pointer, _value(d, "before"), _value(d, "after")) for address, d in differences]
    if rows:
        render.table("", ("component", "field", "now", "then"), rows)


def _value(difference: Difference, side: str) -> str:
    """A side of a difference as JSON; empty where there is nothing."""
    absent = {"before": "added", "after": "removed"}[side]
    if difference.op == absent:
        return ""
    value = getattr(difference, side)
    return "" if value is None and not difference.pointer else dumps(value)


def finish(workspace: Workspace, change: Change, *, as_json: bool, decided: bool = False) -> None:
    """Print the result document or the change, and end with the contract's exit code."""
    from karma_core.use_cases.changes.reading import result_of

    if change.id:
        streams.outcome_is_recorded()
    if as_json:
        render.document(result_of(workspace, change))
    else:
        show_change(workspace, change)
    dry_run_passed = not change.id and change.status != "rejected"
    if decided or dry_run_passed or change.status == "applied":
        return
    failed = change.status in ENDED_BADLY
    raise typer.Exit(exits.FAILED if failed else exits.NOT_APPLIED)
