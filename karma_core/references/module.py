"""What the component's module reads: `dependencies` by address, and parameters by their resolved names.

The facts of the module are evaluated with this component's variables, so that the config decides which
branch, which item and which name is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from karma_core.ids import Address, type_of
from karma_core.inference.evaluate import read_component
from karma_core.inference.reading import Read, Reading, Unresolved
from karma_core.model import Finding, Severity, about_type
from karma_core.references.base import Context, Emission, Found, Reference, Subject

VIA: Final = "module"


class Module:
    """Finds what a module reads and writes. Asks what the other resolvers found, so it is the last."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, subject: Subject) -> Iterable[Found]:
        """One reference for each component that the module reads, and findings on what does not fit."""
        program = self._context.program(subject.type)
        if program is None:
            return ()
        named = {found.target for found in subject.found if isinstance(found, Reference)}
        reading = read_component(program, self._context.inputs(subject.address, subject.config, named))
        found: list[Found] = _references(subject, reading)
        if reading.writes:
            found += _emissions(subject, reading)
        found += [_unresolved(subject, lost) for lost in reading.unresolved]
        if reading.reads.keys() - named:
            found += _undeclared(subject, reading, named)
        if named - reading.reads.keys() and not program.body.unseen:
            found += self._never_read(subject, reading)
        return found

    def _never_read(self, subject: Subject, reading: Reading) -> Iterator[Finding]:
        """Producers that the config names and nobody reads; where not all reads are known, none."""
        definition = self._context.definition(subject.type)
        if not reading.complete or definition.propagation != "apply":
            return
        read = {f.target for f in subject.found if isinstance(f, Reference) and f.via not in subject.naming}
        for found in subject.found:
            if not isinstance(found, Reference) or found.via not in subject.naming or found.target in read:
                continue
            if found.target in reading.reads or meant(found.target, reading.reads):
                continue
            if type_of(found.target) not in definition.consumes:
                yield _unread(found)


def _references(subject: Subject, reading: Reading) -> list[Found]:
    """The keys count only where every read is known: one that is not might read any other key."""
    made: list[Found] = []
    complete = reading.complete
    for address, read in reading.reads.items():
        keys = None if read.whole or not complete else tuple(sorted(read.keys))
        spare = tuple(sorted(read.keys - read.sure)) if read.keys != read.sure else ()
        made += [
            Reference(subject.address, address, VIA, place, read.runtime, keys, spare, read.guarded)
            for place in read.places
        ]
    return made


def _emissions(subject: Subject, reading: Reading) -> Iterator[Emission]:
    for address, places in reading.writes.items():
        for place in sorted(places):
            yield Emission(subject.address, address, VIA, place)


def meant(target: str, read: Iterable[str]) -> bool:
    """Whether a key's guess at a type is settled by what is read: `cluster/main` means `ecs-cluster/main`."""
    return any(address.endswith(f"-{target}") for address in read)


def _undeclared(subject: Subject, reading: Reading, named: set[str]) -> Iterator[Finding]:
    """Components that the module reads for sure, and that no config field names."""
    for address, read in reading.reads.items():
        if not read.guarded and _is_new(subject, address, named):
            yield _hidden(subject, address, read)


def _is_new(subject: Subject, address: str, named: set[str]) -> bool:
    """Whether no config field names the component: by no resolver, and by no value or key either."""
    if address in named or address == subject.address:
        return False
    nickname = Address.of(address).nickname
    for key, value, _ in subject.entries:
        if nickname in (key, value) or (isinstance(value, str) and address in value):
            return False
    return True


def _unresolved(subject: Subject, lost: Unresolved) -> Finding:
    """On the type where the module is why, so that it is said once, not for every component."""
    where = f"`{lost.text}`" if lost.text else "the module"
    advice = (
        "Complete the config, or guard the read." if lost.own else "Make the name follow from the config."
    )
    return Finding(
        code="unresolved-reference",
        severity=Severity.WARNING,
        component=subject.address if lost.own else about_type(subject.type),
        pointer=lost.place,
        message=f"{where} cannot be resolved: {lost.why}. Until it is, every runtime that is read counts as "
        f"a whole. {advice} Or declare what is read, under depends_on.",
    )


def _hidden(subject: Subject, address: str, read: Read) -> Finding:
    return Finding(
        code="read-undeclared",
        severity=Severity.WARNING,
        component=subject.address,
        pointer=min(read.places),
        message=f"the module reads {address}, which no field of the config names. "
        f"The dependency holds; name it in the config, so that it can be seen and changed there.",
    )


def _unread(found: Reference) -> Finding:
    return Finding(
        code="declared-never-read",
        severity=Severity.WARNING,
        component=found.source,
        pointer=found.pointer,
        message=f"the config names {found.target} ({found.via}), but the module never reads it. "
        f"The dependency holds and its whole runtime counts; drop the field, or list in component.yaml "
        f"under consumes what is read of it elsewhere.",
    )
