"""Gremlin text that people write, read into a small tree of steps that only read.

A text is one traversal: `g.V()` or `g.E()` and further steps. The tree is what stores answer, each in its own
way; the text itself is never sent anywhere, so that nothing but the steps, enumerations and predicates named
here can reach a store. Anonymous traversals may be written with or without `__.`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NoReturn

from karma_core.errors import UsageError

MAX_TEXT: Final = 10_000
"""Characters. Ours: a hundred times the longest query of docs/gremlin.md."""
MAX_DEPTH: Final = 32
"""Traversals within traversals. Ours."""
MAX_STEPS: Final = 200
"""Steps of a text, those within others too. Ours: ten times those of the longest query of docs/gremlin.md."""

STEPS: Final = frozenset(
    """
    V E has hasId hasLabel hasNot hasKey hasValue not and or is where filter out in both outE inE bothE
    outV inV bothV otherV id label values valueMap elementMap properties key value path simplePath
    cyclicPath repeat until emit times order by limit range tail skip dedup count sum min max mean group
    groupCount fold unfold project select as union coalesce optional choose local constant identity
    """.split()  # noqa: SIM905 - a list to be read
)
ENUMERATIONS: Final = {
    "T": ("id", "label"),
    "Order": ("asc", "desc", "shuffle"),
    "Scope": ("local", "global"),
    "Column": ("keys", "values"),
    "Pop": ("first", "last", "all", "mixed"),
}
PREDICATES: Final = {
    "P": ("eq", "neq", "lt", "lte", "gt", "gte", "inside", "outside", "between", "within", "without"),
    "TextP": (
        "startingWith",
        "notStartingWith",
        "endingWith",
        "notEndingWith",
        "containing",
        "notContaining",
    ),
}
_BARE: Final = {name: (enum, name) for enum, names in ENUMERATIONS.items() for name in names}
_BARE_PREDICATES: Final = {name: (owner, name) for owner, names in PREDICATES.items() for name in names}
_CONSTANTS: Final = {"true": True, "false": False, "null": None}
_ESCAPES: Final = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<string>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
    | (?P<number>-?\d+(?:\.\d+)?)[lLdDfFiI]?(?![\w.])
    | (?P<name>[A-Za-z_]\w*)
    | (?P<mark>[().,\[\]])
    )""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE: Final = re.compile(r"\\(u[0-9A-Fa-f]{4}|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Name:
    """A value of an enumeration, `Order.desc`."""

    owner: str
    name: str


@dataclass(frozen=True, slots=True)
class Predicate:
    """A predicate, `P.gt(1)`."""

    owner: str
    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step with its arguments."""

    name: str
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Traversal:
    """Steps in a row; the outermost begins at the graph."""

    steps: tuple[Step, ...]

    @property
    def ordered(self) -> bool:
        """Whether the answer's order means something."""
        local = Name("Scope", "local")
        return any(step.name == "order" and local not in step.arguments for step in self.steps)


Argument = str | int | float | bool | None | Name | Predicate | Traversal


def parse(text: str) -> Traversal:
    """The traversal in text; UsageError `gremlin` with the place of what cannot be used."""
    return _Parser(text).query()


class _Parser:
    """Recursive descent over tokens; `place` is the next token's number."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_TEXT:
            self._refuse(MAX_TEXT, f"it has more than {MAX_TEXT:,} characters")
        self._tokens = list(self._scan(text))
        self._place = 0
        self._steps = 0

    def _scan(self, text: str) -> Iterator[_Token]:
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                rest = text[position : position + 20].strip()
                self._refuse(position, f"{rest!r} is not part of the language")
            kind = str(match.lastgroup)
            yield _Token(kind, match.group(kind), match.start(kind))
            position = match.end()
        yield _Token("end", "", position)

    def query(self) -> Traversal:
        """The whole text."""
        if self._next().text != "g":
            self._refuse(0, "a query begins with g.V() or g.E()")
        self._expect(".")
        traversal = self._traversal(0)
        if traversal.steps[0].name not in {"V", "E"}:
            self._refuse(2, "a query begins with g.V() or g.E()")
        if self._peek().kind != "end":
            self._refuse(
                self._peek().at, f"{self._peek().text!r} does not belong here; a query is one traversal"
            )
        return traversal

    def _traversal(self, depth: int) -> Traversal:
        if depth > MAX_DEPTH:
            self._refuse(self._peek().at, f"it is nested deeper than {MAX_DEPTH} levels")
        steps = [self._step(depth)]
        while self._peek().text == ".":
            self._next()
            if self._ends():
                break
            steps.append(self._step(depth))
        return Traversal(tuple(steps))

    def _ends(self) -> bool:
        """Take `toList()` at the end, which asks for what is given anyway."""
        if [token.text for token in self._tokens[self._place :]] != ["toList", "(", ")", ""]:
            return False
        self._place += 3
        return True

    def _step(self, depth: int) -> Step:
        token = self._next()
        name = token.text.removesuffix("_")
        if token.kind != "name" or name not in STEPS:
            self._refuse(token.at, f"{token.text!r} is not a step that may be used; queries only read")
        self._steps += 1
        if self._steps > MAX_STEPS:
            self._refuse(self._peek().at, f"it has more than {MAX_STEPS} steps")
        return Step(name, self._arguments(depth))

    def _arguments(self, depth: int) -> tuple[Argument, ...]:
        self._expect("(")
        arguments: list[Argument] = []
        while self._peek().text != ")":
            if arguments:
                self._expect(",")
            arguments += self._argument(depth)
        self._next()
        return tuple(arguments)

    def _argument(self, depth: int) -> list[Argument]:
        token = self._peek()
        if token.text == "[":
            return self._list(depth)
        if token.kind == "string":
            return [_unquoted(self._next().text)]
        if token.kind == "number":
            text = self._next().text
            return [float(text) if "." in text else int(text)]
        if token.kind != "name":
            self._refuse(token.at, f"{token.text or 'the end'!r} is not a value")
        return [self._named(depth)]

    def _list(self, depth: int) -> list[Argument]:
        """Parse a list into arguments: only predicates take lists, and they also take several values."""
        self._next()
        elements: list[Argument] = []
        while self._peek().text != "]":
            if elements:
                self._expect(",")
            elements += self._argument(depth)
        self._next()
        return elements

    def _named(self, depth: int) -> Argument:
        token, following = self._peek(), self._tokens[self._place + 1].text
        if token.text == "__":
            self._next()
            self._expect(".")
            return self._traversal(depth + 1)
        if token.text in PREDICATES or token.text in ENUMERATIONS:
            return self._qualified(depth)
        if following == "(" and token.text in _BARE_PREDICATES:
            self._next()
            return Predicate(*_BARE_PREDICATES[token.text], self._arguments(depth))
        if following == "(":
            return self._traversal(depth + 1)
        self._next()
        if token.text in _CONSTANTS:
            return _CONSTANTS[token.text]
        if token.text not in _BARE:
            self._refuse(token.at, f"{token.text!r} is not known")
        return Name(*_BARE[token.text])

    def _qualified(self, depth: int) -> Argument:
        owner = self._next().text
        self._expect(".")
        token = self._next()
        if token.text in PREDICATES.get(owner, ()):
            return Predicate(owner, token.text, self._arguments(depth))
        if token.text not in ENUMERATIONS.get(owner, ()):
            self._refuse(token.at, f"{owner}.{token.text} is not known")
        return Name(owner, token.text)

    def _peek(self) -> _Token:
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self._tokens[self._place]
        self._place = min(self._place + 1, len(self._tokens) - 1)
        return token

    def _expect(self, mark: str) -> None:
        token = self._next()
        if token.text != mark or token.kind == "string":
            self._refuse(token.at, f"{mark!r} is missing before {token.text or 'the end'!r}")

    def _refuse(self, at: int, why: str) -> NoReturn:
        raise UsageError(
            f"the Gremlin query cannot be used at character {at + 1}",
            why=why,
            next_step="see docs/gremlin.md for what may be asked",
            code="gremlin",
            at=at + 1,
        )


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _unquoted(text: str) -> str:
    def character(match: re.Match[str]) -> str:
        escape = match.group(1)
        return (
            chr(int(escape[1:], 16)) if escape[0] == "u" and len(escape) > 1 else _ESCAPES.get(escape, escape)
        )

    return _ESCAPE.sub(character, text[1:-1])
