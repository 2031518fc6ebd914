"""Transient errors of a Gremlin endpoint, and the only place that retries them.

What is tried again is a whole unit: one request that may be repeated, or a whole transaction. It is tried for
as long as the work takes that it guards (`Patience`), and never beyond the deadline that its caller has.
"""

from __future__ import annotations

import math
import random
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, TypeVar

from gremlin_python.driver.protocol import GremlinServerError

from karma_core.deadlines import Deadline
from karma_core.errors import StoreError, StoreUnavailable

MEMORY: Final = "MemoryLimitExceededException"
PASSING: Final = (
    # Neptune User Guide, "Graph engine error messages and codes" and "Best practices: error handling":
    "ConcurrentModificationException",  # lost a race for an element; the transaction was rolled back
    "ConstraintViolationException",  # the same, for an index
    "ReadOnlyViolationException",  # a failover made this instance a replica; a new connection helps
    "ThrottlingException",
    "TooManyRequestsException",
    MEMORY,
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
)
PASSING_CODES: Final = frozenset({429, 596, 598})
"""Too many requests, which is also what a server says that is going down; a temporary error; the server's own
time-out (TinkerPop, "Graph Driver Provider Requirements", status codes)."""
FIRST_WAIT: Final = 0.02
LONGEST_WAIT: Final = 2.0
"""Seconds; each wait is random below a doubling bound (AWS Architecture Blog, "Exponential Backoff And
Jitter", full jitter)."""
READ_A_SECOND: Final = 1_000
WRITTEN_A_SECOND: Final = 50
"""Components and edges that are read or written at the slowest. Ours: a tenth of what a Gremlin Server on a
laptop does, so that no deadline ends what makes progress."""
PASSING_STATUS: Final = frozenset({408, 425, 429})
"""HTTP statuses of a handshake that may pass, beside all from 500 on."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a call waits: `seconds` where nothing works, and as long as the work takes where it does.

    `whole` bounds every call, whatever it has to do: a function's platform ends it.
    """

    seconds: float = 60.0
    whole: float = math.inf

    def reading(self, records: int = 0) -> Deadline:
        """The deadline of reading so many components and edges."""
        return Deadline.after(min(self.whole, self.seconds + records / READ_A_SECOND))

    def writing(self, records: int) -> Deadline:
        """The deadline of writing so many components and edges."""
        return Deadline.after(min(self.whole, self.seconds + records / WRITTEN_A_SECOND))


def translated(url: str, error: GremlinServerError) -> StoreError:
    """Translate an error response of the server: StoreUnavailable if it is transient, else StoreError.

    The fact `gremlin_error` is the name of PASSING that the server said, if any.
    """
    names = [str(name) for name in (error.status_attributes or {}).get("exceptions", [])]
    said = " ".join([error.status_message or "", *names])
    summary = (error.status_message or "").strip().partition("\n")[0][:300]
    passing = next((name for name in PASSING if name in said), "")
    if passing or error.status_code in PASSING_CODES:
        return StoreUnavailable(
            f"the graph store {url} could not do it now",
            why=f"{error.status_code}: {summary}",
            next_step="try again; other writers may be at work",
            **({"gremlin_error": passing} if passing else {}),
        )
    return StoreError(
        f"the graph store {url} refused a request",
        why=f"{error.status_code}: {summary}",
        next_step="see the server's log; `karma doctor` checks the endpoint",
    )


def refused(url: str, status: int, message: str) -> StoreError:
    """Translate the HTTP status of a handshake: StoreUnavailable if it is transient, else StoreError."""
    why = f"the handshake was answered with HTTP {status} {message}".strip()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in PASSING_STATUS:
        step = "try again; if it goes on, check the load of the cluster"
        return StoreUnavailable(f"the graph store {url} could not do it now", why=why, next_step=step)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return StoreError(
            f"the graph store {url} does not let these credentials in",
            why=why,
            next_step='set gremlin_auth = "sigv4" where the cluster asks for IAM, and grant '
            "neptune-db:connect, ReadDataViaQuery, WriteDataViaQuery and DeleteDataViaQuery to the role",
            code="graph-access-denied",
        )
    step = "correct gremlin_url; it ends in /gremlin"
    return StoreError(f"{url} is no Gremlin endpoint", why=why, next_step=step)


def unreachable(url: str, error: BaseException) -> StoreUnavailable:
    """Return the error for a connection that could not be made or broke."""
    return StoreUnavailable(
        f"the graph store {url} cannot be reached",
        why=f"{type(error).__name__}: {error}",
        next_step="check the endpoint and that this machine may reach it; `karma doctor` tries it",
    )


def untrusted(url: str, error: ssl.SSLError) -> StoreError:
    """Return the error for a certificate that is not trusted, or a port without TLS: no retry helps."""
    return StoreError(
        f"the graph store {url} cannot be trusted",
        why=f"{type(error).__name__}: {error}",
        next_step="correct gremlin_url (the name has to be the certificate's), or let this machine trust who "
        "signed it: SSL_CERT_FILE names a file with the authorities' certificates",
        code="graph-untrusted",
    )


def late(url: str, why: str) -> StoreUnavailable:
    """Return the error for an endpoint that did not answer in time."""
    return StoreUnavailable(
        f"the graph store {url} did not answer in time",
        why=why,
        next_step="try again; check the load of the cluster and what stands between; `karma doctor` tries it",
    )


def until_done(
    attempt: Callable[[], _Result],
    *,
    deadline: Deadline,
    before_retry: Callable[[], _Result | None] | None = None,
) -> _Result:
    """The result of the first attempt that does not end in StoreUnavailable, until the deadline.

    `before_retry` looks whether a failed attempt succeeded after all (its reply was lost) and then returns
    its result. After the deadline the last error is raised, of those that the deadline did not cause itself.
    """
    bound = FIRST_WAIT
    check = None
    last: StoreUnavailable | None = None
    while True:
        try:
            earlier = check() if check is not None else None
            return attempt() if earlier is None else earlier
        except StoreUnavailable as error:
            wait = random.uniform(0, bound)  # noqa: S311 - spreads waiting, guards nothing
            if last is not None and not deadline.left():
                raise last from error
            if wait >= deadline.left():
                raise
            last = error
        time.sleep(wait)
        bound = min(2 * bound, LONGEST_WAIT)
        check = before_retry
