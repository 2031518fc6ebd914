"""Which Terraform or OpenTofu runs modules, and which versions of it may.

Versions and constraints are read as Terraform reads them in `required_version` (its documentation: Version
Constraints): a comma stands for "and", `~>` lets the last part that is written rise, and a pre-release only
satisfies a constraint that names the same release of it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from karma_core.documents import Document

_VERSION: Final = re.compile(r"v?(\d{1,9}(?:\.\d{1,9}){0,2})(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_CONSTRAINT: Final = re.compile(r"(=|!=|>=|<=|>|<|~>)?\s*(\S+)")
_PARTS: Final = 3


class Version(NamedTuple):
    """A version with three parts. `pre` is that of a pre-release, else empty; `written` counts its parts."""

    parts: tuple[int, ...]
    pre: str
    written: int

    @property
    def order(self) -> tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]:
        """Sort key by Semantic Versioning: a pre-release comes before its release, numbers before texts."""
        parts = [part for part in self.pre.split(".") if part]
        pre = tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in parts)
        return self.parts, not self.pre, pre


def version_of(text: str) -> Version:
    """The version in a text such as `1.11.4` or `v1.9.0-rc1`; ValueError where it is none."""
    match = _VERSION.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is no version")
    numbers = [int(number) for number in match[1].split(".")]
    return Version(tuple(numbers + [0] * (_PARTS - len(numbers))), match[2] or "", len(numbers))


def constraints_of(text: str) -> tuple[tuple[str, Version], ...]:
    """(operator, version) of each part of a constraint; ValueError where it cannot be read."""
    parsed = []
    for part in text.split(",") if text.strip() else ():
        match = _CONSTRAINT.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{part.strip()[:40]!r} is no version constraint; write it like >= 1.9, < 2")
        parsed.append((match[1] or "=", version_of(match[2])))
    return tuple(parsed)


def satisfies(version: str, constraint: str) -> bool:
    """Whether a version meets every part of a constraint."""
    subject = version_of(version)
    return all(_meets(subject, operator, wanted) for operator, wanted in constraints_of(constraint))


def _meets(subject: Version, operator: str, wanted: Version) -> bool:
    if operator in {"=", "!="}:
        return (subject.order == wanted.order) is (operator == "=")
    if subject.pre and not (wanted.pre and subject.parts == wanted.parts):
        return False
    if operator == "~>":
        fixed = wanted.written - 1
        return subject.order >= wanted.order and subject.parts[:fixed] == wanted.parts[:fixed]
    return {
        ">": subject.order > wanted.order,
        ">=": subject.order >= wanted.order,
        "<": subject.order < wanted.order,
        "<=": subject.order <= wanted.order,
    }[operator]


class EngineChoice(Document, frozen=True, kw_only=True):
    """The engine that a project, an environment or a type asks for.

    `binary` is a path, a name on PATH, or `embedded`; empty: whatever the others say. `version` is a
    constraint such as `>= 1.9, < 2`; empty: any.
    """

    binary: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        constraints_of(self.version)


ANY: Final = EngineChoice()
"""Asks for nothing: what the environment has is taken."""
