"""Every resolver, in the order in which they are asked: the one list of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from karma_core.json_types import JsonObject
from karma_core.references.base import Context, Resolved, Resolver, Subject
from karma_core.references.declared import Declared
from karma_core.references.entries import walk
from karma_core.references.lookup import Lookup
from karma_core.references.match import Match
from karma_core.references.module import Module
from karma_core.references.nickname import Nickname
from karma_core.references.parameter import Parameter
from karma_core.references.state import State
from karma_core.references.value import Value, unread
from karma_core.references.variables import VariableCheck

RESOLVERS: Final[tuple[type[Resolver], ...]] = (
    Declared,
    Nickname,
    Parameter,
    Match,
    Value,
    Lookup,
    State,
    Module,
)
"""`Module` is the last: its `dependencies` hold the producers that the others resolved."""


class Prepared(msgspec.Struct, frozen=True):
    """The resolvers of one build, and the names of those by which a config names a runtime."""

    resolvers: tuple[Resolver, ...]
    naming: frozenset[str]
    variables: VariableCheck


def prepare(context: Context, resolvers: Sequence[type[Resolver]] = RESOLVERS) -> Prepared:
    """The resolvers, ready for every component of one build."""
    naming = frozenset(one.name for one in resolvers if one.names_runtime)
    return Prepared(tuple(make(context) for make in resolvers), naming, VariableCheck(context))


def find_all(prepared: Prepared, address: str, component_type: str, config: JsonObject) -> list[Resolved]:
    """What all resolvers find in one config, which is walked once, and findings on the module's variables."""
    resolved: list[Resolved] = []
    subject = Subject(address, component_type, config, walk(config), resolved, prepared.naming, [])
    for resolver in prepared.resolvers:
        resolved += resolver.find(subject)
    if subject.own_config:
        resolved += unread(subject)
    resolved += prepared.variables.find(subject)
    return resolved
