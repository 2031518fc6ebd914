"""How many flow runs may work on one environment at once: global concurrency limits of the Prefect API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

from prefect.concurrency.sync import concurrency
from prefect.runtime import deployment

Kind = Literal["deploy", "change"]
LEASE_SECONDS: Final = 60.0
"""How long the place of a run that was killed stays taken; the shortest that Prefect allows."""


def limit_name(kind: Kind, environment: str) -> str:
    """Name of the limit. Registering the deployments makes it."""
    return f"karma-{kind}-{environment}"


@contextmanager
def place(kind: Kind, environment: str) -> Iterator[None]:
    """Wait for a place among the runs of the environment, and keep it for the block.

    Only a run of a deployment waits; a command in a terminal is told at once who holds a lease. A server
    that does not answer for a while costs a run its place, not its life: what must not overlap is kept
    apart by leases.
    """
    if deployment.get_id() is None:
        yield
        return
    name = limit_name(kind, environment)
    with concurrency(name, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False):
        yield
