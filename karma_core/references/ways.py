"""All ways in which a dependency is found, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from karma_core.references.base import Context, Found, Subject, Way
from karma_core.references.declared import Declared
from karma_core.references.entries import walk
from karma_core.references.lookup import Lookup
from karma_core.references.match import Match
from karma_core.references.module import Module
from karma_core.references.nickname import Nickname
from karma_core.references.parameter import Parameter

MakeWay = Callable[[Context], Way]
"""Prepares a way for one build."""

WAYS: tuple[MakeWay, ...] = (Declared, Nickname, Parameter, Match, Lookup, Module)
"""`Module` is the last: what the others found is what its `dependencies` hold."""


def prepare(context: Context, ways: Sequence[MakeWay] = WAYS) -> tuple[Way, ...]:
    """The ways, ready for every component of one build."""
    return tuple(make(context) for make in ways)


def find_all(ways: Sequence[Way], address: str, component_type: str, config: dict[str, Any]) -> list[Found]:
    """Everything that all ways find in one config, walked once."""
    found: list[Found] = []
    subject = Subject(address, component_type, config, walk(config), found)
    for way in ways:
        found += way.find(subject)
    return found
