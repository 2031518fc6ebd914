"""Which files a module reads by its expressions, as far as that follows from the module alone.

Two forms are seen: arguments of functions that read files, and texts that are put together with `path.module`
or `path.root`, which a provider may read. Where a part of a path is not known, it stands for
one name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from glob import escape
from typing import Final, NamedTuple

from karma_core.inference.compiler import compile_expression
from karma_core.inference.expressions import Attribute, Call, Expression, Name, Template, parts_of
from karma_core.inference.facts import FileRead, ModuleFacts, Site
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
