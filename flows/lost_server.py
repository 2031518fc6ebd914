"""A Prefect API that does not answer any more: what is shown there is given up, the run goes on.

Nothing here imports Prefect when it is loaded, because its settings are made after that.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


def is_prefects(error: BaseException) -> bool:
    """Whether an error comes of a Prefect API that does not answer as it should."""
    import httpx  # noqa: PLC0415
    from prefect.exceptions import PrefectException  # noqa: PLC0415

    # The client raises RuntimeError("Failed to reach API at …") where it cannot even ask for a version.
    return isinstance(error, (httpx.HTTPError, PrefectException)) or (
        isinstance(error, RuntimeError) and "Failed to reach API" in str(error)
    )


@contextmanager
def only_shown() -> Iterator[None]:
    """For what only decorates the Prefect UI: that it could not be sent there fails no run."""
    try:
        yield
    except Exception as error:
        if not is_prefects(error):
            raise
