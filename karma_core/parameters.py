"""The rules of a parameter store: names, values, sizes, tiers, tags, versions.

They are those of AWS SSM Parameter Store, so that what the embedded store takes, SSM takes too. Sources: the
SSM API reference (PutParameter, GetParametersByPath) and the quotas of Parameter Store. Every adapter checks
all writes by these functions before its first write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from karma_core.errors import BadInput, Conflict
from karma_core.ids import shown
from karma_core.model import Record
from karma_core.records import ADVANCED_BYTES, STANDARD_BYTES, Parameter, ParameterWrite, Tier

MAX_NAME: Final = 1011
"""Longest name in characters (PutParameter, Name)."""
MAX_LEVELS: Final = 15
"""Most levels of a hierarchy (PutParameter, Name)."""
MAX_DESCRIPTION: Final = 1024
"""Longest description in characters (PutParameter, Description)."""
MAX_TAGS: Final = 50
"""Most tags of one parameter (AddTagsToResource)."""
KEPT_VERSIONS: Final = 100
"""Versions kept of one parameter, the current one included (ParameterMaxVersionLimitExceeded)."""
PAGE_SIZE: Final = 10
"""Most parameters on a page (GetParametersByPath, MaxResults)."""

_NAME: Final = re.compile(r"(?:(?:/[A-Za-z0-9_.-]+)+|[A-Za-z0-9_.-]+)\Z")
_RESERVED: Final = re.compile(r"/?(?:aws|ssm)", re.IGNORECASE)
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_.-]+)*/?\Z")
_TAG_KEY: Final = re.compile(r"(?!aws:)[\w\s.:/=+@-]{1,128}\Z")
_TAG_VALUE: Final = re.compile(r"[\w\s.:/=+@-]{0,256}\Z")


class Held(Record, frozen=True, kw_only=True):
    """The stored state of a parameter before a write."""

    version: int
    tier: Tier
    tags: dict[str, str] = {}


class Planned(Record, frozen=True, kw_only=True):
    """One new version to be stored, its value in the clear, and all tags that the parameter has then."""

    parameter: Parameter
    tags: dict[str, str]


def check_name(name: str) -> None:
    """BadInput `invalid-name` unless SSM would take the name."""
    if len(name) > MAX_NAME:
        why = f"it has {len(name):,} characters, more than {MAX_NAME:,}"
    elif not _NAME.match(name):
        why = "a name is made of a-z A-Z 0-9 _ . - and, between and before its levels, /"
    elif name.count("/") > MAX_LEVELS:
        why = f"it has more than {MAX_LEVELS} levels"
    elif _RESERVED.match(name):
        why = "names that begin with aws or ssm are reserved"
    else:
        return
    raise BadInput(
        f"{shown(name)!r} is not a valid parameter name",
        why=why,
        next_step="choose another name or prefix",
        code="invalid-name",
        parameter=shown(name),
    )


def check_value(name: str, value: str, tier: Tier | None = None) -> Tier:
    """The smallest tier that holds the value, not below `tier`.

    BadInput: `empty-value`, `invalid-value` (not Unicode), `parameter-reference` (SSM would resolve `{{…}}`),
    `too-large` for the tier.
    """
    if not value:
        raise _bad_value(name, "empty-value", "SSM keeps no empty value", "write at least one character")
    if "{{" in value:
        why = "SSM reads {{…}} as a reference to another parameter and refuses it in a value"
        raise _bad_value(name, "parameter-reference", why, "write the value without {{")
    size = _size(name, value)
    limit = STANDARD_BYTES if tier is Tier.STANDARD else ADVANCED_BYTES
    if size > limit:
        why = f"it has {size:,} bytes of UTF-8; the {tier or Tier.ADVANCED} tier holds {limit:,}"
        raise _bad_value(name, "too-large", why, "make the value smaller", size=size, limit=limit)
    return Tier.ADVANCED if size > STANDARD_BYTES else tier or Tier.STANDARD


def check_write(write: ParameterWrite) -> None:
    """BadInput unless the write keeps every rule that does not depend on what the store holds."""
    check_name(write.name)
    check_value(write.name, write.value, write.tier)
    if len(write.description) > MAX_DESCRIPTION:
        why = f"it has {len(write.description):,} characters, more than {MAX_DESCRIPTION:,}"
        raise _bad(write.name, "description", "description-too-long", why, "shorten the description")
    if write.tags:
        _check_tags(write.name, write.tags)


def plan_writes(writes: Sequence[ParameterWrite], held: Mapping[str, Held], now: str) -> list[Planned]:
    """The versions that the writes make, in order, from what the store holds.

    All checks are done when this returns: BadInput by the rules above and `tier-downgrade`, Conflict where a
    base is not the version found. Several writes of one name build on each other.
    """
    for write in writes:
        check_write(write)
    newest = dict(held)
    planned = []
    for write in writes:
        step = _plan(write, newest.get(write.name), now)
        newest[write.name] = Held(version=step.parameter.version, tier=step.parameter.tier, tags=step.tags)
        planned.append(step)
    return planned


def check_base(write: ParameterWrite, current: int) -> None:
    """Conflict unless the write's base is the version found (0: no such parameter)."""
    if write.base is not None and write.base != current:
        raise Conflict(
            f"{write.name} has moved",
            why=f"version {write.base} was expected, version {current} is there",
            next_step="read it again and decide anew",
            parameter=write.name,
            expected=write.base,
            found=current,
        )


def path_bounds(prefix: str) -> tuple[str, str]:
    """(low, high): names below prefix, at any depth, are those with low < name < high.

    BadInput `invalid-name` unless prefix is a path. `0` is the character after `/`.
    """
    if not prefix.startswith("/") or not _PATH.match(prefix):
        raise BadInput(
            f"{shown(prefix)!r} is not a parameter path",
            why="a path begins with / and is made of a-z A-Z 0-9 _ . - /",
            next_step="correct the prefix",
            code="invalid-name",
        )
    path = prefix.rstrip("/")
    return path + "/", path + "0"


def page_start(token: str | None, low: str, high: str) -> str:
    """The name after which a page begins; BadInput `invalid-token` for a token of another listing.

    The embedded stores' token is the last name of the page before.
    """
    if token is None:
        return low
    if not low < token < high:
        raise BadInput(
            "the page token does not belong to this listing",
            why="it names no parameter below the prefix",
            next_step="start the listing from its first page",
            code="invalid-token",
        )
    return token


def unique(names: Iterable[str]) -> list[str]:
    """The names once each, in the order of their first appearance."""
    return list(dict.fromkeys(names))


def _plan(write: ParameterWrite, before: Held | None, now: str) -> Planned:
    check_base(write, before.version if before else 0)
    tags = {**before.tags, **write.tags} if before else dict(write.tags)
    if len(tags) > MAX_TAGS:
        raise _too_many_tags(write.name, len(tags))
    parameter = Parameter(
        name=write.name,
        value=write.value,
        version=before.version + 1 if before else 1,
        kind=write.kind,
        tier=_next_tier(write, before.tier if before else None),
        description=write.description,
        modified_at=now,
    )
    return Planned(parameter=parameter, tags=tags)


def _next_tier(write: ParameterWrite, before: Tier | None) -> Tier:
    """Return the tier of the next version; BadInput `tier-downgrade`, since SSM never downgrades."""
    if before is Tier.ADVANCED:
        if write.tier is Tier.STANDARD:
            why = "it is an advanced parameter, and SSM does not turn one back into a standard one"
            raise _bad(write.name, "tier", "tier-downgrade", why, "delete it first, or leave the tier out")
        return Tier.ADVANCED
    return check_value(write.name, write.value, write.tier)


def _size(name: str, value: str) -> int:
    try:
        return len(value.encode("utf-8"))
    except UnicodeEncodeError as error:
        why = "it holds half of a surrogate pair"
        raise _bad_value(name, "invalid-value", why, "write Unicode text") from error


def _check_tags(name: str, tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise _too_many_tags(name, len(tags))
    for key, value in tags.items():
        if not _TAG_KEY.match(key) or not _TAG_VALUE.match(value):
            why = f"the tag {shown(key)!r} is not one that AWS takes"
            next_step = "use letters, digits, spaces and . : / = + @ - _, up to 128 (key) and 256 (value)"
            raise _bad(name, "tags", "invalid-tag", why, next_step)


def _too_many_tags(name: str, count: int) -> BadInput:
    why = f"it would have {count} tags, more than {MAX_TAGS}"
    return _bad(name, "tags", "too-many-tags", why, "use fewer tags")


def _bad_value(name: str, code: str, why: str, next_step: str, **facts: int) -> BadInput:
    return _bad(name, "value", code, why, next_step, **facts)


def _bad(name: str, part: str, code: str, why: str, next_step: str, **facts: int) -> BadInput:
    what = f"the {part} of {shown(name)} cannot be stored"
    return BadInput(what, why=why, next_step=next_step, code=code, parameter=shown(name), **facts)
