"""Resolves what a component's module reads: `dependencies` by address, parameters by their names.

The facts of the module are evaluated with this component's variables, so that the config decides which
branch, which item and which name is meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from karma_core import ids
from karma_core.ids import Address, type_of
from karma_core.inference.evaluate import read_component
from karma_core.inference.facts import UnseenRead
from karma_core.inference.file_reads import PathRead, paths_left_behind
from karma_core.inference.program import Program
from karma_core.inference.reading import Read, Reading, Unresolved
from karma_core.model import Finding, Severity, about_type
from karma_core.references.base import Context, Emission, Reference, Resolved, Subject
from karma_core.references.state import UNSEEN, reads_unseen
from karma_core.references.state import VIA as STATE
from karma_core.references.value import VIA as VALUE

VIA: Final = "module"


class Module:
    """Finds what a module reads and writes. Asks what the other resolvers found, so it is the last."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each component that the module reads, and findings on what does not fit."""
        program = self._context.program(subject.type)
        if program is None:
            return ()
        named = {r.target for r in subject.resolved if isinstance(r, Reference) and r.via != STATE}
        by_value: set[str] = set()
        if subject.address in self._context.takes_values:
            by_value = named
            other = (STATE, VALUE)
            named = {r.target for r in subject.resolved if isinstance(r, Reference) and r.via not in other}
        inputs = self._context.inputs(subject.address, subject.config, named)
        reading = read_component(program, inputs)
        subject.own_config.extend(sorted(reading.own_config))
        resolved: list[Resolved] = _references(subject, reading, program)
        resolved += [_unseen(subject, read) for read in program.unseen]
        resolved += [_left_behind(subject, read) for read in paths_left_behind(program, inputs)]
        if reading.writes:
            resolved += _emissions(subject, reading)
        resolved += [_unresolved(subject, lost) for lost in reading.unresolved]
        if self._context.definition(subject.type).runtime is None:
            resolved += [_unresolved_write(subject, lost) for lost in reading.unresolved_writes]
        if reading.reads.keys() - named - by_value:
            resolved += _undeclared(subject, reading, named | by_value)
        if named - reading.reads.keys() and not (program.unseen or reads_unseen(subject)):
            resolved += self._never_read(subject, reading)
        return resolved

    def _never_read(self, subject: Subject, reading: Reading) -> Iterator[Finding]:
        """Yield findings on named producers that the module never reads, if all its reads are known."""
        definition = self._context.definition(subject.type)
        if not reading.complete or definition.propagation != "apply":
            return
        read = {
            f.target for f in subject.resolved if isinstance(f, Reference) and f.via not in subject.naming
        }
        for reference in subject.resolved:
            if (
                not isinstance(reference, Reference)
                or reference.via not in subject.naming
                or reference.target in read
            ):
                continue
            if reference.target in reading.reads or matches_by_suffix(reference.target, reading.reads):
                continue
            if type_of(reference.target) not in definition.consumes:
                yield _unread(reference)


def _references(subject: Subject, reading: Reading, program: Program) -> list[Resolved]:
    """Return the references that the module reads; keys are listed only if every read is known.

    What the type of `dependencies` lists is read with them: Terraform takes no object that lacks it, unless
    it is optional.
    """
    made: list[Resolved] = []
    complete = reading.complete
    typed = program.dependency_keys
    for address, read in reading.reads.items():
        all_keys, sure = read.keys, read.sure
        if typed is not None:
            required, optional = typed
            all_keys, sure = all_keys | required | optional, (sure - optional) | required
        keys = None if read.whole or not complete else tuple(sorted(all_keys))
        optional_keys = tuple(sorted(all_keys - sure)) if all_keys != sure else ()
        made += [
            Reference(subject.address, address, VIA, place, read.runtime, keys, optional_keys, read.guarded)
            for place in read.places
        ]
    return made


def _emissions(subject: Subject, reading: Reading) -> Iterator[Emission]:
    for address, places in reading.writes.items():
        for place in sorted(places):
            yield Emission(subject.address, address, VIA, place)


def matches_by_suffix(target: str, read: Iterable[str]) -> bool:
    """Whether a key's guess at a type is settled by what is read: `cluster/main` means `ecs-cluster/main`."""
    return any(address.endswith(f"-{target}") for address in read)


def _unseen(subject: Subject, read: UnseenRead) -> Finding:
    """On the type: all of its components read it."""
    return Finding(
        code=UNSEEN,
        severity=Severity.WARNING,
        component=about_type(subject.type),
        pointer=read.place,
        message=f"`{read.what}` reads what Karma cannot follow. If it comes from another component, "
        "declare that in depends_on.",
    )


def _left_behind(subject: Subject, read: PathRead) -> Finding:
    """On the component: the path is its config's."""
    return Finding(
        code="outside-file",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=read.place,
        message=f"`{read.function}` reads {ids.shown(read.pattern)}, by a path that follows from variables "
        "alone: the file does not come along to where Terraform runs, and a change of it is not seen. Let "
        'the module name its folder ("${path.module}/../files/${var.name}"), or give the content by config.',
    )


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
    """Return the finding: on the type if the module is the cause, so that it is reported once."""
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


def _unresolved_write(subject: Subject, lost: Unresolved) -> Finding:
    """On the component: the same module may write the runtime of one and not of another."""
    where = f"the parameter `{lost.text}`" if lost.text else "the module"
    advice = "Complete the config" if lost.own else "Make the name follow from variables and config"
    return Finding(
        code="unresolved-write",
        severity=Severity.ERROR,
        component=subject.address,
        pointer=lost.place,
        message=f"{where} may be a runtime that the module writes, and its name cannot be resolved: "
        f"{lost.why}. Until it is, Karma writes no runtime over it. {advice}, or say in component.yaml who "
        "writes the runtimes of this type: `runtime: module` or `runtime: karma`.",
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


def _unread(reference: Reference) -> Finding:
    return Finding(
        code="declared-never-read",
        severity=Severity.WARNING,
        component=reference.source,
        pointer=reference.pointer,
        message=f"the config names {reference.target} ({reference.via}), but the module never reads it. "
        f"The dependency holds and its whole runtime counts; drop the field, or list in component.yaml "
        f"under consumes what is read of it elsewhere.",
    )
