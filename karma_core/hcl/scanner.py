"""Words and signs of Terraform's language, one after the other, with the places of errors.

The scanner knows no grammar. Inside parentheses, brackets and interpolations a new line means nothing
(`ignoring_newlines`); elsewhere it ends an argument.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

_BLANK: Final = re.compile(r"(?:[ \t]+|/\*.*?\*/|(?:#|//)[^\n]*)+", re.DOTALL)
_BLANK_LINES: Final = re.compile(r"(?:[ \t]+|\r?\n|/\*.*?\*/|(?:#|//)[^\n]*)+", re.DOTALL)
IDENTIFIER: Final = r"[^\W\d][\w-]*"
_TOKEN: Final = re.compile(
    rf"""(?P<identifier>{IDENTIFIER})
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<heredoc><<-?{IDENTIFIER}\r?\n)
    |(?P<newline>\r?\n)
    |(?P<sign>&&|\|\||==|!=|>=|<=|\.\.\.|=>|::|[-+*/%!<>=?:.,()\[\]{{}}"])
    |(?P<end>\Z)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


class SyntaxFault(Exception):
    """What Terraform's parser would refuse, and where: an offset in characters."""

    def __init__(self, why: str, at: int) -> None:
        super().__init__(why)
        self.why = why
        self.at = at


class Token(NamedTuple):
    """One word or sign. `kind` is identifier, number, heredoc, newline, end, other, or the sign itself."""

    kind: str
    text: str
    start: int
    end: int


class Scanner:
    """A place in a text, and the token that comes next there."""

    __slots__ = ("_blank", "_next", "depth", "last_end", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 1 if text.startswith("\N{ZERO WIDTH NO-BREAK SPACE}") else 0
        self.last_end = self.position
        self.depth = 0
        self._blank = _BLANK
        self._next: Token | None = None

    def peek(self) -> Token:
        """The next token; it stays the next one."""
        if self._next is None:
            blank = self._blank.match(self.text, self.position)
            start = blank.end() if blank else self.position
            self._next = self._token(start)
        return self._next

    def read(self) -> Token:
        """The next token, which is taken."""
        token = self.peek()
        self.move(token.end)
        return token

    def take(self, *kinds: str) -> Token | None:
        """The next token if it is of one of these kinds, which is then taken."""
        return self.read() if self.peek().kind in kinds else None

    def expect(self, kind: str, why: str) -> Token:
        """The next token, which must be of this kind: SyntaxFault."""
        token = self.peek()
        if token.kind != kind:
            raise SyntaxFault(why, token.start)
        return self.read()

    def move(self, position: int) -> None:
        """Go to a place in the text."""
        self.position = self.last_end = position
        self._next = None

    def next_bracket(self) -> int:
        """The offset of the next `]`, or of the end: where HCL's parser goes on after a missing one."""
        bracket = self.text.find("]", self.position)
        return bracket if bracket >= 0 else len(self.text)

    @contextmanager
    def newlines(self, *, ignored: bool) -> Iterator[None]:
        """Within it, new lines are skipped like blanks, or count."""
        before = self._blank
        self._set_blank(_BLANK_LINES if ignored else _BLANK)
        try:
            yield
        finally:
            self._set_blank(before)

    def _set_blank(self, blank: re.Pattern[str]) -> None:
        if blank is not self._blank:
            self._blank = blank
            self._next = None

    def _token(self, start: int) -> Token:
        match = _TOKEN.match(self.text, start)
        if match is None or match.lastgroup is None:  # the pattern matches anything
            raise SyntaxFault("it is cut off", start)
        kind, text = match.lastgroup, match.group()
        if text == "/" and self.text.startswith("/*", start):
            raise SyntaxFault("there is no end of the comment that begins here", start)
        return Token(text if kind == "sign" else kind, text, start, match.end())
