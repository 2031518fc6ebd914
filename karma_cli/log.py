"""`karma log`: read, search, verify and export the log."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from karma_cli import exits, render, streams
from karma_cli.options import Env, Json, ProjectDir, settings_of

if TYPE_CHECKING:
    from pathlib import Path

    from karma_core.records import Event
    from karma_log.log import Log

app = typer.Typer(help="Read, search, verify and export the log.", no_args_is_help=True)


def _address(value: str | None) -> str | None:
    """The address, checked: a mistyped one would find nothing and look like a component without events."""
    if value is not None:
        from karma_core import ids

        ids.Address.parse(value)
    return value


Component = Annotated[
    str | None, typer.Option("--component", "-c", help="Only this address.", callback=_address)
]
Action = Annotated[str | None, typer.Option("--action", "-a", help="Only this action; `terraform_*` works.")]
User = Annotated[str | None, typer.Option("--user", help="Only this user.")]
RunId = Annotated[str | None, typer.Option("--run", help="Only this run.")]
Since = Annotated[str | None, typer.Option("--since", help="From this time on (ISO 8601).")]
Until = Annotated[str | None, typer.Option("--until", help="Up to this time (ISO 8601).")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many, the newest.")]


def _open(env: str | None, project: Path | None) -> Log:
    from karma_adapters.wiring.bootstrap import open_stores

    return open_stores(settings_of(project), env).log


def _print(events: Iterable[Event], *, as_json: bool) -> None:
    from karma_core.model import to_builtins

    listed = list(events)
    if as_json:
        render.document(to_builtins(listed))
        return
    render.table(
        "",
        ("seq", "time", "action", "component", "status", "user", "id"),
        [(e.seq, render.local(e.timestamp), e.action, e.component, e.status, e.user, e.id) for e in listed],
    )


@app.command(
    "list", epilog="Examples:\n\n`karma log list --component vpc/core`\n\n`karma log list -n 20 --json`"
)
def list_(
    env: Env = None,
    project: ProjectDir = None,
    component: Component = None,
    run: RunId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List events, oldest first."""
    events = _open(env, project).events(
        component=component, run_id=run, since=since, until=until, limit=limit, newest_first=True
    )
    _print(reversed(list(events)), as_json=as_json)


@app.command(epilog="Examples:\n\n`karma log grep --action terraform_apply`\n\n`karma log grep --user ann`")
def grep(
    env: Env = None,
    project: ProjectDir = None,
    action: Action = None,
    user: User = None,
    component: Component = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """Search events by action, user, component and time."""
    events = _open(env, project).events(
        action=action,
        user=user,
        component=component,
        since=since,
        until=until,
        limit=limit,
        newest_first=True,
    )
    _print(reversed(list(events)), as_json=as_json)


@app.command(
    epilog="Examples:\n\n`karma log artifacts --component vpc/core`\n\n"
    "`karma log artifacts --run 01J9Z0… --json`"
)
def artifacts(
    env: Env = None,
    project: ProjectDir = None,
    component: Component = None,
    run: RunId = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 1000,
    as_json: Json = False,
) -> None:
    """List the artifacts of events: masked plans, by run and component, oldest first."""
    events = _open(env, project).events(
        component=component, run_id=run, since=since, until=until, newest_first=True
    )
    newest = islice(((key, event) for event in events for key in reversed(event.artifacts)), limit)
    rows = [
        {
            "key": key,
            "event": event.id,
            "action": event.action,
            "component": event.component,
            "run_id": event.run_id,
            "timestamp": event.timestamp,
        }
        for key, event in reversed(list(newest))
    ]
    if as_json:
        render.document(rows)
        return
    render.table(
        "",
        ("time", "component", "artifact", "event"),
        [(render.local(row["timestamp"] or ""), row["component"], row["key"], row["event"]) for row in rows],
    )


@app.command(epilog="Examples:\n\n`karma log show 01J9Z0…`\n\n`karma log show 01J9Z0… --open`")
def show(
    event_id: Annotated[str, typer.Argument(help="An event's id.")],
    opened: Annotated[bool, typer.Option("--open", help="Fetch its artifacts, too, and show them.")] = False,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show one event whole."""
    from karma_core.errors import NotFound
    from karma_core.ids import shown
    from karma_core.model import to_builtins

    event = _open(env, project).event(event_id)
    if event is None:
        raise NotFound(f"there is no event {shown(event_id)!r}", next_step="`karma log list` shows their ids")
    body = to_builtins(event)
    contents = _fetch(event, env, project) if opened else {}
    if as_json:
        render.document({**body, "opened": contents} if opened else body)
        return
    filled = {k: v for k, v in body.items() if v not in (None, "", [], {})}
    render.table("", ("field", "value"), filled.items())
    for key, content in contents.items():
        render.text(f"\n{key}:\n{content}")


def _fetch(event: Event, env: str | None, project: Path | None) -> dict[str, str]:
    """Artifact's key → its text; StoreError where one is gone, because artifacts are evidence."""
    from karma_adapters.wiring.bootstrap import open_stores
    from karma_core.errors import StoreError

    store = open_stores(settings_of(project), env).artifacts
    contents = {}
    for key in event.artifacts:
        raw = store.get(key)
        if raw is None:
            raise StoreError(
                f"the artifact {key} is gone",
                why="its store has no object of that key",
                next_step="restore it: the event that names it stands in the log",
                code="artifact-missing",
                key=key,
            )
        contents[key] = raw.decode("utf-8", "replace")
    return contents


@app.command(epilog="Example:\n\n`karma log diff --before 2026-01-01 --after 2026-01-31`")
def diff(
    before: Annotated[str, typer.Option("--before", help="One end of the time, a date or ISO 8601.")],
    after: Annotated[str, typer.Option("--after", help="The other end.")],
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Show what each component went through between two dates."""
    from karma_core.model import to_builtins

    summary = _open(env, project).diff(before, after)
    if as_json:
        render.document(to_builtins(summary))
        return
    render.table(
        f"{summary.events} events from {render.local(summary.since)} to {render.local(summary.until)}",
        ("component", "events", "last", "actions", "users"),
        [
            (
                c.component or "(environment)",
                c.events,
                c.last_status,
                ", ".join(f"{name} {count}" for name, count in c.actions.items()),
                ", ".join(c.users),
            )
            for c in summary.components
        ],
    )
    rows = [(c.change_id, c.last_status, ", ".join(c.components), c.user, c.why) for c in summary.changes]
    if rows:
        render.table("Changes", ("change", "last", "components", "user", "why"), rows)


@app.command(epilog="Example:\n\n`karma log verify && echo intact`")
def verify(env: Env = None, project: ProjectDir = None, as_json: Json = False) -> None:
    """Verify the hash chain of every sink against the head in the state store."""
    from karma_core.model import to_builtins

    result = _open(env, project).verify()
    if as_json:
        problems, notes = to_builtins(result.problems), list(result.notes)
        render.document({**to_builtins(result), "problems": problems, "notes": notes})
    else:
        render.table(
            "",
            ("sink", "events", "verified", "behind"),
            [(s.sink, s.result.events, "yes" if s.result.verified else "NO", s.behind) for s in result.sinks],
        )
        for said in result.notes:
            render.note(f"note: {said}")
        for problem in result.problems:
            render.note(f"problem: {problem.kind}: {problem.what}")
        render.line(f"{result.events} events, " + ("chain intact." if result.verified else "CHAIN BROKEN."))
    if not result.verified:
        raise typer.Exit(exits.FAILED)


@app.command(epilog="Example:\n\n`karma log export --since 2026-01-01 > january.jsonl`")
def export(env: Env = None, project: ProjectDir = None, since: Since = None, until: Until = None) -> None:
    """Write events as JSON Lines, as they are hashed."""
    from karma_core.printable import printable
    from karma_log.read import export as lines

    for raw in lines(_open(env, project).events(since=since, until=until)):
        if streams.reader_is_gone():
            return
        sys.stdout.buffer.write(printable(raw.decode()).encode() if sys.stdout.isatty() else raw)
