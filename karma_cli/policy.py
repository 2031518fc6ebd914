"""`karma policy`: what the gate reads, as it is in force, and its publication."""

from __future__ import annotations

import typer

from karma_cli import exits, render
from karma_cli.change_outcome import Why
from karma_cli.options import Env, Json, ProjectDir, open_for

app = typer.Typer(help="Show the policy in force, and publish the checkout's.", no_args_is_help=True)


@app.command(epilog="Examples:\n\n`karma policy show --env prod`\n\n`karma policy show --json`")
def show(env: Env = None, project: ProjectDir = None, as_json: Json = False) -> None:
    """Show which rules are in force, where each comes from, and how the checkout differs."""
    from karma_core.use_cases.access.policy_shown import shown_policy

    policy = shown_policy(open_for(env, project))
    if as_json:
        render.document(policy.contract())
        return
    rows = [(rule.name, rule.value, rule.source) for rule in policy.rules]
    render.table(f"Policy in force in {policy.environment}", ("rule", "value", "from"), rows)
    for difference in policy.laxer:
        render.note(f"warning: policy-differs: {difference}; the checkout is laxer, the published rule holds")
    if not policy.published:
        render.line("No policy is published: `karma policy publish` requests that this one is.")


@app.command(epilog="Example:\n\n`karma policy publish --env prod --reason 'two approvers since May'`")
def publish(
    reason: Why = "",
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Request that the checkout's policy is published; an admin has to approve the change."""
    from karma_core.use_cases.access.policy_shown import differing_rules
    from karma_core.use_cases.changes.policy_change import request_policy
    from karma_core.use_cases.changes.reading import result_of

    workspace = open_for(env, project)
    differing = differing_rules(workspace)
    change = request_policy(workspace, reason=reason)
    if as_json:
        render.document(result_of(workspace, change))
    else:
        render.table("", ("rule", "published", "this checkout"), differing)
        render.line(f"Change {change.id} waits: {change.why}.")
        render.line(f"An admin approves it: `karma change approve {change.id}`, then `karma apply`.")
    raise typer.Exit(exits.NOT_APPLIED)
