"""`karma plan`: what a deploy would do, and why, before anything is applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import exits, progress, render
from karma_cli.options import Env, Json, ProjectDir, open_for
from karma_core.json_types import JsonObject

if TYPE_CHECKING:
    from collections.abc import Callable

    from karma_core.plan.document import Plan
    from karma_core.use_cases.selection.record import Selection
    from karma_core.workspace import Workspace

DIGITS = 12
"""So many characters of a digest are shown: enough to see that two differ."""
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TYPE NICKNAME | ADDRESS...",
        help="One component in two words, or addresses and patterns of them (vpc/core, vpc/*).",
    ),
]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="Every component of a type; repeatable.")
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="ADDRESS", help="Leave out an address or a pattern; repeatable."),
]
All = Annotated[bool, typer.Option("--all", help="Every component of the environment.")]
Changed = Annotated[
    bool, typer.Option("--changed", help="What differs itself from what was applied, and its consumers.")
]
SinceRef = Annotated[str | None, typer.Option("--since", help="What changed in Git since this commit.")]
WithProducers = Annotated[
    bool, typer.Option("--with-producers", help="Include everything that the selected components need.")
]
Destroying = Annotated[
    bool, typer.Option("--destroy", help="Plan what `karma destroy` would destroy, resource by resource.")
]
FromWorktree = Annotated[
    bool, typer.Option("--from-worktree", help="Plan the work tree's configs without publishing them.")
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Show every input of each decision, applied and now."),
]
DetailedExit = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit 2 where there are changes, as Terraform does.")
]


def selection_of(
    words: list[str] | None,
    *,
    types: list[str] | None = None,
    exclude: list[str] | None = None,
    everything: bool = False,
    changed: bool = False,
    since: str | None = None,
    with_producers: bool = False,
) -> Selection:
    """Return the selection in the arguments; UsageError if they choose nothing or two things."""
    from karma_core.use_cases.selection.record import Selection, require_selection

    chosen = Selection(
        targets=targets_of(words or []),
        types=tuple(types or ()),
        exclude=tuple(exclude or ()),
        everything=everything,
        changed=changed or since is not None,
        since=since,
        with_producers=with_producers,
    )
    require_selection(chosen)
    return chosen


def targets_of(words: list[str]) -> tuple[str, ...]:
    """Addresses and patterns, where any word has a `/`, a `:` or a wildcard; else one TYPE NICKNAME."""
    from karma_core import ids
    from karma_core.errors import UsageError
    from karma_core.use_cases.selection.naming import is_pattern

    if not words:
        return ()
    patterns = any(is_pattern(word) for word in words)
    if len(words) == 2 and not patterns and not all("/" in word for word in words):  # noqa: PLR2004 - two words
        return (ids.make_address(*words),)
    if not patterns and not any("/" in word or ":" in word for word in words):
        raise UsageError(
            "a component needs both its type and its nickname",
            next_step="write it like `serverless-site karma-dev` or serverless-site/karma-dev; "
            "several, or patterns, as addresses",
        )
    bare = [word for word in words if "/" not in word and not is_pattern(word)]
    if bare:
        raise UsageError(
            f"{ids.shown(bare[0])} is no address",
            why="it stands beside others, which are",
            next_step="write each as TYPE/NICKNAME, or a whole type with --type",
        )
    return tuple(dict.fromkeys(word if ":" in word or is_pattern(word) else _address(word) for word in words))


def _address(word: str) -> str:
    from karma_core import ids

    return str(ids.Address.parse(word))


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command(
        epilog="Examples:\n\n`karma plan serverless-site karma-dev`\n\n`karma plan --all --env prod`\n\n"
        "`karma plan vpc/core 'service/*' --exclude service/old`\n\n`karma plan --type service`\n\n"
        "`karma plan --since main~1 --json`\n\n`karma plan --all --explain`\n\n"
        "`karma plan --destroy serverless-site karma-dev`"
    )(plan)


def plan(
    words: Words = None,
    types: Types = None,
    exclude: Exclude = None,
    everything: All = False,
    changed: Changed = False,
    since: SinceRef = None,
    with_producers: WithProducers = False,
    destroying: Destroying = False,
    from_worktree: FromWorktree = False,
    explain: Explain = False,
    detailed_exitcode: DetailedExit = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Plan components and everything that depends on them; applies nothing."""
    from karma_core.plan.document import contract

    selection = selection_of(
        words,
        types=types,
        exclude=exclude,
        everything=everything,
        changed=changed,
        since=since,
        with_producers=with_producers,
    )
    with progress.shown(quiet=as_json) as say:
        make_plan = _maker(selection, destroying=destroying, from_worktree=from_worktree)
        made = make_plan(open_for(env, project, say), selection)
    if as_json:
        render.document(_with_inputs(made) if explain else contract(made))
    else:
        show_plan(made)
        if explain:
            _show_inputs(made)
    if _target_is_blocked(made, selection):
        raise typer.Exit(exits.INVALID)
    if detailed_exitcode and made.changes:
        raise typer.Exit(exits.CHANGES)


def _target_is_blocked(made: Plan, selection: Selection) -> bool:
    """Whether something is blocked that was asked for, and not just something that depends on it."""
    from karma_core.plan.document import Action
    from karma_core.use_cases.selection.naming import is_target

    if not made.components:
        return made.status == "blocked"
    blocked = (c.address for c in made.components if c.action is Action.BLOCKED)
    return any(is_target(selection, address, environment=made.environment) for address in blocked)


def _maker(
    selection: Selection, *, destroying: bool, from_worktree: bool
) -> Callable[[Workspace, Selection], Plan]:
    """Return the function that makes the plan; UsageError for options that a destroy cannot have."""
    from karma_core.errors import UsageError

    if from_worktree and destroying:
        raise UsageError(
            "--from-worktree does not go with --destroy",
            why="a destroy takes away what was applied, whatever the work tree holds",
            next_step="leave one of them out",
        )
    if from_worktree:
        from karma_core.use_cases.plans.worktree_plan import plan_worktree

        return plan_worktree
    if not destroying:
        from karma_core.use_cases.plans.plan import plan as plan_deploy

        return plan_deploy
    if selection.changed or selection.with_producers:
        raise UsageError(
            "--destroy goes with components or --all",
            why="what changed, and what a component needs, is nothing that could be destroyed",
            next_step="leave --changed, --since and --with-producers out",
        )
    from karma_core.use_cases.plans.destroy_plan import plan_destroy

    return plan_destroy


def show_plan(made: Plan) -> None:
    """The plan as a table, then Terraform's own words for what changes."""
    from karma_core.plan.document import CHANGING, summary_text

    render.findings(made.findings)
    render.table(
        f"Plan {made.id} for {made.environment}",
        ("component", "action", "+", "~", "-", "why"),
        [
            (c.address, c.action, c.add, c.change, c.destroy, "; ".join(filter(None, (c.besides, c.reason))))
            for c in made.components
        ],
    )
    for component in made.components:
        if component.action in CHANGING and component.text:
            render.text(f"\n{component.address}:\n{component.text.strip()}")
    render.line(summary_text(made))


def _with_inputs(made: Plan) -> JsonObject:
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
