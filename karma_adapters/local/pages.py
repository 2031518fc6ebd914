"""Links to a project's pages: below the address in the settings, or that of a running `karma up`."""

from __future__ import annotations

from typing import Final, Literal
from urllib.parse import urlencode

from karma_adapters.local.running_service import RunningService
from karma_adapters.wiring.settings import Settings

PATH: Final = "/ui"
"""Where the pages are on the API's address."""
Kind = Literal["runs", "changes"]


def page_of(settings: Settings, environment: str, kind: Kind, identifier: str) -> str:
    """Address of the page of a run or a change; empty where nothing serves the pages."""
    root = _root(settings, environment)
    return f"{root}/{kind}/{identifier}" if root else ""


def graph_page(settings: Settings, environment: str, **view: str) -> str:
    """Address of the graph's page, seen as its query says (`at`, `status`, …); empty likewise."""
    root = _root(settings, environment)
    return f"{root}/graph?{urlencode(view)}" if root else ""


def _root(settings: Settings, environment: str) -> str:
    url = settings.api.public_url or RunningService(settings.state_dir).url("api")
    return f"{url.rstrip('/')}{PATH}/{environment}" if url.startswith("http") else ""
