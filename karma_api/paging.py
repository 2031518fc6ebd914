"""Pages of a list: a limit, and a cursor that says where the next page begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Annotated, Final, TypeVar

from msgspec import Meta

from karma_api.route import Answered, Asked
from karma_core.errors import UsageError
from karma_core.ids import shown
from karma_core.json_types import JsonObject, JsonValue

Item = TypeVar("Item")

MOST: Final = 500
Limit = Annotated[int, Meta(ge=1, le=MOST, description="At most so many.")]
Cursor = Annotated[
    str, Meta(max_length=200, description="`next` of the page before; leave it out for the first.")
]


class PageAsked(Asked, frozen=True, kw_only=True):
    """The parameters of every list."""

    limit: Limit = 100
    after: Cursor | None = None


class Page(Answered, kw_only=True):
    """A page. `next` is the cursor of the next page, null on the last."""

    items: list[JsonObject]
    next: str | None


def page(
    rows: Iterable[Item], limit: int, *, cursor: Callable[[Item], str], show: Callable[[Item], JsonValue]
) -> JsonObject:
    """Return the first `limit` rows; one more is read to know whether there is a next page."""
    taken = list(islice(rows, limit + 1))
    items = taken[:limit]
    return {
        "items": [show(item) for item in items],
        "next": cursor(items[-1]) if len(taken) > limit else None,
    }


def number(cursor: str | None, *, default: int) -> int:
    """A cursor that is a number; UsageError `query` where it is none."""
    if cursor is None:
        return default
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):  # noqa: PLR2004 - 64 bits
        raise UsageError(
            f"{shown(cursor)!r} is not a cursor of this list",
            next_step="give `next` of the page before, or leave it out",
            code="query",
        )
    return int(cursor)


def behind(items: list[Item], cursor: str | None, key: Callable[[Item], str]) -> list[Item]:
    """The items behind the one that the cursor names; UsageError `query` where it names none."""
    if cursor is None:
        return items
    for place, item in enumerate(items):
        if key(item) == cursor:
            return items[place + 1 :]
    raise UsageError(
        f"{shown(cursor)!r} is not a cursor of this list",
        next_step="give `next` of the page before, or leave it out",
        code="query",
    )
