"""A JSON Schema for a type's configs, made of its module's variables.

It is a beginning for people to go on with: types, defaults, descriptions, and validations of common forms.
The others are left to Terraform, which checks all of them in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

from karma_core import hcl
from karma_core.hcl import nodes
from karma_core.json_types import JsonObject, JsonValue
from karma_core.root_variables import CONFIG, RESERVED

_GIVEN: Final = RESERVED | {"region", "environment"}
"""Variables that Karma has values for."""
_PRIMITIVES: Final = {"string": "string", "number": "number", "bool": "boolean"}
_SIZES: Final = {"string": "Length", "array": "Items", "object": "Properties"}
"""What a schema's type calls the number of its parts: minLength, minItems, minProperties."""
_MIRRORED: Final = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "==": "=="}
_NOT_LITERAL: Final = object()


def schema_of(documents: Sequence[hcl.Document]) -> JsonObject:
    """The schema of configs for a module, whose native files these are.

    The keys are the variables that a config gives. Where the module takes the whole config (`variable
    "config"`) it is that variable's type.
    """
    variables = {
        block.labels[0]: block for d in documents for block in d.body.of_type("variable") if block.labels
    }
    if CONFIG in variables:
        whole = _of_variable(variables[CONFIG])
        return whole if whole.get("type") == "object" else {"type": "object"}
    own = {name: block for name, block in sorted(variables.items()) if name not in _GIVEN}
    required = [name for name, block in own.items() if "default" not in block.attributes]
    properties = {name: _of_variable(block) for name, block in own.items()}
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def example_of(schema: JsonObject) -> JsonObject:
    """A config with the required keys, each null, which the schema refuses until somebody fills it in."""
    return dict.fromkeys(schema.get("required", ()))


def _of_variable(block: hcl.Block) -> JsonObject:
    given = {name: attribute.expression for name, attribute in block.attributes.items()}
    schema = _of_type(given["type"]) if "type" in given else {}
    for validation in block.of_type("validation"):
        if "condition" in validation.attributes:
            for rule in _rules(validation.attributes["condition"].expression, block.labels[0], schema):
                schema.update(rule)
    default = _literal(given["default"]) if "default" in given else _NOT_LITERAL
    if default is None and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    elif default is not _NOT_LITERAL:
        schema["default"] = default
    text = hcl.literal(given["description"]) if "description" in given else None
    return {**({"description": text} if text else {}), **schema}


def _of_type(node: hcl.Expression) -> JsonObject:
    match node:
        case nodes.Variable(name=name) if name in _PRIMITIVES:
            return {"type": _PRIMITIVES[name]}
        case nodes.Call(name="list" | "set" as kind, arguments=(inner,)):
            unique = {"uniqueItems": True} if kind == "set" else {}
            return {"type": "array", "items": _of_type(inner), **unique}
        case nodes.Call(name="map", arguments=(inner,)):
            return {"type": "object", "additionalProperties": _of_type(inner)}
        case nodes.Call(name="tuple", arguments=(nodes.Tuple(items=items),)):
            return {
                "type": "array",
                "prefixItems": [_of_type(item) for item in items],
                "minItems": len(items),
                "maxItems": len(items),
            }
        case nodes.Call(name="object", arguments=(nodes.Object(items=items),)):
            return _of_object({_name(key): inner for key, inner in items})
        case _:
            return {}


def _of_object(attributes: Mapping[str, hcl.Expression]) -> JsonObject:
    properties: JsonObject = {}
    required = []
    for name, node in attributes.items():
        match node:
            case nodes.Call(name="optional", arguments=(inner, *rest)):
                properties[name] = _of_type(inner)
                default = _literal(rest[0]) if rest else _NOT_LITERAL
                if default is not _NOT_LITERAL and default is not None:
                    properties[name]["default"] = default
            case _:
                properties[name] = _of_type(node)
                required.append(name)
    return {"type": "object", **({"required": required} if required else {}), "properties": properties}


def _rules(node: hcl.Expression, name: str, schema: JsonObject) -> Iterator[JsonObject]:
    """What a condition on the variable says in a schema's words, as far as it can."""
    subject = ("var", name)
    match node:
        case nodes.Parentheses(inner=inner):
            yield from _rules(inner, name, schema)
        case nodes.Operation(operator="&&", operands=operands):
            for operand in operands:
                yield from _rules(operand, name, schema)
        case nodes.Call(name="contains", arguments=(nodes.Tuple(items=items), asked)) if (
            _path(asked) == subject
        ):
            values = [_literal(item) for item in items]
            if _NOT_LITERAL not in values:
                yield {"enum": values}
        case nodes.Call(name="can", arguments=(nodes.Call(name="regex", arguments=(pattern, asked)),)):
            text = hcl.literal(pattern)
            if text is not None and _path(asked) == subject and "(?" not in text:
                yield {"pattern": text}
        case nodes.Operation(operator=operator, operands=(left, right)) if operator in _MIRRORED:
            yield from _bounds(operator, left, right, subject, schema)
            yield from _bounds(_MIRRORED[operator], right, left, subject, schema)


def _bounds(
    operator: str, left: hcl.Expression, right: hcl.Expression, subject: tuple[str, ...], schema: JsonObject
) -> Iterator[JsonObject]:
    """The bounds of `left operator right`, where the left is the variable or its length."""
    bound = _literal(right)
    if not isinstance(bound, int | float) or isinstance(bound, bool):
        return
    if _path(left) == subject:
        if operator == "==":
            return
        word = {"<": "exclusiveMaximum", "<=": "maximum", ">": "exclusiveMinimum", ">=": "minimum"}[operator]
        yield {word: bound}
    elif isinstance(left, nodes.Call) and left.name == "length" and _path(left.arguments[0]) == subject:
        size = _SIZES.get(str(schema.get("type")), "")
        if size and isinstance(bound, int):
            if operator in {">", ">=", "=="}:
                yield {f"min{size}": bound + (operator == ">")}
            if operator in {"<", "<=", "=="}:
                yield {f"max{size}": bound - (operator == "<")}


def _path(node: hcl.Expression) -> tuple[str, ...]:
    match node:
        case nodes.GetAttr(of=nodes.Variable(name=root), name=name):
            return (root, name)
        case _:
            return ()


def _name(key: hcl.Expression) -> str:
    return key.value if isinstance(key, nodes.Text) else hcl.literal(key) or ""


def _literal(node: hcl.Expression) -> JsonValue:
    """The value of a literal, also of a list or object of them; `_NOT_LITERAL` for all else."""
    match node:
        case nodes.Keyword(value=value):
            return value
        case nodes.Number(text=text):
            number = Decimal(text)
            return int(number) if number == number.to_integral_value() else float(number)
        case nodes.Operation(operator="-", operands=(nodes.Number() as number,)):
            value = _literal(number)
            return -value
        case nodes.Tuple(items=items):
            values = [_literal(item) for item in items]
            return _NOT_LITERAL if _NOT_LITERAL in values else values
        case nodes.Object(items=items):
            made = {_name(key): _literal(value) for key, value in items}
            return _NOT_LITERAL if _NOT_LITERAL in made.values() else made
        case _:
            string = hcl.literal(node)
            return _NOT_LITERAL if string is None else string
