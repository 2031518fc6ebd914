"""The view of the graph in a URL's query: decoded strictly, and encoded back to the same text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import urlencode

from karma_core import ids
from karma_core.errors import UsageError
from karma_core.ids import shown
from karma_core.model import Status

Form = Literal["graph", "table", "tree"]
MOST_TEXT: Final = 200
DEPTHS: Final = ("0", "1", "2", "3", "5", "all")


@dataclass(frozen=True, kw_only=True)
class View:
    """A view. Defaults are those of an address without a query.

    `focus` is an address, drawn with its consumers and producers within `down` and `up` steps. `collapse` is
    `auto`, `none`, or types joined by commas. `at` is a build, `since` an earlier one to compare with. `plan`
    is the id of a plan that is drawn over the graph.
    """

    form: Form = "graph"
    focus: str = ""
    up: str = "1"
    down: str = "all"
    type: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    q: str = ""
    collapse: str = "auto"
    at: str = ""
    since: str = ""
    plan: str = ""

    def but(self, **changes: Any) -> str:
        """The query of this view with some things changed, as a link: `?…`."""
        other = replace(self, **changes)
        pairs = [
            (field.name, ",".join(value) if isinstance(value, tuple) else value)
            for field in fields(other)
            if (value := getattr(other, field.name)) != field.default
        ]
        return "?" + urlencode(pairs)

    @property
    def steps_up(self) -> int | None:
        """The number of steps to follow producers; None: no limit."""
        return None if self.up == "all" else int(self.up)

    @property
    def steps_down(self) -> int | None:
        """The number of steps to follow consumers; None: no limit."""
        return None if self.down == "all" else int(self.down)

    def toggled(self, name: Literal["type", "status"], value: str) -> str:
        """The link that adds a type or status to the filter, or takes it away."""
        chosen = set(getattr(self, name)) ^ {value}
        return self.but(**{name: tuple(sorted(chosen))})


def read_view(query: Mapping[str, str]) -> View:
    """The view that a query means; UsageError `query` where it means none. Unknown names are let be."""
    given = {name: value for name, value in query.items() if value}
    types = _several(given, "type", ids.check_type)
    view = View(
        form=cast("Form", _one_of(given, "form", get_args(Form), "graph")),
        focus=_address(given.get("focus", "")),
        up=_one_of(given, "up", DEPTHS, "1"),
        down=_one_of(given, "down", DEPTHS, "all"),
        type=types,
        status=_several(given, "status", Status),
        q=given.get("q", "")[:MOST_TEXT],
        collapse=_collapse(given.get("collapse", "auto")),
        at=_number(given, "at"),
        since=_number(given, "since"),
        plan=given.get("plan", ""),
    )
    if view.plan and not (view.plan.isascii() and view.plan.replace("-", "").isalnum()):
        raise _wrong("plan", view.plan)
    return view


def _several(given: Mapping[str, str], name: str, check: Callable[[str], object]) -> tuple[str, ...]:
    values = sorted({value for value in given.get(name, "").split(",") if value})
    for value in values:
        try:
            check(value)
        except (UsageError, ValueError) as error:
            raise _wrong(name, value) from error
    return tuple(values)


def _collapse(value: str) -> str:
    if value not in {"auto", "none"}:
        _several({"collapse": value}, "collapse", ids.check_type)
    return value


def _address(value: str) -> str:
    if value:
        ids.Address.parse(value)
    return value


def _number(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "")
    if value and not (value.isascii() and value.isdigit() and len(value) <= 18):  # noqa: PLR2004 - 64 bits
        raise _wrong(name, value)
    return value


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = given.get(name, default)
    if value not in allowed:
        raise _wrong(name, value)
    return value


def _wrong(name: str, value: str) -> UsageError:
    return UsageError(
        "the address of this page cannot be read",
        why=f"{name} is {shown(value)!r}",
        next_step="open the page without it",
        code="query",
    )
