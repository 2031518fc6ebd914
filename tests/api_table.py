"""The table of docs/api.md: each route, with its role and its Lambda function as people read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from karma_core.roles import Role

TEXT: Final = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
_ROW: Final = re.compile(r"^\| (`(?:GET|POST) /.*?) \| (.+?) \| (.+?) \| .+ \|$", re.MULTILINE)


class Said(NamedTuple):
    """What the page says of one route: None where it is open to everybody, or no function has it."""

    role: Role | None
    function: str | None


def table() -> dict[str, Said]:
    """`GET /path` → what the page says. A row names its method once for all paths that follow."""
    said: dict[str, Said] = {}
    for routes, roles, functions in _ROW.findall(TEXT):
        doors = _doors(routes)
        cells = (_each(roles, len(doors)), _each(functions, len(doors)))
        for door, role, function in zip(doors, *cells, strict=True):
            assert door not in said, f"docs/api.md has two rows for {door}"
            said[door] = Said(
                role=Role(role) if role != "open" else None,
                function=function.strip("`") if function != "none" else None,
            )
    return said


def _doors(cell: str) -> list[str]:
    found, method = [], ""
    for named, path in re.findall(r"`(?:(GET|POST) )?(/[^`]*)`", cell):
        method = named or method
        found.append(f"{method} {path}")
    return found


def _each(cell: str, count: int) -> list[str]:
    """One value for each route: a cell with a single one means it for all."""
    values = cell.split(", ")
    return values * count if len(values) == 1 else values
