"""API and pages as one application."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from starlette.applications import Starlette

from karma_adapters.wiring.reading import project_to_serve, read_settings
from karma_api.app import app_of
from karma_ui.app import make_app


def served_app(root: Path) -> Starlette:
    """The API of a project, with its pages at /ui."""
    settings = read_settings(root)
    names = tuple(settings.environment_names())
    public = settings.api.public_url
    return make_app(app_of(root), names, prefect_url=prefect_ui(os.environ), public_url=public)


def prefect_ui(variables: Mapping[str, str]) -> str:
    """Return the URL of the Prefect UI, from PREFECT_UI_URL or PREFECT_API_URL; empty if neither is set."""
    api = variables.get("PREFECT_API_URL", "").rstrip("/").removesuffix("/api")
    return variables.get("PREFECT_UI_URL") or api


def create_app() -> Starlette:
    """The application over the project that KARMA_PROJECT_DIR names, else that of the current folder."""
    return served_app(project_to_serve())
