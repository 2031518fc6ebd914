"""Resolves data sources to the components whose resources they look up: same type and identifying value.

`data "aws_route53_zone" { name = "example.org" }` in one module and `resource "aws_route53_zone"` with that
name in another: nobody has to say that they belong together.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterable
from functools import cached_property
from itertools import takewhile
from typing import ClassVar, Final

from karma_core import ids
from karma_core.inference.evaluate import Identity, identities
from karma_core.inference.facts import BY_PATH
from karma_core.inference.read import PARAMETER
from karma_core.inference.reading import parameter_of
from karma_core.model import Finding, Severity, about_type
from karma_core.references.base import Context, LookedUp, Reference, Resolved, Subject, comparable
from karma_core.references.state import UNSEEN

VIA: Final = "lookup"
_VAULTED: Final = "aws_secretsmanager_secret"
_SAME: Final = {
    ("aws_acm_certificate", "domain"): ("aws_acm_certificate", "domain_name"),
    ("aws_db_instance", "db_instance_identifier"): ("aws_db_instance", "identifier"),
    ("aws_ecs_cluster", "cluster_name"): ("aws_ecs_cluster", "name"),
    (f"{_VAULTED}_version", "secret_id"): (_VAULTED, "name"),
}
"""Where a data source and the resource call the same thing differently (AWS provider documentation)."""
_TO_THE_LETTER: Final = frozenset({PARAMETER, _VAULTED})
_ARN: Final = re.compile(r"arn:[^:]*:ssm:[^:]*:[^:]*:parameter(?=/)")
_ARN_OF_SECRET: Final = re.compile(r"arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(?P<name>.+)-[A-Za-z0-9]{6}")
_TYPES: Final = {source[0]: resource[0] for source, resource in _SAME.items()} | {BY_PATH: PARAMETER}
_ELSEWHERE: Final = ("arn:aws:iam::aws:", "/aws/")
"""Policies and parameters that AWS itself provides: nobody's component creates them."""

_Key = tuple[str, str, str]
"""(resource type, the resource's argument, comparable value)."""


class Lookup:
    """Finds producers by what their modules create. Several with one value are all taken, with a warning."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context
        self._created: dict[_Key, list[str]] | None = None

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each component that creates what is looked up."""
        program = self._context.program(subject.type)
        if program is None or not program.looks_up:
            return ()
        inputs = self._context.inputs(subject.address, subject.config)
        references: list[Resolved] = []
        for sought in identities(program, inputs, "lookups"):
            if sought.lost:
                references.append(_unseen(subject, sought))
            else:
                find = self._below if sought.resource == BY_PATH else self._for
                references += find(subject, sought)
        return references

    def _below(self, subject: Subject, sought: Identity) -> Iterable[Resolved]:
        """Everybody who writes a parameter below the path, on the next level or, `recursive`, on any."""
        if not sought.value:
            yield _unseen_path(subject, sought)
        elif not f"{sought.value}/".startswith(_ELSEWHERE):
            start = f"{sought.value.rstrip('/')}/"
            written = self._written
            after = (written[at] for at in range(bisect(written, (start,)), len(written)))
            below = takewhile(lambda one: one[0].startswith(start), after)
            writers = {a for name, a in below if sought.recursive or "/" not in name.removeprefix(start)}
            for address in sorted(writers - {subject.address}):
                yield self._found(subject, address, sought, start)
            if not writers:
                yield _unmatched(subject, sought)

    @cached_property
    def _written(self) -> list[tuple[str, str]]:
        """(name, who writes it) of every parameter that a module creates, and of every runtime; sorted."""
        created = (
            (f"/{name.lstrip('/')}", address)
            for (resource, argument, name), creators in self._index().items()
            if (resource, argument) == (PARAMETER, "name")
            for address in creators
        )
        prefix = self._context.prefix
        addresses = (address for of_type in self._context.configs.values() for address in of_type)
        return sorted((*created, *((ids.runtime_parameter(prefix, a), a) for a in addresses)))

    def _for(self, subject: Subject, sought: Identity) -> Iterable[Resolved]:
        if sought.value.startswith(_ELSEWHERE):
            return
        wanted = (sought.resource, sought.argument)
        if parameter_of(sought.value, self._context.prefix).kind:
            return  # Karma's own, which the module's reads are about
        resource, argument = _SAME.get(wanted, wanted)
        name = _name(resource, sought.value)
        creators = self._index().get((resource, argument, name), [])
        for address in creators:
            if address != subject.address:
                yield self._found(subject, address, sought, name)
        if not creators:
            yield _unmatched(subject, sought)
        elif len(creators) > 1 and subject.address not in creators:
            yield _ambiguous(subject, sought, creators)

    def _found(self, subject: Subject, address: str, sought: Identity, name: str) -> Reference:
        looked_up = self._context.looked_up.setdefault(subject.address, [])
        looked_up.append(LookedUp(sought.resource, name, address))
        return Reference(subject.address, address, VIA, sought.place)

    def _index(self) -> dict[_Key, list[str]]:
        """Return what every component creates, by key. O(components), once per build and only if needed."""
        if self._created is None:
            facts = self._context.modules.facts
            looked_up = frozenset[str]().union(*(one.sought for one in facts.values()))
            sought = frozenset(_TYPES.get(kind, kind) for kind in looked_up)
            creating = {kind for kind, one in facts.items() if one.created & sought}
            self._created = {}
            for component_type in sorted(creating):
                self._add(component_type, sought)
        return self._created

    def _add(self, component_type: str, sought: frozenset[str]) -> None:
        program = self._context.program(component_type)
        created = self._created
        if program is None or created is None:
            return
        for address, config in sorted(self._context.configs.get(component_type, {}).items()):
            for one in identities(program, self._context.inputs(address, config), "creates"):
                if one.resource in sought:
                    key = (one.resource, one.argument, _name(one.resource, one.value))
                    if address not in created.setdefault(key, []):
                        created[key].append(address)


def _name(resource: str, value: str) -> str:
    """A value in the form in which it is compared: names of parameters and secrets to the letter."""
    if resource in _TO_THE_LETTER:
        secret = _ARN_OF_SECRET.fullmatch(value)
        return secret["name"] if secret else _ARN.sub("", value)
    return comparable(value) or ""


def _unseen(subject: Subject, sought: Identity) -> Finding:
    return Finding(
        code=UNSEEN,
        severity=Severity.WARNING,
        component=subject.address,
        pointer=sought.place,
        message=f"which {sought.resource} its module reads does not follow from module and config: "
        f"{sought.lost}. If another component makes it, declare that in depends_on.",
    )


def _unseen_path(subject: Subject, sought: Identity) -> Finding:
    """On the type, as every read that is not followed."""
    return Finding(
        code=UNSEEN,
        severity=Severity.WARNING,
        component=about_type(subject.type),
        pointer=sought.place,
        message=f"`data.{sought.resource}` reads below a path that does not follow from variables and "
        "config. If what it reads comes from another component, declare that in depends_on.",
    )


def _unmatched(subject: Subject, sought: Identity) -> Finding:
    return Finding(
        code="unmatched-reference",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=sought.place,
        message=f"no component here creates the {sought.resource} with {sought.argument} "
        f"{ids.shown(sought.value)!r} that its module looks up; it may live outside this environment. "
        f"If it should be here, add its config.",
    )


def _ambiguous(subject: Subject, sought: Identity, creators: list[str]) -> Finding:
    return Finding(
        code="ambiguous-match",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=sought.place,
        message=f"{len(creators)} components create a {sought.resource} with {sought.argument} "
        f"{ids.shown(sought.value)!r}: {', '.join(creators[:5])}. It depends on all of them; make the value "
        f"unique if one is meant.",
    )
