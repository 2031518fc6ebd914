"""A copy of a module that can be planned with inputs that are unknown until apply, and is never applied.

Terraform takes no unknown value for a variable. So in the copy every reference to `var.dependencies` becomes
a local of ours, whose known parts are literals and whose unknown parts hang on a placeholder resource that
is about to be created: Terraform itself then holds them unknown. The copy is planned against a copy of the
state, so that what stands there stays as it is.

The placeholder's id is an unknown *string*; decoded as JSON it is an unknown of any type, which conditionals
and functions take in every place.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from karma_core import hcl

VARIABLE: Final = ("var", "dependencies")
PLACEHOLDER: Final = "karma_unknown_until_apply"
LOCAL: Final = "karma_planned_dependencies"
FILE: Final = "zz_karma_planned.tf"
RESOURCE: Final = f"terraform_data.{PLACEHOLDER}"
_UNKNOWN: Final = f"jsondecode({RESOURCE}.id)"
_DEFERRED: Final = re.compile(r"Invalid (count|for_each) argument")
_WHERE: Final = re.compile(r'on (\S+) line (\d+), in (resource|module|data) "([^"]+)"(?: "([^"]+)")?')
_BLOCK: Final = re.compile(
    rf"^  # {re.escape(RESOURCE)} will be created$.*?^    }}\n\n?", re.DOTALL | re.MULTILINE
)
_COUNT: Final = re.compile(r"^Plan: (\d+) to add", re.MULTILINE)


def copy_module(
    module: Path, target: Path, dependencies: Mapping[str, Any], unknown: Mapping[str, Any]
) -> Path:
    """Copy the archived tree that holds the module to target, rewritten; the module's place there.

    The whole tree is copied, so that relative sources of child modules keep working.
    """
    shutil.copytree(module.parent, target, symlinks=True)
    copied = target / module.name
    for file in sorted(copied.glob("*.tf")):
        text = file.read_bytes()
        rewritten = rewrite(text, file.name)
        if rewritten != text:
            file.chmod(0o600)
            file.write_bytes(rewritten)
    (copied / FILE).write_text(planned_file(dependencies, unknown), "utf-8")
    return copied


def rewrite(text: bytes, name: str) -> bytes:
    """The file with every `var.dependencies` replaced by our local, token by token."""
    spans = sorted(_spans(hcl.parse(text, name).body), reverse=True)
    for start, end in spans:
        text = text[:start] + f"local.{LOCAL}".encode() + text[end:]
    return text


def _spans(block: hcl.Block) -> Iterator[tuple[int, int]]:
    """(first byte, byte after the last) of every reference to the variable."""
    for attribute in block.attributes.values():
        yield from _references(attribute.expression)
    for inner in block.blocks:
        yield from _spans(inner)


def _references(root: hcl.Expression) -> Iterator[tuple[int, int]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        children = node.children
        for first, second in pairwise(children):
            if (first.type, second.type) == ("variable_expr", "get_attr") and _is_variable(first, second):
                yield first.start_byte, second.end_byte
        waiting += children


def _is_variable(variable: hcl.Expression, attribute: hcl.Expression) -> bool:
    names = (variable.text or b"").decode(), (attribute.text or b"").decode().lstrip(". \t\r\n")
    return names == VARIABLE


def planned_file(dependencies: Mapping[str, Any], unknown: Mapping[str, Any]) -> str:
    """The file that defines the placeholder and the local."""
    value = expression(dict(dependencies), dict(unknown))
    return f'resource "terraform_data" "{PLACEHOLDER}" {{}}\n\nlocals {{\n  {LOCAL} = {value}\n}}\n'


def expression(value: Any, marks: Any) -> str:
    """A value as an HCL expression in which every marked part is unknown."""
    if marks is True:
        return _UNKNOWN
    if isinstance(value, dict) or isinstance(marks, dict):
        value, marks = value or {}, marks or {}
        parts = [
            f"{_string(key)} = {expression(value.get(key), marks.get(key))}"
            for key in sorted(value.keys() | marks.keys())
        ]
        return "{ " + ", ".join(parts) + " }"
    if isinstance(value, list):
        marks = [*(marks or []), *([None] * len(value))][: len(value)]
        return "[" + ", ".join(map(expression, value, marks)) + "]"
    if isinstance(value, str):
        return _string(value)
    return json.dumps(value)


def _string(text: str) -> str:
    """A quoted string, literal: no template in it is expanded, no escape that HCL does not have."""
    quoted = json.dumps(text).replace("\\b", "\\u0008").replace("\\f", "\\u000c")
    return quoted.replace("${", "$${").replace("%{", "%%{")


def why_deferred(error: str) -> str:
    """Why a plan with unknown inputs could not be made, from Terraform's own error."""
    found = _DEFERRED.search(error)
    if found is None:
        first = next((line.strip(" │╷╵") for line in error.splitlines() if "Error:" in line), "").strip()
        return f"it cannot be planned before its inputs are known ({first or 'Terraform refused'})"
    where = _WHERE.search(error, found.end())
    place = f" of {'.'.join(filter(None, where.group(4, 5)))} ({where[1]}:{where[2]})" if where else ""
    return f"the {found[1]}{place} is unknown until apply"


def without_placeholder(text: str) -> str:
    """Terraform's readable plan without our placeholder."""
    cleaned, removed = _BLOCK.subn("", text)
    if not removed:
        return text
    return _COUNT.sub(lambda match: f"Plan: {int(match[1]) - 1} to add", cleaned, count=1)
