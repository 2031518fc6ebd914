"""`{"$runtime": "vpc/core#subnet_ids"}` anywhere in a config: a value of another component's runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference, Resolved, Subject
from karma_core.runtime_references import RUNTIME, Malformed, parse, references

VIA: Final = "value"


class Value:
    """Finds the producers of a config's values; each consumes exactly the key that it names."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each value that is taken from a runtime; a finding for what is malformed."""
        if RUNTIME in [key for key, _, _ in subject.entries]:  # hardly ever
            yield from self._references(subject)

    def _references(self, subject: Subject) -> Iterator[Resolved]:
        for pointer, body in references(subject.config):
            made = parse(body)
            if isinstance(made, Malformed) or not pointer:
                yield _malformed(subject, pointer, made)
                continue
            self._context.takes_values.add(subject.address)
            keys = (made.key,)
            optional = keys if made.has_default else ()
            yield Reference(subject.address, made.target, VIA, pointer, True, keys, optional)


def unread(subject: Subject) -> Iterable[Finding]:
    """`reference-unread`: the module reads the config from its parameter, where references stay."""
    for one in subject.resolved:
        if isinstance(one, Reference) and one.via == VIA:
            yield Finding(
                code="reference-unread",
                severity=Severity.ERROR,
                component=subject.address,
                pointer=one.pointer,
                message=f"the module reads its config from the parameter ({subject.own_config[0]}), in which "
                f"the reference to {one.target} stays as it is written. Let the module use the variable "
                "`config`, or a variable of the key's name.",
            )


def _malformed(subject: Subject, pointer: str, made: object) -> Finding:
    why = made.why if isinstance(made, Malformed) else "a config as a whole cannot be a reference"
    return Finding(
        code="invalid-reference",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=pointer,
        message=f'{why}. Write a reference like {{"$runtime": "vpc/core#subnet_ids"}}, with "default" beside '
        'it for a key that may be missing; data that looks like one stands in {"$literal": …}.',
    )
