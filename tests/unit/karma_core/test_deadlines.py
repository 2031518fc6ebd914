"""karma_core.deadlines."""

from __future__ import annotations

import math
import threading
from contextvars import copy_context

from karma_core.deadlines import Deadline, ends_within


def test_no_deadline_is_later_than_its_caller_s() -> None:
    """Whoever makes one inside gets the caller's end where that is earlier, and not after."""
    with ends_within(5):
        assert 4 < Deadline.after(60).left() <= 5
        assert Deadline.after(1).left() <= 1
        with ends_within(60):
            assert Deadline.after(60).left() <= 5
        with ends_within(0):
            assert Deadline.after(60).left() == 0
        assert Deadline.after(60).left() > 4
    assert 59 < Deadline.after(60).left() <= 60


def test_a_part_is_no_later_than_the_whole() -> None:
    """`within` is the earlier of both, and what is over has nothing left."""
    whole = Deadline.after(10)
    assert whole.within(1) < whole
    assert whole.within(60) == whole
    assert Deadline(-math.inf).left() == 0


def test_a_thread_keeps_to_the_deadline_of_its_starter_s_context() -> None:
    """It is handed down with the context, and only with it."""
    seen: list[float] = []

    def look() -> None:
        seen.append(Deadline.after(60).left())

    with ends_within(5):
        threads = [
            threading.Thread(target=copy_context().run, args=(look,)),
            threading.Thread(target=look),
        ]
        for thread in threads:
            thread.start()
            thread.join()
    assert [left <= 5 for left in seen] == [True, False]
