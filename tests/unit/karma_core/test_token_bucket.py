"""The token bucket: what passes at once, what waits and how long, and that threads share it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.token_bucket import TokenBucket


class SetTime:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_new_bucket_is_full_and_then_lets_through_what_flows_in() -> None:
    """Three at once; after that one every half second, and what is refused takes no token."""
    now = SetTime()
    bucket = TokenBucket(2, 3, monotonic=now)
    assert [bucket.take() for _ in range(5)] == [0, 0, 0, 0.5, 0.5]
    now.seconds += 0.25
    assert bucket.take() == pytest.approx(0.25)
    now.seconds += 0.25
    assert [bucket.take() for _ in range(2)] == [0, 0.5]


def test_a_bucket_holds_no_more_than_its_capacity() -> None:
    """An hour of silence saves up no more than a burst."""
    now = SetTime()
    bucket = TokenBucket(2, 3, monotonic=now)
    now.seconds += 3600
    assert [bucket.take() for _ in range(4)] == [0, 0, 0, 0.5]


def test_who_waits_as_told_finds_a_token() -> None:
    """The seconds that a refusal names are enough."""
    now = SetTime()
    bucket = TokenBucket(0.5, 1, monotonic=now)
    bucket.take()
    now.seconds += bucket.take()
    assert bucket.take() == 0


def test_booked_tokens_are_due_one_after_the_other() -> None:
    """A burst of one second's worth, then one each 1/40 s; nobody who booked later is served earlier."""
    bucket = TokenBucket(40, 40, monotonic=SetTime())
    waits = [bucket.book() for _ in range(120)]
    assert waits[:40] == [0] * 40
    assert waits[40:] == pytest.approx([n / 40 for n in range(1, 81)])


def test_what_is_booked_is_not_there_to_take() -> None:
    """Both ways share the tokens: a booking of the future comes before a later request."""
    now = SetTime()
    bucket = TokenBucket(1, 1, monotonic=now)
    assert [bucket.book(), bucket.book()] == [0, 1]
    now.seconds += 1
    assert bucket.take() == 1
    now.seconds += 1
    assert bucket.take() == 0


@given(
    rate=st.floats(0.01, 100),
    capacity=st.floats(1, 50),
    pauses=st.lists(st.floats(0, 5), max_size=60),
)
def test_no_more_pass_than_the_burst_and_what_flowed_in(
    rate: float, capacity: float, pauses: list[float]
) -> None:
    """At any moment, whatever the pauses between the requests."""
    now = SetTime()
    began = now.seconds
    bucket = TokenBucket(rate, capacity, monotonic=now)
    passed = 0
    for pause in pauses:
        now.seconds += pause
        passed += bucket.take() == 0
        assert passed <= capacity + rate * (now.seconds - began) + 1e-6


def test_threads_count_one_after_the_other() -> None:
    """While one thread reads the clock and counts, no other does: no token is given twice."""
    inside, most = 0, 0

    def slow_clock() -> float:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        time.sleep(0.001)
        inside -= 1
        return 0.0

    bucket = TokenBucket(1, 20, monotonic=slow_clock)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: bucket.take() if n % 2 else bucket.book(), range(40)))
    assert most == 1
    assert waits.count(0) == 20
