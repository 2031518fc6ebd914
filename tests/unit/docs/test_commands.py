"""docs/cli.md and README.md say every command and option that there is, and none that there is not."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from karma_cli import exits
from karma_cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", *(ROOT / "examples").glob("*/README.md"), *(ROOT / "docs").rglob("*.md")])
SHARED = {"--env", "--project", "--json", "--help"}
"""Said once for all commands."""


def commands() -> dict[str, dict[str, list[str]]]:
    """Command, as typed after `karma` → its options by parameter name."""
    return dict(_walk(typer.main.get_command(app), ()))


def _walk(command: object, path: tuple[str, ...]) -> Iterator[tuple[str, dict[str, list[str]]]]:
    below = getattr(command, "commands", None)
    if below is None:
        parameters = getattr(command, "params")  # noqa: B009 - click's classes are typer's own business
        yield " ".join(path), {p.name: list(p.opts) for p in parameters if p.param_type_name == "option"}
        return
    for name, child in below.items():
        yield from _walk(child, (*path, name))


COMMANDS = commands()


def section(command: str) -> str:
    """What docs/cli.md says of a command."""
    text = (ROOT / "docs/cli.md").read_text("utf-8")
    match = re.search(rf"^### `karma {re.escape(command)}`$(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    assert match, f"docs/cli.md has no section on karma {command}"
    return match[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_section_with_its_options_and_an_example(command: str) -> None:
    """Nothing that can be typed is undocumented."""
    text = section(command)
    own = [name for names in COMMANDS[command].values() if not SHARED & set(names) for name in names]
    assert [name for name in own if f"`{name}`" not in text] == []
    assert f"\nkarma {command}" in text


def test_no_section_is_about_a_command_that_does_not_exist() -> None:
    """Whoever reads of a command can type it."""
    said = re.findall(r"^### `karma ([^`]+)`$", (ROOT / "docs/cli.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(said) == sorted(COMMANDS)


def test_the_readme_names_every_command() -> None:
    """The table in the README is whole: group and command, or a further command of the group."""
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines() if "| `karma " in line]
    named: set[str] = set()
    for row in rows:
        group = ""
        for words in re.findall(r"`([^`]+)`", row.split("|")[1]):
            name = words.removeprefix("karma ") if words.startswith("karma ") else f"{group} {words}".strip()
            group = name.split()[0] if " " in name else ""
            named.add(name)
    assert named == set(COMMANDS)


def shell_lines(page: Path) -> list[str]:
    """Lines of a page's shell examples, and what follows a prompt in its samples of output."""
    text = page.read_text("utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return lines + re.findall(r"^\$ (.*)$", text, re.MULTILINE)


def karma_calls() -> list[tuple[str, str]]:
    """(page, command line) of every call of karma in an example."""
    return [
        (page.relative_to(ROOT).as_posix(), line)
        for page in PAGES
        for line in shell_lines(page)
        if line.startswith("karma ") and not line.startswith(("karma --", "karma COMMAND"))
    ]


@pytest.mark.parametrize(("page", "line"), karma_calls())
def test_examples_call_commands_and_options_that_exist(page: str, line: str) -> None:
    """Whoever copies an example is understood."""
    words = shlex.split(re.split(r" (?:>|&&|\|) ", line)[0], comments=True)[1:]
    command = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
    assert command, f"{page}: {line}"
    known = {name for names in COMMANDS[command].values() for name in names}
    assert [w for w in words if re.match(r"--?[a-z]", w) and w not in known] == []


def test_make_targets_in_the_docs_exist() -> None:
    """`make …` works as it is written down."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    said: set[str] = set()
    for page in PAGES:
        said.update(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8")))
        said.update(line.split()[1] for line in shell_lines(page) if line.startswith("make "))
    assert {"setup", "demo", "check", "test", "soak", "bench"} <= said
    assert said - targets == set()


def test_exit_codes_are_said() -> None:
    """Every exit code that the command line may end with stands in both tables."""
    codes = {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}
    for page in ("README.md", "docs/cli.md"):
        said = re.findall(r"^\| (\d+) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        assert {int(code) for code in said} >= codes, page
