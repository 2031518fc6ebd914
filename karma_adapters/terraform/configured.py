"""Which attributes of a resource a module's configuration sets, as `terraform show -json` tells.

Source of the form: Terraform's JSON output format, `configuration`: resources by module call, each with its
`expressions`: an attribute's expression, or the blocks of a nested type.
"""

from __future__ import annotations

import re
from typing import Final

from karma_core.json_types import JsonObject, JsonValue

_INDEX: Final = re.compile(r"\[(?:[0-9]+|\"(?:[^\"\\\\]|\\\\.)*\")\]")
_EXPRESSION: Final = frozenset({"constant_value", "references"})
"""Keys of a single expression's form; a nested block has the names of its arguments instead."""


def expressions_of(document: JsonObject, address: str) -> JsonObject | None:
    """What the configuration sets of a resource instance; None where it says nothing of the resource."""
    module = document.get("configuration", {}).get("root_module")
    parts = _INDEX.sub("", address).split(".")
    while module is not None and parts[0] == "module":
        module = module.get("module_calls", {}).get(parts[1], {}).get("module")
        parts = parts[2:]
    wanted = ".".join(parts)
    for resource in (module or {}).get("resources", ()):
        if resource.get("address") == wanted:
            return dict(resource.get("expressions", {}))
    return None


def is_set(expressions: JsonObject | None, pointer: str) -> bool:
    """Whether the configuration sets what stands at a JSON pointer; so too where it says nothing at all."""
    if expressions is None:
        return True
    first, *rest = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]] or [""]
    if first not in expressions:
        return False
    node: JsonValue = expressions[first]
    for key in rest:
        if isinstance(node, list):
            node = node[int(key)] if key.isdigit() and int(key) < len(node) else None
        elif not isinstance(node, dict) or not node or node.keys() & _EXPRESSION:
            return True  # one expression, and this is a part of its value
        elif key not in node:
            return False
        else:
            node = node[key]
    return True
