"""Evaluates a module for one component and keeps every step: which expression gave which value.

It costs several times what an evaluation costs, and is made for one component that somebody asks about. A
program that is compiled here tells the trace of every value that it gives; `observed` is the hook.
"""

from __future__ import annotations

from collections.abc import Iterator

from karma_core.inference.closure import OBSERVER, Evaluate, Names, Scope
from karma_core.inference.evaluate import Identity, each_identity, read_component
from karma_core.inference.expressions import Attribute, Expression, Index, Literal, Name, Number, Splat
from karma_core.inference.facts import ModuleFacts
from karma_core.inference.module_scope import root_frame
from karma_core.inference.program import Program
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.values import Failure, Unknown, Value

_FOLLOWED = frozenset({"local", "data", "ephemeral", "module"})
"""First words of references to what is evaluated in turn."""


class Evaluated:
    """One evaluation of an expression: its value, the evaluations it was made of, and where it stands."""

    __slots__ = ("expression", "parts", "place", "value")

    def __init__(self, expression: Expression | None, place: str) -> None:
        self.expression = expression
        self.place = place
        self.parts: list[Evaluated] = []
        self.value: Value = None


class Trace:
    """What was evaluated, and which evaluation named which component: (address, place) → evaluation."""

    def __init__(self) -> None:
        self.root = Evaluated(None, "")
        self.naming: dict[tuple[str, str], Evaluated] = {}
        self._stack = [self.root]
        self._first: dict[tuple[int, Expression], list[Evaluated]] = {}
        self._frames: list[Scope] = []

    def observed(self, node: Expression, evaluate: Evaluate) -> Evaluate:
        """The closure of an expression, which now notes its value here."""

        def noted(frame: Scope, names: Names) -> Value:
            if frame is None or frame.reading.quiet:  # a default, or a value that only gives a type
                return evaluate(frame, names)
            step = Evaluated(node, frame.reading.place)
            self._stack[-1].parts.append(step)
            self._stack.append(step)
            try:
                step.value = evaluate(frame, names)
            finally:
                self._stack.pop()
            self._share(frame, node, step)
            return step.value

        return noted

    def name(self, address: str, place: str, *, by_last_part: bool) -> None:
        """Note that what is evaluated now names a component: as a whole, or by the part evaluated last."""
        step = self._stack[-1]
        if (by_last_part or step is self.root) and step.parts:
            step = step.parts[-1]
        self.naming.setdefault((address, place), step)

    def _share(self, frame: Scope, node: Expression, step: Evaluated) -> None:
        """What is evaluated once and then remembered is shown wherever it is referred to."""
        if isinstance(node, Attribute) and first_word(node) in _FOLLOWED:
            key = (id(frame), node)
            if step.parts and key not in self._first:
                self._first[key] = step.parts
                self._frames.append(frame)  # so that no other gets its id
            step.parts = step.parts or self._first.get(key, [])


class _TracedReading(Reading):
    """A reading that tells the trace of every component that is named."""

    __slots__ = ("_by_parameter", "trace")

    def __init__(self, inputs: Inputs, trace: Trace) -> None:
        super().__init__(inputs)
        self.trace = trace
        self._by_parameter = False

    def named(self, address: str, place: str, *, runtime: bool = True) -> None:
        """As the base class."""
        if not self.quiet:
            self.trace.name(address, place, by_last_part=self._by_parameter)
        super().named(address, place, runtime=runtime)

    def parameter(self, name: Value, place: str, text: str) -> Value:
        """As the base class."""
        self._by_parameter = True
        value = super().parameter(name, place, text)
        self._by_parameter = False
        return value


def traced(facts: ModuleFacts, inputs: Inputs) -> tuple[Reading, Trace]:
    """(what the component's module reads and writes, how that was evaluated)."""
    trace = Trace()
    token = OBSERVER.set(trace.observed)
    try:
        program = Program(facts.body, facts.texts, facts.unseen)
        reading = _TracedReading(inputs, trace)
        return read_component(program, inputs, reading), trace
    finally:
        OBSERVER.reset(token)


def traced_lookups(facts: ModuleFacts, inputs: Inputs) -> list[tuple[Identity, Evaluated | None]]:
    """What the component's module looks up, each with the evaluation of its identifying value."""
    trace = Trace()
    token = OBSERVER.set(trace.observed)
    try:
        frame = root_frame(Program(facts.body, facts.texts, facts.unseen), _TracedReading(inputs, trace))
        parts = trace.root.parts
        return [(one, parts[-1] if parts else None) for one in each_identity(frame, "lookups")]
    except RecursionError:
        return []
    finally:
        OBSERVER.reset(token)


def first_word(node: Expression) -> str:
    """`local` of `local.a.b`; empty for what is no reference."""
    while isinstance(node, Attribute | Index | Splat):
        node = node.of
    return node.name if isinstance(node, Name) else ""


def steps(
    evaluated: Evaluated, depth: int = 0, within: Expression | None = None
) -> Iterator[tuple[int, Evaluated]]:
    """(depth, evaluation) of everything that says something, an expression before what it is made of.

    Literals say nothing, and of a reference (`var.config.name`) its first words alone do not either.
    """
    node = evaluated.expression
    shown = node is not None and not isinstance(node, Literal | Number) and not _is_beginning(node, within)
    if shown:
        yield depth, evaluated
    for part in evaluated.parts:
        yield from steps(part, depth + shown, node if node is not None else within)


def _is_beginning(node: Expression, within: Expression | None) -> bool:
    """Whether the expression is the first words of the reference that it is in."""
    if not isinstance(within, Attribute | Index | Splat) or within.of is not node:
        return False
    return isinstance(node, Name) or (isinstance(node, Attribute) and first_word(node) not in _FOLLOWED)


def uncomputed(trace: Trace) -> Iterator[tuple[Evaluated, str]]:
    """(evaluation, why) of every expression that Karma does not compute, each place and text once."""
    seen: set[tuple[str, Expression | None]] = set()
    for _, one in steps(trace.root):
        value = one.value
        if not isinstance(value, Unknown) or isinstance(value, Failure) or value.computed:
            continue
        if isinstance(one.expression, Attribute | Index | Splat) and first_word(one.expression) != "var":
            continue  # what it refers to is why
        inner = any(isinstance(p.value, Unknown) and not p.value.computed for p in one.parts)
        key = (one.place, one.expression)
        if not inner and key not in seen:
            seen.add(key)
            yield one, value.why
