"""`karma plan`: what a deploy would do, and why, before anything is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from karma_cli import exits, progress, render
from karma_cli.options import Env, Json, ProjectDir, address_of, open_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from karma_core.plan.document import Plan
    from karma_core.use_cases.runs import Selection
    from karma_core.workspace import Workspace

DIGITS = 12
"""So many characters of a digest are shown: enough to see that two differ."""
OneType = Annotated[str | None, typer.Argument(metavar="TYPE", help="Component type, or TYPE/NICKNAME.")]
OneNickname = Annotated[str | None, typer.Argument(metavar="NICKNAME", help="The component's nickname.")]
All = Annotated[bool, typer.Option("--all", help="Every component of the environment.")]
Changed = Annotated[
    bool, typer.Option("--changed", help="What changed in Git since the last deployed commit.")
]
SinceRef = Annotated[str | None, typer.Option("--since", help="With --changed: since this Git commit.")]
WithProducers = Annotated[
    bool, typer.Option("--with-producers", help="Include everything that the component needs.")
]
Destroying = Annotated[
    bool, typer.Option("--destroy", help="Plan what `karma destroy` would destroy, resource by resource.")
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Show every input of each decision, applied and now."),
]
DetailedExit = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 2 where there are changes, as Terraform does.")
]


def selection_of(
    component_type: str | None,
    nickname: str | None,
    *,
    everything: bool,
    changed: bool,
    since: str | None,
    with_producers: bool,
) -> Selection:
    """What the arguments choose; UsageError if they choose nothing or two things."""
    from karma_core.use_cases.runs import Selection, require_selection

    chosen = Selection(
        targets=(address_of(component_type, nickname),) if component_type is not None else (),
        everything=everything,
        changed=changed or since is not None,
        since=since,
        with_producers=with_producers,
    )
    require_selection(chosen)
    return chosen


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog="Examples:\n\n`karma plan serverless-site karma-dev`\n\n`karma plan --all --env prod`\n\n"
        "`karma plan --changed --since main~1 --json`\n\n`karma plan --all --explain`\n\n"
        "`karma plan --destroy serverless-site karma-dev`"
    )(plan)


def plan(
    component_type: OneType = None,
    nickname: OneNickname = None,
    everything: All = False,
    changed: Changed = False,
    since: SinceRef = None,
    with_producers: WithProducers = False,
    destroying: Destroying = False,
    explain: Explain = False,
    detailed_exitcode: DetailedExit = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Plan a component and everything that depends on it; applies nothing."""
    from karma_core.plan.document import contract

    selection = selection_of(
        component_type,
        nickname,
        everything=everything,
        changed=changed,
        since=since,
        with_producers=with_producers,
    )
    with progress.shown(quiet=as_json) as say:
        make_plan = _maker(selection, destroying=destroying)
        made = make_plan(open_for(env, project, say), selection)
    if as_json:
        render.document(_with_inputs(made) if explain else contract(made))
    else:
        show_plan(made)
        if explain:
            _show_inputs(made)
    if made.status == "blocked":
        raise typer.Exit(exits.INVALID)
    if detailed_exitcode and made.changes:
        raise typer.Exit(exits.CHANGES)


def _maker(selection: Selection, *, destroying: bool) -> Callable[[Workspace, Selection], Plan]:
    """What makes the plan; UsageError for a destroy of what has no meaning for one."""
    from karma_core.errors import UsageError

    if not destroying:
        from karma_core.use_cases.plan import plan as plan_deploy

        return plan_deploy
    if selection.changed or selection.with_producers:
        raise UsageError(
            "--destroy goes with components or --all",
            why="what changed, and what a component needs, is nothing that could be destroyed",
            next_step="leave --changed, --since and --with-producers out",
        )
    from karma_core.use_cases.destroy_plan import plan_destroy

    return plan_destroy


def show_plan(made: Plan) -> None:
    """The plan as a table, then Terraform's own words for what changes."""
    from karma_core.plan.document import CHANGING, summary_text

    render.findings(made.findings)
    render.table(
        f"Plan {made.id} for {made.environment}",
        ("component", "action", "+", "~", "-", "why"),
        [(c.address, c.action, c.add, c.change, c.destroy, c.reason) for c in made.components],
    )
    for component in made.components:
        if component.action in CHANGING and component.text:
            render.text(f"\n{component.address}:\n{component.text.strip()}")
    render.line(summary_text(made))


def _with_inputs(made: Plan) -> dict[str, Any]:
    """The contract's document, each component with its `inputs`."""
    from karma_core.plan.document import contract, explanation

    document, inputs = contract(made), explanation(made)
    components = [{**c, "inputs": inputs[c["address"]]} for c in document["components"]]
    return {**document, "components": components}


def _show_inputs(made: Plan) -> None:
    for component in made.components:
        render.table(
            f"\n{component.address}: {component.reason}",
            ("input", "applied", "now", ""),
            [
                (one.input, _short(one.old), _short(one.new), "differs" if one.differs else "same")
                for one in component.explained
            ],
        )


def _short(digest: str | None) -> str:
    """A digest as its kind and first characters; other values whole."""
    kind, colon, rest = (digest or "none").partition(":")
    return f"{kind}:{rest[:DIGITS]}" if colon and len(rest) > DIGITS else f"{kind}{colon}{rest}"
