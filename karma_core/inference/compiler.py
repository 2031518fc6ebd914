"""From expressions to Python closures: made once a type, called for every component.

A closure gets the frame (the module that is evaluated) and the names bound around it: `each`, `count`, and
the names of `for` expressions. It returns a value and never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from karma_core.inference import functions, operations
from karma_core.inference.expressions import (
    ITEM,
    Attribute,
    Call,
    Conditional,
    Expression,
    For,
    Index,
    Literal,
    Name,
    Object,
    Opaque,
    Operation,
    Splat,
    Template,
    Tuple,
)
from karma_core.inference.reading import MAX_TEXT
from karma_core.inference.values import (
    COMPUTED,
    Dependencies,
    Encoded,
    Failure,
    Items,
    Runtime,
    Unknown,
    Value,
    failed,
    first_unknown,
)

if TYPE_CHECKING:
    from karma_core.inference.frame import Frame

Names = Mapping[str, Value]
Evaluate: TypeAlias = "Callable[[Frame, Names], Value]"


def compile_expression(node: Expression) -> Evaluate:  # noqa: PLR0911 - one case a kind of expression
    """The closure of an expression."""
    match node:
        case Literal(value=value):
            return lambda _frame, _names: value
        case Template(parts=parts):
            return _template([compile_expression(part) for part in parts])
        case Name() | Attribute():
            return _reference(node)
        case Index():
            return _index(node)
        case Splat():
            return _splat(node)
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


def _reference(node: Name | Attribute) -> Evaluate:
    match node:
        case Name(name=name):
            unknown = Unknown(name, computed=True)
            return lambda _frame, names: names.get(name, unknown)
        case Attribute(of=Name(name="var"), name=name):
            return lambda frame, _names: frame.variable(name)
        case Attribute(of=Name(name="local"), name=name):
            return lambda frame, _names: frame.local(name)
        case Attribute(of=Name(name="module"), name=name):
            return lambda frame, _names: frame.child(name)
        case Attribute(of=Attribute(of=Name(name="data" | "ephemeral"), name="aws_ssm_parameter"), name=name):
            return lambda frame, _names: frame.parameter(name)
        case _:
            return _attribute(compile_expression(node.of), node.name)


def _attribute(of: Evaluate, name: str) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        value = of(frame, names)
        if value.__class__ is dict and name in value:
            return value[name]
        if hasattr(value, "output"):
            return value.output(name)
        return operations.attribute(frame.reading, value, name)

    return evaluate


def _template(parts: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        texts: list[str] = []
        unknown: Unknown | None = None
        for part in parts:
            value = part(frame, names)
            text = value if value.__class__ is str else operations.text_of(value)
            if isinstance(text, str):
                texts.append(text)
            else:
                frame.reading.used(value)
                unknown = unknown or text
        if unknown is not None:
            return unknown
        made = "".join(texts)
        return made if len(made) <= MAX_TEXT else Unknown(f"a text longer than {MAX_TEXT:,} characters")

    return evaluate


def _index(node: Index) -> Evaluate:
    of, key, place, text = compile_expression(node.of), compile_expression(node.key), node.place, node.text

    def evaluate(frame: Frame, names: Names) -> Value:
        return operations.index(frame.reading, of(frame, names), key(frame, names), place, text)

    return evaluate


def _splat(node: Splat) -> Evaluate:
    of, each = compile_expression(node.of), compile_expression(node.each)

    def evaluate(frame: Frame, names: Names) -> Value:
        value = of(frame, names)
        if isinstance(value, Unknown):
            return value
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        return [each(frame, {ITEM: item}) for item in items] if frame.reading.spend(len(items)) else COMPUTED

    return evaluate


def _conditional(node: Conditional) -> Evaluate:
    condition, yes, no = map(compile_expression, (node.condition, node.yes, node.no))

    def evaluate(frame: Frame, names: Names) -> Value:
        value = condition(frame, names)
        decided = operations.truth(value)
        if decided is not None:
            return yes(frame, names) if decided else no(frame, names)
        if isinstance(value, Failure):
            return value
        reading = frame.reading
        reading.used(value)
        reading.guards += 1
        found = [yes(frame, names), no(frame, names)]
        reading.guards -= 1
        for one in found:
            reading.used(one)
        return value if isinstance(value, Unknown) else COMPUTED

    return evaluate


def _collection(node: Object | Tuple) -> Evaluate:
    if isinstance(node, Tuple):
        items = [compile_expression(item) for item in node.items]
        return lambda frame, names: [item(frame, names) for item in items]
    pairs = [(compile_expression(key), compile_expression(value)) for key, value in node.items]

    def evaluate(frame: Frame, names: Names) -> Value:
        made: dict[str, Value] = {}
        unknown: Value = None
        for key, value in pairs:
            name, found = operations.text_of(key(frame, names)), value(frame, names)
            if isinstance(name, str):
                made[name] = found
            else:
                frame.reading.used(found)
                unknown = name
        return made if unknown is None else _given_up(frame, made, unknown)

    return evaluate


def _given_up(frame: Frame, made: Value, unknown: Value) -> Value:
    """What was made cannot be followed further: it counts as used."""
    frame.reading.used(made)
    return unknown


def _operation(operator: str, operands: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        values = [operand(frame, names) for operand in operands]
        return operations.operate(frame.reading, operator, values)

    return evaluate


def _opaque(unknown: Unknown, parts: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        for part in parts:
            frame.reading.used(part(frame, names))
        return unknown

    return evaluate


# -- for ------------------------------------------------------------------------------------------------


def pairs_of(frame: Frame, value: Value) -> list[tuple[Value, Value]] | None:
    """(key, value) of what can be iterated; None where that is not known: one pair then stands for all."""
    if isinstance(value, Items):
        return [(item, item) for item in value]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, dict):
        return sorted(value.items())
    if isinstance(value, Dependencies):
        return [(address, Runtime(address)) for address in sorted(frame.reading.inputs.producers)]
    return None


def _for(node: For) -> Evaluate:
    of, result = compile_expression(node.of), compile_expression(node.result)
    condition = compile_expression(node.condition) if node.condition is not None else None
    key_result = compile_expression(node.key_result) if node.key_result is not None else None

    def steps(
        frame: Frame, names: Names, pairs: list[tuple[Value, Value]]
    ) -> Iterator[tuple[Value, Value, Value]]:
        """(condition, key, value) of every step."""
        inner = dict(names)
        for key, value in pairs:
            inner[node.key], inner[node.value] = key, value
            taken = True if condition is None else condition(frame, inner)
            if operations.truth(taken) is False:
                continue
            made_key = None if key_result is None else key_result(frame, inner)
            yield taken, made_key, result(frame, inner)

    def evaluate(frame: Frame, names: Names) -> Value:
        value = of(frame, names)
        if isinstance(value, Failure):
            return value
        pairs = pairs_of(frame, value)
        if pairs is None:
            return _over_unknown(frame, value, steps(frame, names, [(COMPUTED, COMPUTED)]))
        if not frame.reading.spend(len(pairs)):
            return COMPUTED
        made = list(steps(frame, names, pairs))
        doubtful = next((t for t, _, _ in made if operations.truth(t) is None), None)
        if doubtful is not None:
            return _given_up(frame, [v for _, _, v in made], doubtful)
        return [v for _, _, v in made] if key_result is None else _object(frame, made, grouped=node.grouped)

    return evaluate


def _over_unknown(frame: Frame, value: Value, steps: Iterator[tuple[Value, Value, Value]]) -> Value:
    """The body once, so that what it reads is found; nobody knows how often it runs."""
    reading = frame.reading
    reading.used(value)
    reading.guards += 1
    for found in steps:
        reading.used(list(found))
    reading.guards -= 1
    return value if isinstance(value, Unknown) else COMPUTED


def _object(frame: Frame, made: list[tuple[Value, Value, Value]], *, grouped: bool) -> Value:
    found: dict[str, Value] = {}
    for _, key, value in made:
        name = operations.text_of(key)
        if not isinstance(name, str):
            return _given_up(frame, [v for _, _, v in made], name)
        if grouped:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


# -- calls ----------------------------------------------------------------------------------------------


def _call(node: Call) -> Evaluate:
    arguments = [compile_expression(argument) for argument in node.arguments]
    special = _SPECIAL.get(node.name)
    if special is not None and arguments and not node.spread:
        return special(arguments)

    def evaluate(frame: Frame, names: Names) -> Value:
        values = [argument(frame, names) for argument in arguments]
        if node.spread and values and isinstance(values[-1], list):
            values[-1:] = values[-1]
        elif node.spread:
            return _given_up(frame, values, values[-1] if isinstance(values[-1], Unknown) else COMPUTED)
        return _apply(frame, node.name, values)

    return evaluate


def _apply(frame: Frame, name: str, values: list[Value]) -> Value:
    """A function's value. What it does not hand on counts as used."""
    structure = functions.STRUCTURE.get(name)
    if structure is not None:
        if name in ("keys", "length") and values and isinstance(values[0], Dependencies):
            values = [dict.fromkeys(frame.reading.inputs.producers)]
        values = [_opened(frame, value) for value in values]
        unknown = _not_for(name, values)
    else:
        structure = functions.TEXT.get(name)
        unknown = next((u for v in values if (u := first_unknown(v)) is not None), None)
        unknown = unknown or (Unknown(f"{name}() is not computed here") if structure is None else None)
    made = unknown if structure is None or unknown is not None else functions.call(structure, name, values)
    if isinstance(made, Unknown):
        frame.reading.used(values)
    return made


def _not_for(name: str, values: list[Value]) -> Unknown | None:
    """What keeps a function on collections from being computed; `coalesce` hands on what it is given."""
    for value in values:
        if isinstance(value, Failure) or (isinstance(value, Unknown) and name != "coalesce"):
            return value
        if isinstance(value, Encoded) or (isinstance(value, Runtime) and name != "coalesce"):
            return COMPUTED
    return None


def _opened(frame: Frame, value: Value) -> Value:
    """The dependencies as the object that they are: a function hands the runtimes in it on."""
    if isinstance(value, Dependencies):
        return {address: Runtime(address) for address in frame.reading.inputs.producers}
    return value


def _try(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        """The first that does not fail. Where that is not known, the others may be used too."""
        reading = frame.reading
        found: Value = None
        doubtful = False
        for place, argument in enumerate(arguments):
            last = place == len(arguments) - 1
            reading.guards += not last or doubtful
            value = argument(frame, names)
            reading.guards -= not last or doubtful
            if doubtful:
                reading.used(value)
            elif last or not failed(value):
                found, doubtful = value, isinstance(value, Unknown)
                if not doubtful:
                    break
        return found

    return evaluate


def _can(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        frame.reading.guards += 1
        value = arguments[0](frame, names)
        frame.reading.guards -= 1
        if failed(value):
            return False
        return Unknown("can()", computed=value.computed) if isinstance(value, Unknown) else True

    return evaluate


def _lookup(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        """With a default a missing key is no failure."""
        reading = frame.reading
        of, key, *default = (argument(frame, names) for argument in arguments)
        reading.guards += bool(default)
        found = operations.index(reading, of, key, reading.place, "…")
        reading.guards -= bool(default)
        if default and isinstance(found, Unknown):
            if isinstance(found, Failure) and not isinstance(of, Unknown):
                return default[0]
            reading.used(default[0])
        return found

    return evaluate


def _decode(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(frame: Frame, names: Names) -> Value:
        value = arguments[0](frame, names)
        if isinstance(value, Encoded):
            return value.value
        return value if isinstance(value, Unknown) else _apply(frame, "jsondecode", [value])

    return evaluate


def _same(arguments: list[Evaluate]) -> Evaluate:
    return arguments[0]


def _encode(arguments: list[Evaluate]) -> Evaluate:
    return lambda frame, names: Encoded(arguments[0](frame, names))


_SPECIAL: dict[str, Callable[[list[Evaluate]], Evaluate]] = {
    "can": _can,
    "ephemeralasnull": _same,
    "jsondecode": _decode,
    "jsonencode": _encode,
    "lookup": _lookup,
    "nonsensitive": _same,
    "sensitive": _same,
    "tomap": _same,
    "try": _try,
}


def compile_all(found: Mapping[str, Any]) -> dict[str, Evaluate]:
    """The closures of named sites."""
    return {name: compile_expression(site.expression) for name, site in found.items()}
