"""Clients of AWS for reload actions, and their errors in Karma's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from karma_adapters.reloads.order import Order

MakeClient = Callable[[str, str | None, float], Any]
"""(service, region or None for the environment's own, seconds for an answer) → a boto3 client."""


def clients(*, region: str, endpoint_url: str = "") -> MakeClient:
    """Clients for one environment. boto3 is only loaded when the first is made: it takes a quarter second.

    Each has a session of its own, because boto3's shared one is not safe to use from several threads.
    """

    def make(service: str, wanted: str | None, seconds: float) -> Any:
        import boto3  # noqa: PLC0415 - see above
        from botocore.config import Config  # noqa: PLC0415

        config = Config(connect_timeout=min(seconds, 10), read_timeout=seconds, retries={"mode": "standard"})
        session: Any = boto3.session.Session()
        return session.client(
            service, region_name=wanted or region, endpoint_url=endpoint_url or None, config=config
        )

    return make


@contextmanager
def translated(what: str, order: Order) -> Iterator[None]:
    """DeployFailed for whatever boto3 raises."""
    from botocore.exceptions import (  # noqa: PLC0415 - loads boto3's half
        BotoCoreError,
        ClientError,
        ConnectTimeoutError,
        ReadTimeoutError,
    )

    try:
        yield
    except (ConnectTimeoutError, ReadTimeoutError) as error:
        raise order.failed(what, str(error), late=True) from error
    except ClientError as error:
        said = error.response.get("Error", {})
        raise order.failed(what, f"{said.get('Code', '')}: {said.get('Message', '')}") from error
    except BotoCoreError as error:
        raise order.failed(what, str(error)) from error
