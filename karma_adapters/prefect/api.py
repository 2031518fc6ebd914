"""The address of a Prefect API, and its health check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import httpx

CHECK_SECONDS: Final = 2.0
"""How long a server that runs on this machine may take to say that it is well. Ours."""


@dataclass(frozen=True)
class PrefectApi:
    """An API's address (it ends in `/api`) and its `USER:PASSWORD`, or nothing."""

    url: str
    auth: str = field(default="", repr=False)

    def variables(self) -> dict[str, str]:
        """The variables by which Prefect's own client is pointed at it."""
        auth = {"PREFECT_API_AUTH_STRING": self.auth} if self.auth else {}
        return {"PREFECT_API_URL": self.url, **auth}

    def answers(self) -> bool:
        """Whether the API's health check succeeds now."""
        try:
            return httpx.get(f"{self.url}/health", timeout=CHECK_SECONDS, trust_env=False).is_success
        except httpx.HTTPError:
            return False
