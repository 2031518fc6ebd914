"""`match` rules of a component type: a config field names a producer by one of its config values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from karma_core import ids
from karma_core.component_types import Match as Rule
from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference, Resolved, Subject, comparable
from karma_core.references.entries import values_at


class Match:
    """Finds producers by value. Several are an error; none is a warning, for it may live elsewhere."""

    name: ClassVar[str] = "match"
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each value of each rule's field that names exactly one producer."""
        rules = self._context.definition(subject.type).match
        if not rules:
            return ()
        return [reference for rule in rules for reference in self._by(rule, subject)]

    def _by(self, rule: Rule, subject: Subject) -> Iterator[Resolved]:
        producers = self._context.named_by(rule.type, rule.equals)
        for value, pointer in values_at(subject.config, rule.field):
            if value is None or value == "":
                continue
            name = comparable(value)
            matches = producers.get(name, []) if name is not None else []
            if len(matches) == 1:
                yield Reference(subject.address, matches[0], self.name, pointer)
            else:
                yield _finding(rule, subject, value, pointer, matches)


def _finding(rule: Rule, subject: Subject, value: object, pointer: str, matches: list[str]) -> Finding:
    looked_for = f"{rule.type} with {rule.equals} {ids.shown(value)!r}"
    if matches:
        listed = ", ".join(matches[:5]) + (", …" if len(matches) > 5 else "")  # noqa: PLR2004 - enough to see
        return Finding(
            code="ambiguous-match",
            severity=Severity.ERROR,
            component=subject.address,
            pointer=pointer,
            message=f"{len(matches)} components are a {looked_for}: {listed}. Name one in depends_on, "
            f"or make {rule.equals} unique.",
        )
    return Finding(
        code="unmatched-reference",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=pointer,
        message=f"no {looked_for} here; it may live outside this environment. "
        f"If it should be here, add its config.",
    )
