"""The end of a container or a unit waits for applies that still save their states, and for no others."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from karma_adapters.terraform import left_applies
from karma_adapters.terraform.apply_records import ApplyRecords
from karma_adapters.terraform.left_applies import wait_until_saved

BOX = "box/a"


@contextmanager
def apply(folder: Path, *, left: bool) -> Iterator[None]:
    """An apply that runs; `left`: the Karma that began it has gone."""
    place = folder / "box@a@1"
    place.mkdir(parents=True)
    with (place / "out").open("w") as out, (place / "starter").open("w") as starter:
        fcntl.flock(out, fcntl.LOCK_EX)
        if not left:
            fcntl.flock(starter, fcntl.LOCK_EX)
        yield


def test_an_apply_that_was_left_is_waited_for(tmp_path: Path) -> None:
    """Until it has ended; what it is waited for is said."""
    said: list[list[str]] = []
    with apply(tmp_path / "dev", left=True):
        assert ApplyRecords(tmp_path / "dev", lambda _: None).running(BOX)
        waiting = threading.Thread(
            target=wait_until_saved, args=([tmp_path / "dev", tmp_path / "absent"], 60, said.append)
        )
        waiting.start()
        while not said:
            time.sleep(0.01)
        assert waiting.is_alive()
    waiting.join(10)
    assert not waiting.is_alive()
    assert said[0] == [BOX]


def test_the_wait_ends_in_time(tmp_path: Path) -> None:
    """What still runs then is returned."""
    with apply(tmp_path, left=True):
        assert wait_until_saved([tmp_path], 0, lambda _: None) == [BOX]


def test_an_apply_with_a_karma_is_its_own_matter(tmp_path: Path) -> None:
    """Its run has been asked to end, or belongs to another worker."""
    with apply(tmp_path, left=False):
        assert wait_until_saved([tmp_path], 60, lambda _: None) == []
    assert left_applies.wait_until_saved([tmp_path / "absent"], 60, lambda _: None) == []
