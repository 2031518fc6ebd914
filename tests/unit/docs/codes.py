"""Every code that Karma's source gives to an error or a finding, read from its syntax tree.

A code is a string constant that reaches a name `code`: a keyword, an assignment, a class attribute, a
parameter's default, an argument in the place of a parameter `code`, a tuple's element.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = (
    "karma_core", "karma_log", "karma_adapters", "karma_api", "karma_lambda", "karma_ui", "karma_service",
    "karma_cli", "tasks", "flows",
)  # fmt: skip
CODE = "code"


@cache
def codes() -> dict[str, str]:
    """Code → a file that has it."""
    by_code: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for code in _in_module(ast.parse(path.read_text("utf-8"))):
                by_code.setdefault(code, path.relative_to(ROOT).as_posix())
    return by_code


def _in_module(tree: ast.Module) -> Iterator[str]:
    constants = {
        target.id: value for node in ast.walk(tree) for target, value in _named(node) if target.id.isupper()
    }
    functions = {
        node.name: node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }
    for node in ast.walk(tree):
        for expression in _reaching(node, functions, constants):
            yield from _strings(expression, constants)


def _named(node: ast.AST) -> Iterator[tuple[ast.Name, ast.expr]]:
    """(name, value) of an assignment to a plain name."""
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets if isinstance(target, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        yield node.target, node.value


def _reaching(
    node: ast.AST,
    functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef],
    constants: dict[str, ast.expr],
) -> Iterator[ast.expr]:
    """Expressions that become a `code` at this node."""
    yield from (value for target, value in _named(node) if target.id == CODE)
    if isinstance(node, ast.Call):
        yield from (keyword.value for keyword in node.keywords if keyword.arg == CODE)
        yield from _as_argument(node, functions)
    elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        defaults = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        yield from (default for name, default in defaults if name.arg == CODE and default is not None)
    elif isinstance(node, ast.Assign):
        yield from _unpacked(node.targets[0], node.value)
    elif isinstance(node, ast.comprehension):
        rows = constants.get(node.iter.id) if isinstance(node.iter, ast.Name) else None
        for row in rows.elts if isinstance(rows, ast.Tuple) else ():
            yield from _unpacked(node.target, row)


def _as_argument(
    call: ast.Call, functions: dict[str, ast.FunctionDef | ast.AsyncFunctionDef]
) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    called = functions.get(name)
    if called is None:
        return
    names = [a.arg for a in called.args.args if a.arg not in {"self", "cls"}]
    if CODE in names and names.index(CODE) < len(call.args):
        yield call.args[names.index(CODE)]


def _unpacked(target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    """The element of a tuple that is unpacked into `code`, also out of the tuples of `next(…, default)`."""
    if not isinstance(target, ast.Tuple):
        return
    if isinstance(value, ast.Call):
        for argument in value.args:
            yield from _unpacked(target, argument)
    elif isinstance(value, ast.Tuple):
        names = [name.id if isinstance(name, ast.Name) else "" for name in target.elts]
        yield from (element for name, element in zip(names, value.elts, strict=False) if name == CODE)


def _strings(expression: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        yield expression.value
    elif isinstance(expression, ast.IfExp):
        yield from _strings(expression.body, constants)
        yield from _strings(expression.orelse, constants)
    elif isinstance(expression, ast.Name) and expression.id in constants:
        yield from _strings(constants[expression.id], constants)
