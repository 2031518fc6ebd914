"""Compiles expressions to Python closures, once per type; they are called for every component.

A closure gets the frame (the module that is evaluated) and the names bound around it: `each`, `count`, and
the names of `for` expressions. It returns a value and never raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from karma_core.inference import functions, numbers, operations
from karma_core.inference.calls import call_of
from karma_core.inference.closure import OBSERVER, Evaluate, Names, Scope, given_up
from karma_core.inference.conversion import Uncertain, Unconvertible, converted, type_of, unified
from karma_core.inference.expressions import (
    Attribute,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    Literal,
    Name,
    Number,
    Object,
    Opaque,
    Operation,
    Splat,
    Template,
    Tuple,
    parts_of,
)
from karma_core.inference.loops import for_of, splat_of
from karma_core.inference.reading import MAX_TEXT
from karma_core.inference.shapes import PartialText, partial, plain, shape_of
from karma_core.inference.values import (
    COMPUTED,
    Dependencies,
    Encoded,
    Failure,
    Outputs,
    Runtime,
    Unknown,
    Value,
    failed,
    known,
)
from karma_core.state_places import DEFAULT


def compile_expression(node: Expression) -> Evaluate:
    """The closure of an expression."""
    observe = OBSERVER.get()
    return _compiled(node) if observe is None else observe(node, _compiled(node))


def _compiled(node: Expression) -> Evaluate:  # noqa: C901, PLR0911 - one case a kind of expression
    match node:
        case Literal(value=value):
            return lambda _frame, _names: value
        case Number(text=text):
            number = numbers.parsed(text)
            return lambda _frame, _names: number
        case Template(parts=parts):
            return _template([compile_expression(part) for part in parts])
        case Name() | Attribute():
            return _reference(node)
        case Index():
            return _index(node)
        case Splat():
            return splat_of(compile_expression(node.of), compile_expression(node.each))
        case Call():
            return _call(node)
        case Conditional():
            return _conditional(node)
        case Object() | Tuple():
            return _collection(node)
        case For():
            return _for(node)
        case Operation(operator=operator, operands=operands):
            return _operation(operator, [compile_expression(operand) for operand in operands])
        case Opaque(text=text, parts=parts):
            return _opaque(Unknown(text), [compile_expression(part) for part in parts])


def _reference(node: Name | Attribute) -> Evaluate:  # noqa: PLR0911 - one case a kind of reference
    match node:
        case Name(name=name):
            unknown = Unknown(name, computed=True)
            return lambda _frame, names: names.get(name, unknown)
        case Attribute(of=Name(name="var"), name=name):
            return lambda frame, _names: frame.variable(name)
        case Attribute(of=Name(name="local"), name=name):
            return lambda frame, _names: frame.local(name)
        case Attribute(of=Name(name="path"), name="module"):
            return lambda frame, _names: frame.directory
        case Attribute(of=Name(name="terraform"), name="workspace"):
            return lambda _frame, _names: DEFAULT
        case Attribute(of=Name(name="path"), name="root"):
            return lambda _frame, _names: "."
        case Attribute(of=Name(name="module"), name=name):
            return lambda frame, _names: frame.child(name)
        case Attribute(of=Attribute(of=Name(name="data" | "ephemeral"), name="aws_ssm_parameter"), name=name):
            return lambda frame, _names: frame.parameter(name)
        case Attribute(of=Attribute(of=Name(name="data"), name="terraform_remote_state"), name=name):
            return lambda frame, _names: frame.state(name)
        case _:
            return _attribute(compile_expression(node.of), node.name)


def _attribute(of: Evaluate, name: str) -> Evaluate:
    missing = Failure(f"there is no {name!r} in it")

    def evaluate(frame: Scope, names: Names) -> Value:
        value = of(frame, names)
        if isinstance(value, dict):
            return value.get(name, missing)
        if isinstance(value, Runtime):
            return frame.reading.key(value, name)
        if hasattr(value, "output"):
            return value.output(name)
        return operations.attribute(frame.reading, value, name)

    return evaluate


def _template(parts: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        texts: list[str] = []
        unknown: Unknown | None = None
        values = [part(frame, names) for part in parts]
        for value in values:
            text = value if value.__class__ is str else operations.text_of(value)
            if isinstance(text, str):
                texts.append(text)
            else:
                frame.reading.used(value)
                unknown = unknown or text
        if isinstance(unknown, Failure):
            return unknown
        if unknown is not None:
            return partial(unknown, (shape_of(value, operations.text_of) for value in values))
        made = "".join(texts)
        return made if len(made) <= MAX_TEXT else Unknown(f"a text longer than {MAX_TEXT:,} characters")

    return evaluate


def _index(node: Index) -> Evaluate:
    of, key, place, text = compile_expression(node.of), compile_expression(node.key), node.place, node.text

    def evaluate(frame: Scope, names: Names) -> Value:
        return operations.index(frame.reading, of(frame, names), key(frame, names), place, text)

    return evaluate


def _conditional(node: Conditional) -> Evaluate:
    condition, yes, no = map(compile_expression, (node.condition, node.yes, node.no))
    alike = _of_one_type(node.yes, node.no)
    apart = any(map(_is_collection, (node.yes, node.no)))
    typed = apart or any(isinstance(one, Tuple | Object) or _holds_text(one) for one in (node.yes, node.no))
    to_text = _is_text(node.yes) or _is_text(node.no)

    def evaluate(frame: Scope, names: Names) -> Value:
        value = condition(frame, names)
        decided = operations.truth(value)
        if decided is not None:
            chosen, other = (yes, no) if decided else (no, yes)
            made = chosen(frame, names)
            if alike or (made.__class__ in _KEPT and not (apart and made.__class__ is str)):
                return made
            if to_text and made.__class__ in _SCALARS:
                return operations.text_of(made)
            return _unified(frame, made, other, names, typed=typed)
        if isinstance(value, Failure):
            return value
        if operations.is_no_bool(value):
            return Failure("a condition is neither true nor false")
        reading = frame.reading
        reading.used(value)
        reading.guards += 1
        branches = [yes(frame, names), no(frame, names)]
        reading.guards -= 1
        for one in branches:
            reading.used(one)
        return plain(value) if isinstance(value, Unknown) else COMPUTED

    return evaluate


def _of_one_type(yes: Expression, no: Expression) -> bool:
    return isinstance(yes, Literal) and isinstance(no, Literal) and type(yes.value) is type(no.value)


def _is_text(node: Expression) -> bool:
    """Whether the value is a string, or would be if it did not fail."""
    return isinstance(node, Template)


def _call(node: Call) -> Evaluate:
    from karma_core.inference.template_files import templatefile  # noqa: PLC0415 - it compiles expressions

    arguments = [compile_expression(argument) for argument in node.arguments]
    if node.name == "templatefile" and len(arguments) == 2 and not node.spread:  # noqa: PLR2004 - path, values
        return templatefile(arguments)
    return call_of(node.name, arguments, spread=node.spread)


def _is_collection(node: Expression) -> bool:
    makes_one = isinstance(node, Call) and node.name in _COLLECTING
    return makes_one or isinstance(node, Tuple | Object | For | Splat)


_OF_ONE_ITEM: Final = frozenset({"coalesce", "contains", "element", "index", "length", "one"})
_COLLECTING: Final = (functions.STRUCTURE.keys() - _OF_ONE_ITEM) | {
    *("cidrsubnets", "csvdecode", "formatlist", "matchkeys", "range", "regexall", "setintersection"),
    *("setproduct", "setsubtract", "split", "transpose"),
}
"""Functions that give a collection."""


def _holds_text(node: Expression) -> bool:
    return _is_text(node) or any(map(_holds_text, parts_of(node)))


_SCALARS: Final = frozenset({int, float, bool, Fraction, Decimal})
_APART: Final = Failure("the results of a conditional have different types")
_KEPT: Final = frozenset(
    {str, type(None), Unknown, Failure, PartialText, Runtime, Outputs, Encoded, Dependencies}
)
"""Values that stay what they are, whatever the other result of a conditional is."""


def _unified(frame: Scope, made: Value, other: Evaluate, names: Names, *, typed: bool) -> Value:
    """The result of a conditional, as the one type that both of its results become.

    The other result is evaluated for its type alone: what it reads is not read. `typed`: it has a type even
    where it fails.
    """
    if not known(made):
        return made
    frame.reading.quiet += 1
    beside = other(frame, names)
    frame.reading.quiet -= 1
    if not known(beside):
        doubtful = typed and (failed(beside) or beside.__class__ is Unknown)
        return _doubt(frame) if doubtful else made
    try:
        own, of_other = type_of(made), type_of(beside)
        common = own if own == of_other else unified((own, of_other))
        return made if common == own else converted(made, common)
    except Unconvertible:
        return _APART if typed else _doubt(frame)
    except Uncertain:
        return _doubt(frame)


def _doubt(frame: Scope) -> Unknown:
    frame.reading.uncomputed += 1
    return Unknown("a conditional whose results may have different types")


def _collection(node: Object | Tuple) -> Evaluate:
    if isinstance(node, Tuple):
        return _tuple([compile_expression(item) for item in node.items])
    pairs = [(compile_expression(key), compile_expression(value)) for key, value in node.items]

    def evaluate(frame: Scope, names: Names) -> Value:
        made: dict[str, Value] = {}
        unknown: Value = None
        for key, value in pairs:
            name, element = operations.text_of(key(frame, names)), value(frame, names)
            if isinstance(name, str):
                made[name] = element
            else:
                frame.reading.used(element)
                unknown = name
            if element.__class__ is Failure:
                unknown = element
        return made if unknown is None else given_up(frame, made, unknown)

    return evaluate


def _tuple(items: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        made = [item(frame, names) for item in items]
        failure = next((value for value in made if value.__class__ is Failure), None)
        return made if failure is None else given_up(frame, made, failure)

    return evaluate


def _operation(operator: str, operands: list[Evaluate]) -> Evaluate:
    if operator in ("==", "!="):
        return _equality(operator, *operands)

    def evaluate(frame: Scope, names: Names) -> Value:
        values = [operand(frame, names) for operand in operands]
        return operations.operate(frame.reading, operator, values)

    return evaluate


def _equality(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    equal = operator == "=="

    def evaluate(frame: Scope, names: Names) -> Value:
        one, other = left(frame, names), right(frame, names)
        if one.__class__ is str and other.__class__ is str:  # nearly always
            return (one == other) is equal
        return operations.operate(frame.reading, operator, [one, other])

    return evaluate


def _opaque(unknown: Unknown, parts: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Scope, names: Names) -> Value:
        for part in parts:
            frame.reading.used(part(frame, names))
        return unknown

    return evaluate


def _for(node: For) -> Evaluate:
    return for_of(
        compile_expression(node.of),
        (node.key, node.value),
        result=compile_expression(node.result),
        key_result=compile_expression(node.key_result) if node.key_result is not None else None,
        condition=compile_expression(node.condition) if node.condition is not None else None,
        grouped=node.grouped,
    )


def compile_all(sites: Mapping[str, Any]) -> dict[str, Evaluate]:
    """The closures of named sites."""
    return {name: compile_expression(site.expression) for name, site in sites.items()}
