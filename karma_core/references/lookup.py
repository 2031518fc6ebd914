"""Resolves data sources to the components whose resources they look up: same type and identifying value.

`data "aws_route53_zone" { name = "example.org" }` in one module and `resource "aws_route53_zone"` with that
name in another: nobody has to say that they belong together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Final

from karma_core import ids
from karma_core.inference.evaluate import Identity, identities
from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference, Resolved, Subject, comparable

VIA: Final = "lookup"
_SAME: Final = {
    ("aws_acm_certificate", "domain"): "domain_name",
    ("aws_db_instance", "db_instance_identifier"): "identifier",
    ("aws_ecs_cluster", "cluster_name"): "name",
}
"""Where a data source and the resource call the same thing differently (AWS provider documentation)."""
_ELSEWHERE: Final = "arn:aws:iam::aws:"
"""Policies that AWS itself provides: nobody's component creates them."""

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
            references += self._for(subject, sought)
        return references

    def _for(self, subject: Subject, sought: Identity) -> Iterable[Resolved]:
        if sought.value.startswith(_ELSEWHERE):
            return
        argument = _SAME.get((sought.resource, sought.argument), sought.argument)
        name = comparable(sought.value) or ""
        creators = self._index().get((sought.resource, argument, name), [])
        for address in creators:
            if address != subject.address:
                yield Reference(subject.address, address, VIA, sought.place)
        if not creators:
            yield _unmatched(subject, sought)
        elif len(creators) > 1 and subject.address not in creators:
            yield _ambiguous(subject, sought, creators)

    def _index(self) -> dict[_Key, list[str]]:
        """Return what every component creates, by key. O(components), once per build and only if needed."""
        if self._created is None:
            facts = self._context.modules.facts
            sought = frozenset[str]().union(*(one.sought for one in facts.values()))
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
                    key = (one.resource, one.argument, comparable(one.value) or "")
                    if address not in created.setdefault(key, []):
                        created[key].append(address)


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
