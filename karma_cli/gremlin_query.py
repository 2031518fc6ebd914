"""`karma graph query --gremlin`: the answer as text or JSON."""

from __future__ import annotations

from pathlib import Path

from karma_cli import render
from karma_cli.options import settings_of


def ask(
    env: str | None, project: Path | None, text: str, *, limit: int, seconds: float, as_json: bool
) -> None:
    """Ask in Gremlin and print one result a line, or the whole answer as JSON."""
    from karma_adapters.bootstrap import open_gremlin
    from karma_core.model import to_builtins
    from karma_core.strictjson import canonical

    settings = settings_of(project)
    name = settings.choose_environment(env).name
    answer = open_gremlin(settings, name).query(name, text, limit=limit, seconds=seconds)
    if as_json:
        render.document({"environment": name, "gremlin": text, **to_builtins(answer)})
        return
    for result in answer.results:
        render.line(result if isinstance(result, str) else canonical(result).decode())
    if answer.truncated:
        render.line(f"… and more than these {limit}.")
