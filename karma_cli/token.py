"""`karma token`: who may use the API of an environment."""

from __future__ import annotations

from typing import Annotated

import typer

from karma_cli import render
from karma_cli.options import Env, Json, ProjectDir, open_for, settings_of
from karma_core.roles import Role

app = typer.Typer(help="Create, list and revoke tokens of the API.", no_args_is_help=True)


@app.command(
    epilog="Examples:\n\n`karma token create ann@example.org --role operator --env prod`\n\n"
    "`karma token create ci --role operator --days 90 --json`"
)
def create(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="User the token authenticates as; the log names this user.")
    ],
    role: Annotated[Role, typer.Option("--role", "-r", help="What it may do.")] = Role.VIEWER,
    days: Annotated[
        int | None,
        typer.Option("--days", min=1, help="Days until the token expires (default: api.token_days, 90)."),
    ] = None,
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Create a token and print it; it is shown this once, Karma keeps only its hash."""
    from karma_core.use_cases.access import tokens

    days = days if days is not None else settings_of(project).api.token_days
    token, text = tokens.create(open_for(env, project), user, role, days=days)
    if as_json:
        render.document({"token": text, **token.document()})
        return
    render.note(f"Token {token.id} of {token.user}, {token.role}, for {days} days; it is not shown again:")
    render.text(text)


@app.command("list", epilog="Example:\n\n`karma token list --env prod`")
def list_(env: Env = None, project: ProjectDir = None, as_json: Json = False) -> None:
    """List tokens, without their texts."""
    from karma_core.use_cases.access import tokens

    listed = tokens.tokens(open_for(env, project))
    if as_json:
        render.document([token.document() for token in listed])
        return
    columns = ("token", "user", "role", "created", "by", "expires", "revoked")
    rows = [
        (
            token.id,
            token.user,
            str(token.role),
            render.local(token.created_at),
            token.created_by,
            render.local(token.expires_at),
            render.local(token.revoked_at),
        )
        for token in listed
    ]
    render.table("", columns, rows)


@app.command(epilog="Example:\n\n`karma token revoke 01JD2Z3V7Q --env prod`")
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="The token's id, as listed.")],
    env: Env = None,
    project: ProjectDir = None,
    as_json: Json = False,
) -> None:
    """Make a token worthless from now on."""
    from karma_core.use_cases.access import tokens

    token = tokens.revoke(open_for(env, project), token_id)
    if as_json:
        render.document(token.document())
        return
    render.line(f"Token {token.id} of {token.user} is revoked.")
