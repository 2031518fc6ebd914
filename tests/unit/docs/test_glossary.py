"""docs/glossary.md names terms that stand in the code, and what it replaces does not come back."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest

ROOT: Final = Path(__file__).parents[3]
PAGE: Final = ROOT / "docs" / "glossary.md"
PACKAGES: Final[tuple[str, ...]] = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
        "packages"
    ]
)
FILES: Final = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
PAGES: Final = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").glob("*.md")) if page != PAGE),
]
"""Pages that keep to the glossary. Decisions (docs/adr) and the changelog stay as they were written."""
PUBLIC_FIELDS: Final = {("karma_adapters/doctor/check.py", "found")}
"""Names that documents of the API or the command line have, and that therefore stay."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Term(NamedTuple):
    """A row of the glossary."""

    name: str
    meaning: str
    place: str
    replaced: str


def tables() -> list[list[Term]]:
    """The rows of each table of the page."""
    sections = PAGE.read_text("utf-8").split("\n## ")[1:]
    rows = [re.findall(r"^\| (.+?) \| (.+?) \| `(.+?)` \|(.*)\|$", s, re.MULTILINE) for s in sections]
    return [[Term(*(cell.strip() for cell in row)) for row in table] for table in rows]


TERMS: Final = [term for table in tables() for term in table]
REPLACED: Final = [code for term in TERMS for code in re.findall(r"`(.+?)`", term.replaced)]
MODULES: Final = {name.removesuffix(".py") for name in REPLACED if name.endswith(".py")}
IDENTIFIERS: Final = {name for name in REPLACED if not name.endswith(".py")}
WORDS: Final = sorted({word for term in TERMS for word in re.findall(r"\*(.+?)\*", term.replaced)})
PROSE: Final = re.compile(rf"\b({'|'.join(map(re.escape, WORDS))})\b", re.IGNORECASE)


def members(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    """Names that a module or class defines: `Name` and `Class.member`."""
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield prefix + node.name
            if isinstance(node, ast.ClassDef) and not prefix:
                yield from members(node.body, f"{node.name}.")
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


def bound(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """(name, line) of every variable, parameter, field, function, class and import of a file."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                yield name, node.lineno
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name, node.lineno
            case ast.arg(arg=name):
                yield name, node.lineno
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield name, node.lineno
            case ast.ExceptHandler(name=str(name)):
                yield name, node.lineno
            case ast.alias(name=name, asname=other):
                yield other or name, node.lineno


def prose(source: str) -> Iterator[tuple[int, str]]:
    """(line, text) of every docstring and comment of a file."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            yield node.lineno, node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_every_line_of_a_table_is_a_term() -> None:
    """None is left out of these checks by a slip of its form."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| ")]
    headings = [line for line in lines if line.startswith("| term |")]
    assert len(TERMS) == len(lines) - len(headings)


def test_terms_are_named_once_and_explained_in_a_sentence() -> None:
    """A term has one meaning."""
    names = [term.name for term in TERMS]
    assert len(names) == len(set(names))
    assert [term.name for term in TERMS if not re.fullmatch(r"[A-Z].*[^.]\.", term.meaning)] == []


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.name)
def test_every_term_stands_in_the_code(term: Term) -> None:
    """The file or folder exists, and defines the name if one is given."""
    path, _, name = term.place.partition(":")
    assert (ROOT / path).exists()
    if name:
        assert name in set(members(ast.parse((ROOT / path).read_text("utf-8")).body))


def test_there_is_something_to_look_for() -> None:
    """The page names what it replaces; an unreadable page would let everything through."""
    assert {"found", "doomed", "told", "Way"} <= IDENTIFIERS
    assert {"marked", "exact", "whole", "reach", "circles"} <= MODULES
    assert {"door", "circle"} <= set(WORDS)
    assert {package.split("/")[0] for package in PACKAGES} <= {
        file.relative_to(ROOT).parts[0] for file in FILES
    }


def test_replaced_modules_do_not_come_back() -> None:
    """A module is named for what it holds."""
    assert [str(file.relative_to(ROOT)) for file in FILES if file.stem in MODULES] == []


def test_replaced_identifiers_do_not_come_back() -> None:
    """No variable, parameter, field, function or class has a name that the glossary replaces."""
    back = []
    for file in FILES:
        path = str(file.relative_to(ROOT))
        for name, line in bound(ast.parse(file.read_text("utf-8"))):
            if name in IDENTIFIERS and (path, name) not in PUBLIC_FIELDS:
                back.append(f"{path}:{line}: {name}")
    assert back == []


def test_replaced_words_do_not_come_back_in_docstrings_and_comments() -> None:
    """Who reads the code needs no second vocabulary."""
    back = []
    for file in FILES:
        for line, text in prose(file.read_text("utf-8")):
            if word := PROSE.search(text):
                back.append(f"{file.relative_to(ROOT)}:{line}: {word[0]}")
    assert back == []


def test_replaced_words_do_not_come_back_in_the_documentation() -> None:
    """Nor does who reads the pages."""
    back = []
    for page in PAGES:
        for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
            if word := PROSE.search(line):
                back.append(f"{page.relative_to(ROOT)}:{number}: {word[0]}")
    assert back == []


def test_docstrings_cite_pages_that_exist() -> None:
    """What a docstring refers to can be looked up in the repository."""
    dead = []
    for file in FILES:
        for line, text in prose(file.read_text("utf-8")):
            pages = re.findall(r"\bdocs/[\w./-]+\.md", text)
            dead += [
                f"{file.relative_to(ROOT)}:{line}: {page}" for page in pages if not (ROOT / page).is_file()
            ]
            if re.search(r"\(design,|\bthe design\b.*\bsection\b", text):
                dead.append(f"{file.relative_to(ROOT)}:{line}: a design that is not in the repository")
    assert dead == []
