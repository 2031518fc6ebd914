"""`data "terraform_remote_state"`: a module that reads the outputs in another component's Terraform state.

What it names is compared with the places where Karma keeps the components' states. The keys that are read are
`outputs.<name>`; they are those of the state, whatever the producer's runtime holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar, Final

from karma_core.inference.evaluate import read_component
from karma_core.inference.reading import Read, Reading, UnseenState
from karma_core.model import Finding, Severity, about_type
from karma_core.references.base import Context, Reference, Resolved, Subject
from karma_core.references.value import VIA as VALUE

VIA: Final = "state"
OUTPUTS: Final = "outputs"
"""The key that stands for all outputs; `outputs.<name>` is one of them."""
UNSEEN: Final = "unseen-read"


class State:
    """Finds the producers whose states a module reads; a state of nobody is `unseen-read`."""

    name: ClassVar[str] = VIA
    names_runtime: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self._context = context

    def find(self, subject: Subject) -> Iterable[Resolved]:
        """One reference for each place where a component's state is read."""
        program = self._context.program(subject.type)
        if program is None or not program.reads_states:
            return ()
        named = {r.target for r in subject.resolved if isinstance(r, Reference) and r.via != VALUE}
        inputs = self._context.inputs(subject.address, subject.config, named)
        reading = read_component(program, inputs._replace(states=self._context.states))
        if reading.named_states:
            self._context.named_states[subject.address] = reading.named_states
        unseen = dict.fromkeys(self._unseen(subject, one) for one in reading.unseen_states)
        return [*_references(subject, reading), *unseen]

    def _unseen(self, subject: Subject, read: UnseenState) -> Finding:
        """On the type, whose components read it alike, unless the component's config is why."""
        place = read.named.place if read.named is not None else None
        declared = self._context.declared_states.get(place, ()) if place is not None else ()
        advice = "If it comes from another component, declare that in depends_on."
        if declared:
            why = f"reads the state {place}, which the backend block of the module {declared[0]} names"
            kept = self._context.place_of(f"{declared[0]}/NICKNAME")
            advice = f"Karma keeps it elsewhere ({kept}): let the module name that place."
        elif place is not None:
            why = f"reads the state {place}, which is no component's here"
        elif read.named is not None:
            why = f"names a state in part only, or relative to where Terraform runs ({read.named.backend})"
        else:
            why = f"reads a state whose place does not follow from variables and config: {read.why}"
        return Finding(
            code=UNSEEN,
            severity=Severity.WARNING,
            component=subject.address if read.own else about_type(subject.type),
            pointer=read.place,
            message=f"`{read.what}` {why}. {advice}",
        )


def _references(subject: Subject, reading: Reading) -> Iterator[Reference]:
    for address, read in sorted(reading.states.items()):
        keys, optional = _keys(read, whole=read.whole or not reading.complete)
        for place in sorted(read.places):
            yield Reference(subject.address, address, VIA, place, True, keys, optional, read.guarded)


def _keys(read: Read, *, whole: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the keys that count, those of them that may be missing), sorted."""
    sure = read.sure - read.defaults
    keys = {OUTPUTS} if whole else {f"{OUTPUTS}.{name}" for name in read.keys}
    return tuple(sorted(keys)), tuple(sorted(keys - {f"{OUTPUTS}.{name}" for name in sure}))


def reads_unseen(subject: Subject) -> bool:
    """Whether a resolver has found that the module reads what is not followed."""
    return any(isinstance(one, Finding) and one.code == UNSEEN for one in subject.resolved)


def outputs_in(keys: Collection[str] | None) -> frozenset[str] | None:
    """The names of the outputs among consumed keys; None where all count."""
    if keys is None or OUTPUTS in keys:
        return None
    start = f"{OUTPUTS}."
    return frozenset(key.removeprefix(start) for key in keys if key.startswith(start))


def is_output(key: str) -> bool:
    """Whether a key consumed by way of a state stands for outputs."""
    return key == OUTPUTS or key.startswith(f"{OUTPUTS}.")


def without_outputs(keys: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """The consumed keys that are the runtime's."""
    if keys is None:
        return None
    return tuple(key for key in keys if not is_output(key))
