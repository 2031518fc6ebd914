"""`karma change`, and its shortcuts `karma propose-change` and `karma apply`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from karma_cli import change_decisions, exits, progress, render
from karma_cli.change_outcome import ENDED_BADLY, NOT_APPLIED, ChangeId, Why, finish, go_on, show_change
from karma_cli.deploy import carry_out_with
from karma_cli.options import (
    AutoApprove,
    Env,
    Json,
    Nickname,
    OverridePolicy,
    ProjectDir,
    Type,
    address_of,
    open_for,
    override_of,
)
from karma_cli.plan import Exclude, Types, Words, selection_of
from karma_core.json_types import JsonValue

app = typer.Typer(help="Propose, judge, approve, apply and roll back changes.", no_args_is_help=True)
app.add_typer(change_decisions.app)

Input = Annotated[
    Path, typer.Option("--input", "-i", help="File with the request as JSON; - reads standard input.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Give the verdict and the plan, keep nothing.")]


def register(parent: typer.Typer) -> None:
    """Add the shortcuts to the application."""
    parent.command(
        "propose-change", epilog="Example:\n\n`karma propose-change vpc core --input patch.json --dry-run`"
    )(propose_change)
    parent.command(epilog="Examples:\n\n`karma apply`\n\n`karma apply 01JD2Z3V7Q --env prod`")(apply)


@app.command(
    epilog="Examples:\n\n`karma change request --input change.json`\n\n"
    "`karma change request --input - --auto-approve --json < change.json`"
)
def request(
    file: Input,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Request a change: it is judged, planned, and applied after a yes, unless it needs an approval."""
    _request(_read(file), env, project, dry_run=dry_run, auto_approve=auto_approve, as_json=as_json)


def propose_change(
    component_type: Type,
    file: Input,
    nickname: Nickname = None,
    reason: Why = "",
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Request a change of one component; the file holds a merge patch, a JSON Patch, or a whole request."""
    body = _read(file)
    if not (isinstance(body, dict) and "proposed_change" in body):
        body = {"proposed_change": body}
    body = {**body, "component": address_of(component_type, nickname)}
    if reason:
        body["reason"] = reason
    _request(body, env, project, dry_run=dry_run, auto_approve=auto_approve, as_json=as_json)


def _request(
    body: JsonValue,
    env: str | None,
    project: Path | None,
    *,
    dry_run: bool,
    auto_approve: bool,
    as_json: bool,
) -> None:
    from karma_core.changes.request import read_request
    from karma_core.use_cases.changes import intake

    if dry_run and isinstance(body, dict):
        body = {**body, "dry_run": True}
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        change = intake.request(workspace, read_request(body), proceed=auto_approve)
        change = go_on(workspace, change, project, say, auto_approve=auto_approve, as_json=as_json)
    finish(workspace, change, as_json=as_json)


def apply(
    change_id: Annotated[
        str | None, typer.Argument(metavar="[CHANGE]", help="One change; else all that may go on.")
    ] = None,
    override_policy: OverridePolicy = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Apply an approved change, or take up one whose process died; without an id, all that may go on."""
    from karma_core.errors import UsageError
    from karma_core.use_cases.changes.drain import apply_and_drain, approved_changes, drain, left_approved
    from karma_core.use_cases.changes.reading import result_of

    override = override_of(override_policy)
    if override and change_id is None:
        raise UsageError("--override-policy is for one change", next_step="name the change")
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        run = carry_out_with(project, say)
        if change_id is not None:
            change = apply_and_drain(workspace, change_id, run, override=override)
        else:
            approved = set(approved_changes(workspace))
            moved = drain(workspace, run, approved=True)
            left = left_approved(workspace)
    if change_id is not None:
        finish(workspace, change, as_json=as_json)
        return
    if as_json:
        render.document([result_of(workspace, change) for change in moved])
    else:
        render.table("", ("change", "status", "why"), [(c.id, str(c.status), c.why) for c in moved])
    for held, why in left.items():
        render.note(f"warning: change {held} stays approved: {why}")
    if any(c.status in ENDED_BADLY for c in moved):
        raise typer.Exit(exits.FAILED)
    if left or any(c.id in approved and c.status in NOT_APPLIED for c in moved):
        raise typer.Exit(exits.NOT_APPLIED)


@app.command("list", epilog="Examples:\n\n`karma change list`\n\n`karma change list --status queued --json`")
def list_(
    status: Annotated[str | None, typer.Option("--status", help="Only those in this state.")] = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """List changes, newest first, with their places in the queue."""
    from karma_core.use_cases.changes.reading import list_changes

    changes = list_changes(open_for(env, project), status=status)
    if as_json:
        render.document(changes)
        return
    columns = ("change", "status", "components", "requested by", "requested", "queue", "why")
    rows = [
        (
            c["change_id"],
            c["status"],
            ", ".join(c["components"]),
            c["requested_by"],
            render.local(c["created_at"]),
            c["position"] or "",
            c["why"],
        )
        for c in changes
    ]
    render.table("", columns, rows)


@app.command(epilog="Example:\n\n`karma change show 01JD2Z3V7Q`")
def show(change_id: ChangeId, env: Env = None, project: ProjectDir = None, as_json: Json = False) -> None:
    """Show a change: what was asked, the verdict, the plan, where it stands and why."""
    from karma_core.use_cases.changes import reading
    from karma_core.use_cases.changes.register import Register

    workspace = open_for(env, project)
    if as_json:
        render.document(reading.show(workspace, change_id))
        return
    show_change(workspace, Register(workspace).get(change_id).change)


@app.command(
    epilog="Examples:\n\n`karma change rollback 01JD2Z3V7Q`\n\n"
    "`karma change rollback 01JD2Z3V7Q --include-later --dry-run`\n\n`karma change rollback --cone vpc/core`"
)
def rollback(
    change_id: Annotated[str | None, typer.Argument(metavar="[CHANGE]", help="The change's id.")] = None,
    cone: Annotated[
        str | None,
        typer.Option(
            "--cone",
            metavar="ADDRESS",
            help="Instead: bring this component and all that depends on it to their last good configs.",
        ),
    ] = None,
    reason: Why = "",
    include_later: Annotated[
        bool, typer.Option("--include-later", help="Take the later changes of its configs back too, whole.")
    ] = False,
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Request the change that brings the old configs back; its plan is shown first."""
    from karma_core.errors import UsageError
    from karma_core.use_cases.changes.rollback import roll_back, roll_back_cone

    options: dict[str, Any] = {"reason": reason, "proceed": auto_approve, "dry_run": dry_run}
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(env, project, say)
        if change_id is not None and cone is None:
            change = roll_back(workspace, change_id, include_later=include_later, **options)
        elif cone is not None and change_id is None and not include_later:
            change = roll_back_cone(workspace, cone, **options)
        else:
            raise UsageError(
                "it is not clear what to roll back",
                next_step="name a change (then --include-later may be added), or a component with --cone",
            )
        change = go_on(workspace, change, project, say, auto_approve=auto_approve, as_json=as_json)
    finish(workspace, change, as_json=as_json)


@app.command(
    epilog="Examples:\n\n`karma change promote serverless-site shop --from dev --to prod --dry-run`\n\n"
    "`karma change promote vpc/core 'service/*' --from dev --to prod`\n\n"
    "`karma change promote --type service --exclude service/old --from dev --to prod`\n\n"
    "`karma change promote vpc core --from dev --to prod --keep cidr --keep subnets`"
)
def promote(
    source: Annotated[str, typer.Option("--from", help="Environment that has the config.")],
    target: Annotated[str, typer.Option("--to", help="Environment that is to get it.")],
    words: Words = None,
    types: Types = None,
    exclude: Exclude = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every component that the source environment has.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Take this top-level field alone; repeatable.")
    ] = None,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", help="Leave this field as the target has it; repeatable.")
    ] = None,
    reason: Why = "",
    dry_run: DryRun = False,
    auto_approve: AutoApprove = False,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Request the change that gives components the configs that they have in another environment."""
    from karma_core.use_cases.changes import promotion

    selection = selection_of(words, types=types, exclude=exclude, everything=everything)
    with progress.shown(quiet=as_json) as say:
        workspace = open_for(target, project, say)
        change = promotion.promote(
            open_for(source, project, by_token=False),
            workspace,
            selection,
            only=only or (),
            keep=keep or (),
            reason=reason,
            proceed=auto_approve,
            dry_run=dry_run,
        )
        change = go_on(workspace, change, project, say, auto_approve=auto_approve, as_json=as_json)
    finish(workspace, change, as_json=as_json)


def _read(file: Path) -> JsonValue:
    """The JSON in a file or on standard input, read strictly."""
    from karma_core import strictjson
    from karma_core.errors import UsageError

    try:
        raw = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read", why=str(error.strerror), next_step="name a file that holds the request"
        ) from error
    return strictjson.parse(raw, where=str(file))
