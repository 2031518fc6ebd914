"""Templates: Jinja2 with everything escaped, and the few filters that pages share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonValue

_UNITS: Final = (("d", 86400), ("h", 3600), ("min", 60))


def pretty(value: JsonValue) -> str:
    """A JSON value for people, keys in their own order."""
    return dumps(value, indent=2)


def moment(value: str | None) -> str:
    """An ISO 8601 time to the second, as people read it, in UTC."""
    return value[:19].replace("T", " ") if value else ""


def short(value: str | None, length: int = 12) -> str:
    """The beginning of a digest or id."""
    text = (value or "").removeprefix("sha256:").removeprefix("hmac:")
    return text if len(text) <= length else text[:length] + "…"


def seconds(value: float | None) -> str:
    """A duration in the unit that suits it."""
    if value is None:
        return ""
    for unit, size in _UNITS:
        if value >= size:
            return f"{value / size:.1f} {unit}"
    return f"{value:.1f} s"


def words(value: str) -> str:
    """A code word as words: `awaiting_approval` → `awaiting approval`."""
    return value.replace("_", " ")


_TEMPLATES: Final = Environment(
    loader=PackageLoader("karma_ui"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(pretty=pretty, moment=moment, short=short, duration=seconds, words=words)


def render(template: str, facts: Mapping[str, object]) -> str:
    """The text of a template. A fact that it needs and does not get is a defect."""
    return _TEMPLATES.get_template(template).render(facts)
