"""The address of a Prefect API, and its health check."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

import httpx

from karma_core.errors import StoreUnavailable

CHECK_SECONDS: Final = 2.0
"""How long a server that runs on this machine may take to say that it is well. Ours."""

ANSWER_SECONDS: Final = 10.0
"""How long a run waits for a server that somebody set. Ours: one that is restarted takes that long."""
PAUSE_SECONDS: Final = 0.5
"""Between two questions. Ours."""


@dataclass(frozen=True)
class PrefectApi:
    """An API's address (it ends in `/api`) and its `USER:PASSWORD`, or nothing."""

    url: str
    auth: str = field(default="", repr=False)

    def variables(self) -> dict[str, str]:
        """The variables by which Prefect's own client is pointed at it."""
        auth = {"PREFECT_API_AUTH_STRING": self.auth} if self.auth else {}
        return {"PREFECT_API_URL": self.url, **auth}

    def server_variables(self) -> dict[str, str]:
        """The variables that make a Prefect server ask for this password, and its pages ask their own server.

        No page of another origin is allowed anything, where Prefect's default is all of them.
        """
        return {
            "PREFECT_SERVER_API_AUTH_STRING": self.auth,
            "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": self.url.removesuffix("/api"),
            "PREFECT_UI_API_URL": "/api",
        }

    def require_answer(self, seconds: float = ANSWER_SECONDS) -> None:
        """Wait until it answers; StoreUnavailable `prefect` where it does not within these seconds."""
        ends_at = time.monotonic() + seconds
        reason = ""
        while (left := ends_at - time.monotonic()) > 0:
            try:
                answer = httpx.get(f"{self.url}/health", timeout=left, trust_env=False)
            except httpx.TimeoutException:
                reason = "it takes the connection, and says nothing"
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            else:
                if not answer.is_server_error:
                    return
                reason = f"it answered {answer.status_code}"
            time.sleep(min(PAUSE_SECONDS, max(left, 0)))
        raise self.unavailable(f"{reason}, for {seconds:g} seconds")

    def unavailable(self, why: str) -> StoreUnavailable:
        """The error that says that it cannot be worked with."""
        return StoreUnavailable(
            f"the Prefect API at {self.url} does not answer",
            why=why,
            next_step="start it (`karma up`), correct PREFECT_API_URL or service.prefect_api_url, or set "
            "KARMA_PROJECT__ORCHESTRATOR=direct to deploy without it",
            code="prefect",
        )

    def answers(self) -> bool:
        """Whether the API's health check succeeds now."""
        try:
            return httpx.get(f"{self.url}/health", timeout=CHECK_SECONDS, trust_env=False).is_success
        except httpx.HTTPError:
            return False
