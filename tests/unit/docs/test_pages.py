"""Pages hold together: links lead somewhere, examples parse."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        ROOT / "examples/shop/README.md",
        ROOT / "examples/aws/README.md",
        *(ROOT / "docs").rglob("*.md"),
    ]
)
PARSERS: dict[str, Callable[[str], Any]] = {
    "toml": tomllib.loads,
    "json": json.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}


def name(page: Path) -> str:
    """The page as tests show it."""
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    """The page without its examples."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    """No link between pages is dead."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_examples_parse(page: Path) -> None:
    """TOML, JSON and YAML that is shown can be used."""
    for language, text in re.findall(
        r"^```(\w+)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL
    ):
        PARSERS.get(language, str)(text)


def test_every_page_can_be_reached_from_the_readme() -> None:
    """Nobody has to guess that a page exists."""
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = re.findall(r"\]\(([^)#\s:]+\.md)", prose(page))
        todo += [file for link in links if (file := (page.parent / link).resolve()).exists()]
    assert [name(page) for page in PAGES if page not in seen] == []


def test_the_tests_that_pages_name_exist() -> None:
    """A page that says which test holds something names a file that is there."""
    named = {
        (page.name, path)
        for page in PAGES
        for path in re.findall(r"`(tests/[^`*]+?\.py)", page.read_text("utf-8"))
    }
    assert ("security.md", "tests/e2e/test_foreign_pages.py") in named
    assert sorted(one for one in named if not (ROOT / one[1]).is_file()) == []
