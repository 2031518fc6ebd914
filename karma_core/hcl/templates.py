"""Templates: literal text with interpolations (`${ }`) and directives (`%{ if }`, `%{ for }`).

Literal text is cut where HCL's scanner cuts it (in heredocs at the end of each line), because a strip marker
(`~`) and the indentation of `<<-` work on such a piece, not on all the text between two sequences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from karma_core.hcl import nodes
from karma_core.hcl.nodes import Node
from karma_core.hcl.scanner import Scanner, SyntaxFault, Token

ReadExpression: TypeAlias = Callable[[Scanner], Node]
ReadLoop: TypeAlias = Callable[[Scanner], tuple[str, str, Node]]

_QUOTED: Final = re.compile(r"""(?:\$\$\{|%%\{|\\.|[^"\\\n$%]|[$%](?!\{))+""")
_LINE: Final = re.compile(r"(?:\$\$\{|%%\{|[^\n$%]|[$%](?!\{))*\n?")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))|(\$|%)\4\{", re.DOTALL)
_MARKERS: Final = re.compile(r"(\$|%)\1\{")
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
_LAST: Final = 0x10FFFF


@dataclass(slots=True)
class _Literal:
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Sequence:
    """An interpolation (`word` is empty) or a directive by its word, with its expressions."""

    word: str
    start: int
    end: int
    node: Node | None = None
    loop: tuple[str, str, Node] | None = None


_Part: TypeAlias = _Literal | _Sequence


def quoted(scanner: Scanner, opening: Token, read: ReadExpression, loop: ReadLoop) -> nodes.Template:
    """The quoted string whose opening quote was read."""
    reader = _Reader(scanner, read, loop)
    while True:
        at = scanner.position
        match = _QUOTED.match(scanner.text, at)
        if match:
            reader.literal(_resolved(match.group(), at), at, match.end())
        elif scanner.text.startswith('"', at):
            scanner.move(at + 1)
            return reader.template(opening.start, at + 1, closed_at=at)
        elif scanner.text.startswith(("${", "%{"), at):
            reader.sequence()
        elif at < len(scanner.text):
            raise SyntaxFault("a quoted string may not be split over several lines", at)
        else:
            raise SyntaxFault("there is no closing quote of this string", at)


def heredoc(scanner: Scanner, opening: Token, read: ReadExpression, loop: ReadLoop) -> nodes.Template:
    """The heredoc whose first line was read: the lines to its marker."""
    marker = opening.text.lstrip("<-").strip()
    reader = _Reader(scanner, read, loop)
    at_line_start = True
    while True:
        at = scanner.position
        match = _LINE.match(scanner.text, at)
        line = match.group() if match else ""
        if at_line_start and line.strip() == marker:
            reader.finish(flush=opening.text.startswith("<<-"))
            end = at + len(line.rstrip("\r\n"))
            scanner.move(end)
            return reader.template(opening.start, end, closed_at=at)
        if line:
            reader.literal(_unmarked(line), at, at + len(line))
            at_line_start = line.endswith("\n")
        elif scanner.text.startswith(("${", "%{"), at):
            reader.sequence()
            at_line_start = False
        else:
            raise SyntaxFault(f"there is no line `{marker}` that ends this text", at)


def bare(text: str, read: ReadExpression, loop: ReadLoop) -> nodes.Template:
    """The template that a whole text is: a file's, or a string's in JSON syntax. SyntaxFault."""
    scanner = Scanner(text)
    reader = _Reader(scanner, read, loop)
    scanner.move(0)
    while scanner.position < len(text):
        at = scanner.position
        match = _LINE.match(text, at)
        if match and match.group():
            reader.literal(_unmarked(match.group()), at, match.end())
        else:
            reader.sequence()
    return reader.template(0, len(text))


class _Reader:
    """Collects the parts of one template."""

    def __init__(self, scanner: Scanner, read: ReadExpression, loop: ReadLoop) -> None:
        self._scanner = scanner
        self._read = read
        self._loop = loop
        self._parts: list[_Part] = []
        self._strip_next = False

    def literal(self, value: str, start: int, end: int) -> None:
        """Add literal text."""
        self._parts.append(_Literal(value.lstrip() if self._strip_next else value, start, end))
        self._strip_next = False
        self._scanner.move(end)

    def sequence(self) -> None:
        """Add the interpolation or directive that begins here."""
        scanner = self._scanner
        start = scanner.position
        interpolation = scanner.text[start] == "$"
        strips = scanner.text.startswith("~", start + 2)
        previous = self._parts[-1] if self._parts else None
        if strips and isinstance(previous, _Literal):
            previous.value = previous.value.rstrip()
        scanner.move(start + 2 + strips)
        with scanner.newlines(ignored=True):
            part = self._interpolation(start) if interpolation else self._directive(start)
            self._strip_next = self._closed(start)
        self._parts.append(part)

    def _closed(self, start: int) -> bool:
        """Read the end of a sequence; whether it strips what follows."""
        scanner = self._scanner
        token = scanner.peek()
        strips = token.text == "~"
        end = token.end - 1 if not strips else token.end
        if token.kind == "end":
            raise SyntaxFault("there is no closing brace of what begins here", start)
        if not scanner.text.startswith("}", end):
            raise SyntaxFault("expected a closing brace", token.start)
        scanner.move(end + 1)
        return strips

    def _interpolation(self, start: int) -> _Sequence:
        node = self._read(self._scanner)
        return _Sequence("", start, node.end, node)

    def _directive(self, start: int) -> _Sequence:
        word = self._scanner.expect("identifier", "a directive begins with `if` or `for`")
        if word.text == "if":
            node = self._read(self._scanner)
            return _Sequence("if", start, node.end, node)
        if word.text == "for":
            loop = self._loop(self._scanner)
            return _Sequence("for", start, word.end, loop=loop)
        if word.text in ("else", "endif", "endfor"):
            return _Sequence(word.text, start, word.end)
        raise SyntaxFault(f"`{word.text}` is no directive", word.start)

    def finish(self, *, flush: bool) -> None:
        """Take the indentation away that all lines of a heredoc share."""
        if flush:
            _outdent(self._parts)

    def template(self, start: int, end: int, closed_at: int | None = None) -> nodes.Template:
        """The template of what was collected; `closed_at` is where its closing marker begins."""
        parts = [part for part in self._parts if not isinstance(part, _Literal) or part.value]
        whole = len(self._parts) == 1 and isinstance(self._parts[0], _Sequence) and not self._parts[0].word
        made, stopped = _Nesting(parts, self._scanner.last_end if closed_at is None else closed_at).until()
        if stopped is not None:
            raise SyntaxFault(f"there is nothing for `{stopped.word}` to end", stopped.start)
        return nodes.Template(start, end, tuple(made), wraps=whole)


class _Nesting:
    """Puts the parts between a directive and its end into one node."""

    def __init__(self, parts: Iterable[_Part], closed_at: int) -> None:
        self._waiting = iter(parts)
        self._closed_at = closed_at

    def until(self) -> tuple[list[Node], _Sequence | None]:
        """(the nodes up to a directive that ends them, that directive)."""
        made: list[Node] = []
        for part in self._waiting:
            if isinstance(part, _Literal):
                made.append(nodes.Text(part.start, part.end, part.value))
            elif part.loop is not None:
                made.append(self._for(part, *part.loop))
            elif part.node is None:
                return made, part
            else:
                made.append(self._if(part, part.node) if part.word else part.node)
        return made, None

    def _if(self, opening: _Sequence, condition: Node) -> Node:
        yes, end = self.until()
        no: list[Node] = []
        if end is not None and end.word == "else":
            no, end = self.until()
        last = self._ended(opening, end, "endif")
        branches = (nodes.Template(opening.start, last, tuple(branch)) for branch in (yes, no))
        return nodes.Conditional(opening.start, last, condition, *branches)

    def _for(self, opening: _Sequence, key: str, value: str, of: Node) -> Node:
        inside, end = self.until()
        last = self._ended(opening, end, "endfor")
        body = nodes.Template(opening.start, last, tuple(inside))
        return nodes.Joined(opening.start, last, nodes.For(opening.start, last, of, key, value, body))

    def _ended(self, opening: _Sequence, end: _Sequence | None, word: str) -> int:
        if end is None:
            raise SyntaxFault(f"there is no `{word}` for the `{opening.word}` before here", self._closed_at)
        if end.word != word:
            raise SyntaxFault(f"`{end.word}` where `{word}` is expected", end.start)
        return end.end


def _outdent(parts: Sequence[_Part]) -> None:
    """HCL: the smallest indentation of the lines, those left out that are blank, is taken from each."""
    begins = True
    smallest: int | None = None
    lines: list[_Literal] = []
    for part in parts:
        if begins:
            begins = False
            spaces: int | None = 0
            if isinstance(part, _Literal):
                spaces = len(part.value) - len(part.value.lstrip())
                if spaces == len(part.value) and part.value.endswith("\n"):
                    spaces = None
                else:
                    lines.append(part)
            if spaces is not None:
                smallest = spaces if smallest is None else min(smallest, spaces)
        begins = begins or (isinstance(part, _Literal) and part.value.endswith("\n"))
    for line in lines:
        line.value = line.value[smallest or 0 :]


def _unmarked(text: str) -> str:
    return _MARKERS.sub(r"\1{", text)


def _resolved(text: str, start: int) -> str:
    r"""Resolve `$${`, `%%{`, `\n`, `\uNNNN` and their like; SyntaxFault where there is no such escape."""

    def value(match: re.Match[str]) -> str:
        short, wide, character, marker = match.groups()
        if marker:
            return f"{marker}{{"
        if character:
            if character not in _ESCAPED:
                raise SyntaxFault(f"there is no escape `\\{character}`", start + match.start())
            return _ESCAPED[character]
        point = int(short or wide, 16)
        return chr(point) if point <= _LAST else "\N{REPLACEMENT CHARACTER}"

    return _ESCAPE.sub(value, text) if "\\" in text or "{" in text else text
