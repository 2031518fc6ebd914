"""The kept versions of one parameter, as configs and runtimes show them."""

from __future__ import annotations

from collections.abc import Sequence

from karma_core.errors import NotFound
from karma_core.records import Parameter


def choose(
    history: Sequence[Parameter], version: int | None, *, address: str, what: str, make: str
) -> Parameter:
    """The wanted version (None: the current one) of a component's `what`, from its history, oldest first.

    NotFound where it is not kept, or where there is none at all: then `make` says how it comes to be.
    """
    wanted = (
        history[-1:]
        if version is None
        else [parameter for parameter in history if parameter.version == version]
    )
    if wanted:
        return wanted[0]
    if not history:
        raise NotFound(
            f"{address} has no {what}",
            why="the parameter store has no such parameter",
            next_step=f"{make} it, or correct the address",
            address=address,
        )
    raise NotFound(
        f"the {what} of {address} has no version {version}",
        why=f"kept are versions {history[0].version} to {history[-1].version}",
        next_step="ask for one of those",
        address=address,
    )
