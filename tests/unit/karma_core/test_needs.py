"""What use cases take of an environment."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_core import needs

ROOT = Path(needs.__file__).parent
OPENED = {"Workspace", "StoredEnvironment", "OpenEnvironment"}
"""The classes of an opened environment, which have everything."""
MAKERS = {"by_kept_modules"}
"""Functions that make one of another."""
PROTOCOLS = [name for name, value in vars(needs).items() if getattr(value, "_is_protocol", False)]


def annotations(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """(function, annotation) of every parameter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = node.args
            for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs):
                if argument.annotation is not None:
                    yield node.name, argument.annotation


def names(expression: ast.AST) -> set[str]:
    """The names in an expression."""
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


USE_CASES = sorted((ROOT / "use_cases").rglob("*.py"))


@pytest.mark.parametrize("path", USE_CASES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_use_case_takes_everything(path: Path) -> None:
    """Each names a protocol with what it uses, and none the classes that have it all."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    whole = [function for function, annotation in annotations(tree) if names(annotation) & OPENED]
    assert set(whole) <= MAKERS


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_protocol_is_asked_for(protocol: str) -> None:
    """By a function, or by a protocol that has it among others."""
    everywhere = [ROOT / "needs.py", ROOT / "events.py", *USE_CASES]
    used = [names(ast.parse(path.read_text(encoding="utf-8"))) for path in everywhere]
    assert any(protocol in those for those in used)
