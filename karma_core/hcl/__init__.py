"""Terraform's language, read as blocks and attributes, and expressions with the place of every part.

A parser of our own after HCL's (hclsyntax): it reads what Terraform reads, and refuses what Terraform refuses
on the same line. Places are offsets in characters, so that a part can be replaced where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from karma_core.errors import BadInput
from karma_core.hcl import grammar, nodes, templates
from karma_core.hcl.bodies import MAX_DEPTH, Attribute, Block, body
from karma_core.hcl.scanner import Scanner, SyntaxFault

__all__ = [
    "MAX_DEPTH",
    "Attribute",
    "Block",
    "Document",
    "Expression",
    "is_true",
    "literal",
    "parse",
    "template",
    "unreadable",
]

Expression = nodes.Node
"""A node of the syntax tree (`nodes`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One file. `body` is its outermost level, as a block without type; `text` what the places count in."""

    name: str
    text: str
    body: Block


def parse(text: bytes, name: str) -> Document:
    """The file's blocks; BadInput `module-unreadable` with file, line and column where it is not HCL.

    Cost: about 1 ms a kilobyte, measured.
    """
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as bad:
        line = text.count(b"\n", 0, bad.start) + 1
        column = bad.start - text.rfind(b"\n", 0, bad.start)
        raise unreadable(name, "it is not UTF-8", line, column) from bad
    scanner = Scanner(decoded)
    try:
        return Document(name=name, text=decoded, body=body(scanner))
    except SyntaxFault as fault:
        raise unreadable(name, fault.why, *place(decoded, fault.at)) from fault


def template(text: str, name: str = "") -> nodes.Template:
    """The template that a whole text is; BadInput as `parse`."""
    try:
        return templates.bare(text, grammar.expression, grammar.loop_head)
    except SyntaxFault as fault:
        raise unreadable(name, fault.why, *place(text, fault.at)) from fault


def literal(expression: Expression) -> str | None:
    """The value of a quoted string without interpolation, escapes resolved; None for all else."""
    match expression:
        case nodes.Template(parts=()):
            return ""
        case nodes.Template(start=start, parts=(nodes.Text(start=inner, value=value),)) if inner == start + 1:
            return value
        case _:
            return None


def is_true(expression: Expression) -> bool:
    """Whether the expression is the literal `true`."""
    return isinstance(expression, nodes.Keyword) and expression.value is True


def place(text: str, at: int) -> tuple[int, int]:
    """(line, column) of an offset in a text, both from 1."""
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


def unreadable(name: str, why: str, line: int, column: int) -> BadInput:
    """Return the error for a module file that cannot be read."""
    return BadInput(
        f"{name}:{line}:{column} cannot be read as Terraform",
        why=why,
        next_step="correct the file; `terraform validate` in its directory says more",
        code="module-unreadable",
        file=name,
        line=line,
        column=column,
    )
