"""Clients of AWS for reload actions, and their errors in Karma's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from karma_adapters.aws.access import Access
from karma_adapters.reloads.order import Order
from karma_core.errors import SettingsError, StoreError

MakeClient = Callable[[str, str | None, float], Any]
"""(service, region or None for the environment's own, seconds for an answer) → a boto3 client."""
ATTEMPTS: Final = 3
"""Tries of one call. Ours: each may take the action's whole time."""


def clients(access: Access) -> MakeClient:
    """Clients that reach AWS as everything else of the environment does: role, profile, endpoint."""

    def make(service: str, region: str | None, seconds: float) -> Any:
        return access.client(service, attempts=ATTEMPTS, region=region, read_seconds=seconds)

    return make


@contextmanager
def translated(what: str, order: Order) -> Iterator[None]:
    """DeployFailed for whatever boto3 raises, and where AWS cannot be reached as the settings say."""
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
    except (BotoCoreError, SettingsError, StoreError) as error:
        raise order.failed(what, str(error)) from error
