"""Which files a module reads by its expressions, as far as that follows from the module alone.

Two forms are seen: arguments of functions that read files, and texts that are put together with `path.module`
or `path.root`, which a provider may read. Where a part of a path is not known, it stands for
one name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from glob import escape, has_magic
from typing import Final, NamedTuple

from karma_core.inference.compiler import compile_expression
from karma_core.inference.expressions import Attribute, Call, Expression, Name, Template, parts_of
from karma_core.inference.facts import Body, FileRead, ModuleFacts, Site
from karma_core.inference.module_scope import Frame, child_frames, root_frame
from karma_core.inference.program import Program
from karma_core.inference.reading import Inputs, Reading
from karma_core.inference.shapes import PartialText
from karma_core.inference.values import Value

FUNCTIONS: Final = frozenset(
    {
        "file",
        "filebase64",
        "filebase64sha256",
        "filebase64sha512",
        "fileexists",
        "filemd5",
        "fileset",
        "filesha1",
        "filesha256",
        "filesha512",
        "templatefile",
    }
)
OF_TEXT: Final = FUNCTIONS - {"filebase64", "filebase64sha512", "fileexists", "fileset"}
"""Functions that give what follows from a file's text."""
_PATHS: Final = ("module", "root")
_ALTERNATIVES: Final = re.compile(r"\{[^{}]*\}")
"""Of `fileset`'s patterns; `glob` has none."""


class PathRead(NamedTuple):
    """A path that a module reads, relative to its directory, as a pattern of `glob`.

    `function` is what reads it; empty for a text, which may be a directory as well.
    """

    pattern: str
    function: str
    place: str


def collect(site: Site) -> Iterator[FileRead]:
    """The reads of files in an expression."""
    waiting = [site.expression]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Call) and node.name in FUNCTIONS and node.arguments and not node.spread:
            count = 2 if node.name == "fileset" else 1
            yield FileRead(function=node.name, arguments=node.arguments[:count], place=site.place)
            waiting += node.arguments[count:]
        elif _is_path_text(node):
            yield FileRead(arguments=(node,), place=site.place)
        else:
            waiting += parts_of(node)


def _is_path_text(node: Expression) -> bool:
    """Whether a text is put together with the module's path."""
    texts = isinstance(node, Template) or (isinstance(node, Call) and node.name in ("format", "join"))
    return texts and any(map(_names_path, parts_of(node)))


def _names_path(node: Expression) -> bool:
    match node:
        case Attribute(of=Name(name="path"), name=name):
            return name in _PATHS
        case _:
            return any(map(_names_path, parts_of(node)))


def paths_read(facts: ModuleFacts) -> list[PathRead]:
    """The paths that a module and its child modules read, sorted, each once."""
    if not _any_read(facts.body):
        return []
    reading = Reading(Inputs(address="", prefix="", variables={}))
    try:
        return sorted(set(_visit(root_frame(Program(facts.body), reading))))
    except RecursionError:
        return []


def paths_left_behind(program: Program, inputs: Inputs) -> list[PathRead]:
    """Of one component, the files whose paths lead out of the module and follow from its variables alone.

    They are in no digest, and not where Terraform runs: of the module's own paths each known part says what
    comes along. Paths that are not known to the end are left out. One for each path and place.
    """
    if not _any_read(program.body):
        return []
    try:
        alone, inside = _brought_along(program)
        own = {read for read in _visit(root_frame(program, Reading(inputs))) if read.function}
    except RecursionError:
        return []
    left = sorted(one for one in own if not _comes_along(one.pattern, alone, inside))
    return list({(one.pattern, one.place): one for one in left}.values())


@lru_cache(maxsize=256)
def _brought_along(program: Program) -> tuple[frozenset[str], frozenset[str]]:
    """(patterns of the files that the module alone names, directories of its child modules)."""
    nothing = Reading(Inputs(address="", prefix="", variables={}))
    named = frozenset(posixpath.normpath(one.pattern) for one in _visit(root_frame(program, nothing)))
    return named, frozenset(_directories(program.body))


def _comes_along(pattern: str, alone: Collection[str], inside: Collection[str]) -> bool:
    """Whether a path is in the module's directories, or one of those that the module alone names."""
    path = posixpath.normpath(pattern)
    if not path.startswith(("../", "/", "~")) or has_magic(path):
        return True
    if any(path.startswith(f"{directory}/") for directory in inside):
        return True
    parts = path.split("/")
    others = (one.split("/") for one in alone)
    return any(len(one) == len(parts) and all(map(fnmatchcase, parts, one)) for one in others)


def _directories(body: Body) -> Iterator[str]:
    """The directories of the child modules, relative to the root's."""
    for child in body.children.values():
        if child.body is not None:
            yield child.body.directory
            yield from _directories(child.body)


def _any_read(body: object) -> bool:
    reads = getattr(body, "file_reads", ())
    children = getattr(body, "children", {})
    return bool(reads) or any(_any_read(child.body) for child in children.values())


def _visit(frame: Frame) -> Iterator[PathRead]:
    for read in frame.program.body.file_reads:
        parts = [compile_expression(one)(frame, {}) for one in read.arguments]
        pattern = _pattern(parts[0])
        if pattern is None:
            continue
        if len(parts) > 1 and isinstance(parts[1], str):
            pattern = posixpath.join(pattern, _ALTERNATIVES.sub("*", parts[1]))
        yield PathRead(pattern, read.function, read.place)
    for name, called in frame.program.children.items():
        if called.program is not None:
            frames = child_frames(frame.child(name))
            for child in frames or [Frame(called.program, frame.reading, frame.arguments(called.call, {}))]:
                yield from _visit(child)


def _pattern(value: Value) -> str | None:
    """A path as a pattern; None where nothing is known of how it begins."""
    if isinstance(value, str):
        return escape(value)
    if not isinstance(value, PartialText) or not value.shape.head:
        return None
    head, tail = value.shape.head, value.shape.tail
    return f"{escape(head)}*{escape(tail)}"
