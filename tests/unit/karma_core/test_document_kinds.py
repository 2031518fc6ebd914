"""Every kind of document that the source writes is one that a backup reads."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

from karma_core.document_kinds import DOCUMENT_KINDS

ROOT = Path(__file__).parents[3]
PACKAGES = ("karma_core", "karma_adapters", "karma_api", "karma_lambda", "karma_service", "flows", "tasks")
STORES = {"karma_adapters.aws.dynamodb_state", "karma_adapters.sqlite.state"}
"""They write what they are given."""


def written() -> dict[str, str]:
    """Kind that is given to `put_document` → a module that gives it."""
    found = {}
    for path in sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        source = path.read_text("utf-8")
        if "put_document(" not in source or name in STORES:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "put_document":
                kind = node.args[0]
                if isinstance(kind, ast.Constant):
                    found[str(kind.value)] = name
                else:
                    assert isinstance(kind, ast.Name), f"{name}: give the kind as a constant"
                    found[getattr(importlib.import_module(name), kind.id)] = name
    return found


def test_every_kind_is_listed() -> None:
    """A store that cannot list its kinds would lose a document of any other in a backup."""
    kinds = written()
    assert {kind: name for kind, name in kinds.items() if kind not in DOCUMENT_KINDS} == {}
    assert set(DOCUMENT_KINDS) == set(kinds)
    assert list(DOCUMENT_KINDS) == sorted(DOCUMENT_KINDS)
