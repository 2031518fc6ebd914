"""The text of an expression, as Terraform's language writes it: for people, on one line."""

from __future__ import annotations

import json

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
    Number,
    Object,
    Opaque,
    Operation,
    Splat,
    Template,
    Tuple,
)


def written(node: Expression) -> str:  # noqa: C901, PLR0911, PLR0912 - one case a kind of expression
    """The expression's text. Parentheses stand around each operation and conditional that is a part."""
    match node:
        case Literal(value=value):
            return json.dumps(value, ensure_ascii=False)
        case Number(text=text) | Opaque(text=text):
            return text
        case Name(name=name):
            return name
        case Template(parts=parts):
            return '"' + "".join(map(_template_part, parts)) + '"'
        case Attribute(of=of, name=name):
            return f".{name}" if of == Name(ITEM) else f"{_part(of)}.{name}"
        case Index(of=of, key=key):
            return f"{'' if of == Name(ITEM) else _part(of)}[{written(key)}]"
        case Splat(of=of, each=each):
            return f"{_part(of)}[*]{'' if each == Name(ITEM) else written(each)}"
        case Call(name=name, arguments=arguments, spread=spread):
            return f"{name}({', '.join(map(written, arguments))}{'...' if spread else ''})"
        case Conditional(condition=condition, yes=yes, no=no):
            return f"{_part(condition)} ? {_part(yes)} : {_part(no)}"
        case Object(items=items):
            return "{" + ", ".join(f"{written(key)} = {written(value)}" for key, value in items) + "}"
        case Tuple(items=items):
            return f"[{', '.join(map(written, items))}]"
        case For():
            return _for(node)
        case Operation(operator=operator, operands=operands):
            *left, right = map(_part, operands)
            return f"{left[0]} {operator} {right}" if left else f"{operator}{right}"


def _part(node: Expression) -> str:
    text = written(node)
    return f"({text})" if isinstance(node, Operation | Conditional) else text


def _template_part(node: Expression) -> str:
    if isinstance(node, Literal) and isinstance(node.value, str):
        return json.dumps(node.value, ensure_ascii=False)[1:-1].replace("${", "$${").replace("%{", "%%{")
    return "${" + written(node) + "}"


def _for(node: For) -> str:
    names = f"{node.key}, {node.value}" if node.key else node.value
    result = written(node.result)
    if node.key_result is not None:
        result = f"{written(node.key_result)} => {result}{'...' if node.grouped else ''}"
    condition = f" if {written(node.condition)}" if node.condition is not None else ""
    left, right = ("[", "]") if node.key_result is None else ("{", "}")
    return f"{left}for {names} in {written(node.of)} : {result}{condition}{right}"
