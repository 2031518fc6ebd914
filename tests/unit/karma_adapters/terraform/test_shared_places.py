"""The directory that all versions and copies of a module share which asks where it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from karma_adapters.terraform.shared_places import HERE, Files, SharedPlaces, asks_where_it_runs
from karma_core.errors import DeployFailed


def files(**contents: str) -> Callable[[], Files]:
    """Files in the folder `m`, by name without ending."""
    return lambda: {f"m/{name}.tf": (text.encode(), 0o644) for name, text in contents.items()}


def places(
    said: list[tuple[int, str]] | None = None, check: Callable[[], None] = lambda: None
) -> SharedPlaces:
    """Shared places that keep what they say."""
    return SharedPlaces(
        lambda seconds, holder: (said if said is not None else []).append((seconds, holder)), check
    )


def present(parent: Path) -> dict[str, str]:
    """What lies in the directory."""
    return {path.name: path.read_text() for path in sorted((parent / HERE / "m").iterdir())}


def test_the_files_of_an_earlier_turn_go_and_what_the_module_made_stays(tmp_path: Path) -> None:
    """Also where the earlier process died between its files; a turn within a turn changes nothing."""
    shared = places()
    with shared.turn(tmp_path, files(main="1", old="2")):
        (tmp_path / HERE / "m" / "made.txt").write_text("mine")
        with shared.turn(tmp_path, files(other="3")):
            assert present(tmp_path) == {"made.txt": "mine", "main.tf": "1", "old.tf": "2"}
    with places().turn(tmp_path, files(main="4", new="5")):
        assert present(tmp_path) == {"made.txt": "mine", "main.tf": "4", "new.tf": "5"}


def test_one_command_at_a_time(tmp_path: Path) -> None:
    """The second waits, is told who is there, and then finds its own files."""
    shared, seen, inside = places(), list[dict[str, str]](), threading.Event()

    def second() -> None:
        inside.wait(5)
        with places().turn(tmp_path, files(main="2")):
            seen.append(present(tmp_path))

    thread = threading.Thread(target=second)
    with shared.turn(tmp_path, files(main="1")):
        thread.start()
        inside.set()
        thread.join(0.5)
        assert thread.is_alive()
        assert present(tmp_path) == {"main.tf": "1"}
    thread.join(5)
    assert seen == [{"main.tf": "2"}]


def test_who_waits_can_be_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop ends the wait, after it was said who is there."""
    monkeypatch.setattr("karma_adapters.terraform.shared_places.SAY_SECONDS", 1)
    said: list[tuple[int, str]] = []

    def check() -> None:
        if said:
            raise DeployFailed("terraform was not started: Karma is stopping", code="interrupted")

    ended: list[str] = []

    def wait() -> None:
        try:
            with places(said, check).turn(tmp_path, files(main="2")):
                ended.append("ran")
        except DeployFailed as error:
            ended.append(error.code)

    with places().turn(tmp_path, files(main="1")):
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(10)
    assert ended == ["interrupted"]
    assert said[0][1].startswith("process ")


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("a = abspath(path.module)", True),
        ("a = path . cwd", True),
        ("# my_abspath_x", False),
        ('a = "${path.module}/x"', False),
    ],
)
def test_which_modules_ask(tmp_path: Path, text: str, asks: bool) -> None:
    """Templates that are rendered count, too; `path.module` is the same in every directory."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "user-data.tftpl").write_text(text)
    assert asks_where_it_runs(tmp_path) is asks
