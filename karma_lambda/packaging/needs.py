"""What modules need: our modules and other distributions, by following imports without running anything."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

OWN: Final = frozenset({"karma_adapters", "karma_api", "karma_core", "karma_lambda", "karma_log"})
"""Packages whose imports are followed."""


@dataclass(frozen=True)
class Needs:
    """Our files, relative to the root, and the names of the distributions that they import; both sorted."""

    files: tuple[Path, ...]
    distributions: tuple[str, ...]


def needs_of(modules: Iterable[str], root: Path) -> Needs:
    """What the modules need, imports inside functions included."""
    files: dict[str, Path] = {}
    foreign: set[str] = set()
    todo = [*modules]
    while todo:
        name = todo.pop()
        top = name.partition(".")[0]
        if top not in OWN:
            foreign |= {top} - sys.stdlib_module_names
            continue
        path = _file(name, root)
        if path is None or name in files:
            continue
        files[name] = path
        todo += [*_parents(name), *_imports(path)]
    relative = sorted(path.relative_to(root) for path in files.values())
    return Needs(tuple(relative), tuple(sorted(_closed(_distributions(foreign)))))


def _file(name: str, root: Path) -> Path | None:
    """The module's file; None for a name that is something in a module."""
    place = root / Path(*name.split("."))
    for path in (place.with_suffix(".py"), place / "__init__.py"):
        if path.is_file():
            return path
    return None


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


@cache
def _imports(path: Path) -> tuple[str, ...]:
    """Everything that the file imports; of `from a import b` both `a` and `a.b`, which may be a module."""
    return tuple(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in _executed(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        yield node
        yield from _executed(node)


def _distributions(packages: Iterable[str]) -> Iterator[str]:
    known = _known()
    for package in sorted(packages):
        yield from (canonicalize_name(name) for name in known.get(package, ()))


@cache
def _known() -> Mapping[str, list[str]]:
    return packages_distributions()


def _closed(names: Iterable[str]) -> set[str]:
    """The distributions and all that they require on this kind of machine, without extras."""
    closure: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in closure:
            continue
        closure.add(name)
        todo += _required(name)
    return closure


def _required(name: str) -> Iterator[str]:
    try:
        lines = requires(name) or []
    except PackageNotFoundError:
        return  # for another machine; the lock names it where it is needed
    for requirement in map(Requirement, lines):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield canonicalize_name(requirement.name)
