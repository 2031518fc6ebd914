"""Types of variables: how Terraform converts what a variable is given.

A config that lacks an optional attribute gets its default, or null; a number that is meant as text becomes
text, and a text that is meant as a number or bool becomes one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from karma_core.inference.conversion import Uncertain, as_set
from karma_core.inference.expressions import Call, Expression, Literal, Name, Object
from karma_core.inference.operations import text_of
from karma_core.inference.values import Items, Value
from karma_core.json_types import JsonObject

Complete = Callable[[Value], Value]
"""Converts a value and adds what it lacks. One that cannot be converted is left as it is."""
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")


def completion(of_type: Expression, default: Callable[[Expression], Value]) -> Complete | None:
    """Return how a type completes a value, or None. `default` evaluates a default's expression."""
    match of_type:
        case Call(name="object", arguments=(Object(items=items),)):
            return _object({_key(key): value for key, value in items}, default)
        case Call(name="list" | "set" as kind, arguments=(inner,)):
            item = completion(inner, default)
            return _set(item or _as_given) if kind == "set" else item and _list(item)
        case Call(name="map", arguments=(inner,)):
            item = completion(inner, default)
            return _map(item) if item is not None else None
        case Call(name="optional", arguments=(inner, *_)):
            return completion(inner, default)
        case Name(name="string" | "number" | "bool" as kind):
            return _PRIMITIVE[kind]
        case _:
            return None


def _as_text(value: Value) -> Value:
    return text_of(value) if isinstance(value, (bool, int, float, Decimal)) else value


def _as_number(value: Value) -> Value:
    return int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value


def _as_bool(value: Value) -> Value:
    return value == "true" if value in ("true", "false") else value


_PRIMITIVE: Final = {"string": _as_text, "number": _as_number, "bool": _as_bool}


def dependency_keys(of_type: Expression | None) -> tuple[frozenset[str], frozenset[str]] | None:
    """(required, optional) attributes of every producer's object, by the type of the variable `dependencies`.

    None where the type lists none: then Terraform takes whatever it is given.
    """
    match of_type:
        case Call(name="map", arguments=(Call(name="object", arguments=(Object(items=items),)),)):
            types = {_key(key): value for key, value in items}
            optional = {n for n, one in types.items() if isinstance(one, Call) and one.name == "optional"}
            return frozenset(types.keys() - optional), frozenset(optional)
        case _:
            return None


def _list(item: Complete) -> Complete:
    return lambda value: [item(one) for one in value] if isinstance(value, list) else value


def _as_given(value: Value) -> Value:
    return value


def _set(item: Complete) -> Complete:
    """Items are their own keys; where their order is not known they stay in the order of the config."""

    def complete(value: Value) -> Value:
        if not isinstance(value, list):
            return value
        items = [item(one) for one in value]
        try:
            return as_set(items)
        except Uncertain:
            return Items(items)

    return complete


def _map(item: Complete) -> Complete:
    return lambda value: {k: item(v) for k, v in value.items()} if isinstance(value, dict) else value


def _key(key: Expression) -> str:
    return str(key.value) if isinstance(key, Literal) else ""


def _object(attributes: dict[str, Expression], default: Callable[[Expression], Value]) -> Complete:
    """What the type does not list is dropped."""
    missing: JsonObject = {}
    inner: dict[str, Complete] = {}
    for name, of_type in attributes.items():
        if isinstance(of_type, Call) and of_type.name == "optional":
            missing[name] = default(of_type.arguments[1]) if len(of_type.arguments) > 1 else None
        deeper = completion(of_type, default)
        if deeper is not None:
            inner[name] = deeper

    def complete(value: Value) -> Value:
        if not isinstance(value, dict):
            return value
        made = {**missing, **{name: value[name] for name in attributes if name in value}}
        for name, fallback in missing.items():
            if made[name] is None:
                made[name] = fallback
        for name, deeper in inner.items():
            if name in made:
                made[name] = deeper(made[name])
        return made

    return complete
