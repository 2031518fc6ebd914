"""`templatefile`: a file of the module as a template, with values of its own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from karma_core import hcl
from karma_core.errors import BadInput
from karma_core.inference.closure import Evaluate, Names, Scope, given_up
from karma_core.inference.compiler import compile_expression
from karma_core.inference.expressions import Call, Expression, For, Name, parts_of
from karma_core.inference.translate import Translator
from karma_core.inference.values import COMPUTED, Failure, Unknown, Value

_CACHED: Final = 256
"""Templates that are kept compiled. Ours: a fleet has dozens."""
_ROOTS: Final = frozenset(
    {"count", "data", "each", "ephemeral", "local", "module", "path", "self", "terraform", "var"}
)
"""Names that mean something else in a module than in a template."""


def templatefile(arguments: list[Evaluate]) -> Evaluate:
    """The call of `templatefile`; what it does not hand on counts as used."""

    def evaluate(frame: Scope, names: Names) -> Value:
        path, values = (argument(frame, names) for argument in arguments)
        text = frame.file(path) if isinstance(path, str) else None
        if text is None or not isinstance(values, dict):
            frame.reading.uncomputed += 1
            unknown = next((one for one in (path, values) if isinstance(one, Unknown)), COMPUTED)
            return given_up(frame, [path, values], unknown)
        return _rendered(frame, text, values)

    return evaluate


def _rendered(frame: Scope, text: str, values: dict[str, Value]) -> Value:
    try:
        evaluate, free = _compiled(text)
    except BadInput:
        return given_up(frame, values, Failure("the template cannot be read"))
    if free & _ROOTS or evaluate is None:
        frame.reading.uncomputed += 1
        return given_up(frame, values, Unknown("a template that is not evaluated here"))
    if free - values.keys():
        return given_up(frame, values, Failure(f"the template uses {min(free - values.keys())}"))
    return evaluate(frame, values)


@lru_cache(maxsize=_CACHED)
def _compiled(text: str) -> tuple[Evaluate | None, frozenset[str]]:
    """(the template compiled, None where it calls what a template may not, the names that it uses)."""
    expression = Translator(text, "").translate(hcl.template(text))
    evaluate = None if "templatefile" in text else compile_expression(expression)
    return evaluate, frozenset(_free(expression, frozenset()))


def _free(node: Expression, bound: frozenset[str]) -> Iterator[str]:
    match node:
        case Name(name=name):
            if name not in bound:
                yield name
        case For():
            yield from _free(node.of, bound)
            inner = bound | {node.key, node.value}
            for part in (node.result, node.key_result, node.condition):
                if part is not None:
                    yield from _free(part, inner)
        case Call() if node.name == "templatefile":
            yield from ()
        case _:
            for part in parts_of(node):
                yield from _free(part, bound)
