"""Finds the Prefect API of a project: the one in the settings, or the one that `karma up` runs."""

from __future__ import annotations

import os
from collections.abc import Mapping

from karma_adapters.local.running_service import RunningService
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.credentials import Credentials
from karma_adapters.wiring.settings import Settings
from karma_core.errors import StoreUnavailable


def find_api(settings: Settings, environ: Mapping[str, str] = os.environ) -> PrefectApi | None:
    """Prefect's own variable, else the setting, else what `karma up` runs; None where there is none.

    The server of `karma up` is asked with the password that it has made for itself, unless one is set.
    """
    named = environ.get("PREFECT_API_URL") or settings.service.prefect_api_url
    running = RunningService(settings.state_dir).url("server")
    url = (named or running).rstrip("/")
    if not url:
        return None
    auth = settings.service.prefect_auth.reveal()
    if url == running:
        auth = auth or Credentials(settings.state_dir).read()
    return PrefectApi(url, auth or environ.get("PREFECT_API_AUTH_STRING", ""))


def require_api(settings: Settings) -> PrefectApi:
    """The API; StoreUnavailable `prefect` where there is none."""
    api = find_api(settings)
    if api is None:
        raise StoreUnavailable(
            "no Prefect API is known",
            why="neither PREFECT_API_URL nor service.prefect_api_url is set, and `karma up` does not run",
            next_step="start `karma up`, or set one of them",
            code="prefect",
        )
    return api
