"""The limit of open files: raised where the system lets us; one that is too low is refused at the start."""

from __future__ import annotations

import resource
from typing import Final

from karma_core.errors import StoreError

NEEDED: Final = 256
"""Ours: a thread has three files of a database open and three pipes of a Terraform; 16 of them, with Prefect
and what Karma itself has open, stay below it."""
USUAL: Final = 1024
"""The soft limit of most systems, and the most that select() can take: never raised beyond it."""


def require_descriptors() -> None:
    """Raise the soft limit to the usual one; StoreError `too-few-files` where the hard one is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = USUAL if hard == unlimited else min(USUAL, hard)
    if soft not in {unlimited, wanted} and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft != unlimited and soft < NEEDED:
        raise StoreError(
            "Karma may open too few files here",
            why=f"the limit is {soft}, and {NEEDED} are needed",
            next_step=f"raise it: `ulimit -n {USUAL}`, or LimitNOFILE of the service; nothing was done",
            code="too-few-files",
            limit=soft,
            needed=NEEDED,
        )
