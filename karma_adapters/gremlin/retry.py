"""Transient errors of a Gremlin endpoint, and the only place that retries them.

What is tried again is a whole unit: one request that may be repeated, or a whole transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Final, TypeVar

from gremlin_python.driver.protocol import GremlinServerError

from karma_core.errors import StoreError, StoreUnavailable

PASSING: Final = (
    # Neptune User Guide, "Graph engine error messages and codes" and "Best practices: error handling":
    "ConcurrentModificationException",  # lost a race for an element; the transaction was rolled back
    "ConstraintViolationException",  # the same, for an index
    "ReadOnlyViolationException",  # a failover made this instance a replica; a new connection helps
    "ThrottlingException",
    "TooManyRequestsException",
    "MemoryLimitExceededException",
    "InternalFailureException",
    "TimeLimitExceededException",
    # Apache TinkerPop: how TinkerTransactionGraph names the first, and the server's own time-out (598).
    "TransactionException",
    # … and how it says that a read-committed transaction met what another writer was just publishing (an
    # end of an edge that is gone, a merged element that has come meanwhile): the next attempt meets the Lock
    # that has moved (MergeEdgeStep, Graph.Exceptions, Element.Exceptions).
    "could not be resolved from mergeE",
    "with id already exists",
    "was removed.",
    # gremlinpython's words for a socket that the server has closed.
    "Server disconnected",
)
PASSING_CODES: Final = frozenset({429, 596, 598})
"""Too many requests, which is also what a server says that is going down; a temporary error; the server's own
time-out (TinkerPop, "Graph Driver Provider Requirements", status codes)."""
FIRST_WAIT: Final = 0.02
LONGEST_WAIT: Final = 2.0
"""Seconds; each wait is random below a doubling bound (AWS Architecture Blog, "Exponential Backoff And
Jitter", full jitter)."""

_Result = TypeVar("_Result")


def translated(url: str, error: GremlinServerError) -> StoreError:
    """Translate an error response of the server: StoreUnavailable if it is transient, else StoreError."""
    names = [str(name) for name in (error.status_attributes or {}).get("exceptions", [])]
    said = " ".join([error.status_message or "", *names])
    summary = (error.status_message or "").strip().partition("\n")[0][:300]
    if error.status_code in PASSING_CODES or any(name in said for name in PASSING):
        return StoreUnavailable(
            f"the graph store {url} could not do it now",
            why=f"{error.status_code}: {summary}",
            next_step="try again; other writers may be at work",
        )
    return StoreError(
        f"the graph store {url} refused a request",
        why=f"{error.status_code}: {summary}",
        next_step="see the server's log; `karma doctor` checks the endpoint",
    )


def unreachable(url: str, error: BaseException) -> StoreUnavailable:
    """Return the error for a connection that could not be made or broke."""
    return StoreUnavailable(
        f"the graph store {url} cannot be reached",
        why=f"{type(error).__name__}: {error}",
        next_step="check the endpoint and that this machine may reach it; `karma doctor` tries it",
    )


def until_done(
    attempt: Callable[[], _Result],
    *,
    seconds: float,
    before_retry: Callable[[], _Result | None] | None = None,
) -> _Result:
    """The result of the first attempt that does not end in StoreUnavailable, within that many seconds.

    `before_retry` looks whether a failed attempt succeeded after all (its reply was lost) and then returns
    its result. After the deadline the last error is raised.
    """
    deadline = time.monotonic() + seconds
    bound = FIRST_WAIT
    check = None
    while True:
        try:
            earlier = check() if check is not None else None
            return attempt() if earlier is None else earlier
        except StoreUnavailable:
            wait = random.uniform(0, bound)  # noqa: S311 - spreads waiting, guards nothing
            if time.monotonic() + wait > deadline:
                raise
        time.sleep(wait)
        bound = min(2 * bound, LONGEST_WAIT)
        check = before_retry
