"""karma_adapters.gremlin.retry: what is tried again, and for how long."""

from __future__ import annotations

import itertools

import pytest
from gremlin_python.driver.protocol import GremlinServerError

from karma_adapters.gremlin import retry
from karma_core.deadlines import Deadline
from karma_core.errors import StoreError, StoreUnavailable

URL = "wss://db.example.org:8182/gremlin"


def answer(message: str, *exceptions: str, code: int = 500) -> GremlinServerError:
    """An error as the server answers it."""
    return GremlinServerError(
        {"code": code, "message": message, "attributes": {"exceptions": list(exceptions)}}
    )


@pytest.mark.parametrize("name", retry.PASSING)
def test_what_may_pass_is_told_apart(name: str) -> None:
    """Each name of the list is found in the message, as Neptune has it, and among the exceptions."""
    said = answer(f'{{"code":"{name}","detailedMessage":"try later"}}')
    assert isinstance(retry.translated(URL, said), StoreUnavailable)
    assert isinstance(retry.translated(URL, answer("no", f"org.example.{name}")), StoreUnavailable)


@pytest.mark.parametrize("code", retry.PASSING_CODES)
def test_codes_that_may_pass(code: int) -> None:
    """A server that is going down, or has too much to do, is asked again."""
    assert isinstance(retry.translated(URL, answer("Rate limiting", code=code)), StoreUnavailable)


def test_other_answers_are_final() -> None:
    """A request that the server cannot understand is not sent again."""
    error = retry.translated(URL, answer("MalformedQueryException: no such step\n  at line 1"))
    assert type(error) is StoreError
    assert error.why == "500: MalformedQueryException: no such step"


def test_it_is_tried_until_it_is_done() -> None:
    """Two refusals that may pass, then the result."""
    turns = itertools.count()

    def attempt() -> str:
        if next(turns) < 2:
            raise StoreUnavailable("not now")
        return "done"

    assert retry.until_done(attempt, deadline=Deadline.after(5)) == "done"
    assert next(turns) == 3


def test_the_deadline_ends_it_with_the_last_error() -> None:
    """Nothing is tried for ever."""

    def attempt() -> None:
        raise StoreUnavailable("not now")

    with pytest.raises(StoreUnavailable, match="not now"):
        retry.until_done(attempt, deadline=Deadline.after(0.05))


def test_final_errors_are_not_tried_again() -> None:
    """One attempt, and the error as it is."""
    turns = itertools.count()

    def attempt() -> None:
        next(turns)
        raise StoreError("no")

    with pytest.raises(StoreError):
        retry.until_done(attempt, deadline=Deadline.after(5))
    assert next(turns) == 1


def test_a_lost_reply_is_looked_up_before_a_second_attempt() -> None:
    """What had succeeded is not done twice; where it had not, it is."""
    done: list[str] = []

    def attempt() -> str:
        done.append("written")
        if len(done) == 1:
            raise StoreUnavailable("the reply was lost")
        return "again"

    assert retry.until_done(attempt, deadline=Deadline.after(5), before_retry=lambda: "found") == "found"
    assert done == ["written"]
    assert retry.until_done(attempt, deadline=Deadline.after(5), before_retry=lambda: None) == "again"
