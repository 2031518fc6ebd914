"""Files in JSON syntax of a plan-only copy: their variables, and the uses of variables in their templates.

A string of an argument is a template (Terraform: JSON Configuration Syntax); of a variable only its
validations have any. A file is written anew with its templates rewritten at the token, and without variables
that moved.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from karma_adapters.terraform.hcl_edits import Edit, applied, path_of
from karma_core import hcl, strictjson
from karma_core.errors import BadInput
from karma_core.exact_numbers import dumps
from karma_core.hcl import nodes
from karma_core.json_types import JsonObject, JsonValue

VARIABLE = "variable"
VALIDATION = "validation"
Uses = Callable[[hcl.Expression], Iterator[Edit]]
"""The edits of an expression by which it uses something else."""


class JsonFile:
    """One file, read strictly: BadInput for what two readers could take for different things."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._body = strictjson.parse_object(path.read_bytes(), where=path.name)

    def variables(self) -> Iterator[tuple[str, JsonObject]]:
        """(name, body) of each variable that the file declares."""
        for block in listed(self._body.get(VARIABLE)):
            for name, bodies in block.items():
                yield from ((name, body) for body in listed(bodies))

    def rewritten(self, uses: Uses, moved: Collection[str]) -> str:
        """The file's text with its templates rewritten, and without the variables that moved."""
        body = {key: _rewritten(value, uses) for key, value in self._body.items() if key != VARIABLE}
        kept = [
            {name: [_variable(one, uses) for one in listed(bodies)]}
            for block in listed(self._body.get(VARIABLE))
            for name, bodies in block.items()
            if name not in moved
        ]
        return dumps({**body, **({VARIABLE: kept} if kept else {})}, indent=2)


def listed(value: JsonValue) -> list[JsonObject]:
    """The objects that stand where one or several blocks may stand."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def declaration(bodies: dict[str, list[JsonObject]]) -> str:
    """The text of a file that declares variables."""
    return dumps({VARIABLE: [{name: every} for name, every in bodies.items()]}, indent=2)


def paths(value: JsonValue) -> Iterator[tuple[str, ...]]:
    """Everything that the templates in a value refer to."""
    for text in _texts(value):
        yield from (path for node in nodes.walk(hcl.template(text)) if (path := path_of(node)))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from (*_texts(key), *_texts(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif _is_template(value):
        yield value


def _variable(body: JsonObject, uses: Uses) -> JsonObject:
    """A variable that stays: of its arguments only validations refer to anything."""
    return {key: _rewritten(value, uses) if key == VALIDATION else value for key, value in body.items()}


def _rewritten(value: JsonValue, uses: Uses) -> JsonValue:
    if isinstance(value, dict):
        return {_rewritten(key, uses): _rewritten(inner, uses) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rewritten(inner, uses) for inner in value]
    if not _is_template(value):
        return value
    try:
        return applied(value, uses(hcl.template(value)))
    except BadInput:  # Terraform says what is wrong with it
        return value


def _is_template(value: JsonValue) -> bool:
    return isinstance(value, str) and ("${" in value or "%{" in value)
