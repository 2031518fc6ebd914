"""The API as a process: uvicorn on loopback."""

from __future__ import annotations

import os
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from karma_adapters.settings import find_project, read_settings
from karma_api.app import make_app
from karma_api.metrics import Metrics
from karma_api.opening import limits_of, open_services

STOP_SECONDS = 5
"""How long open requests may go on after SIGTERM; event streams are cut then, and clients come back."""


def app_of(root: Path) -> FastAPI:
    """The application over a project."""
    metrics = Metrics()
    services = open_services(root, metrics=metrics.text)
    return make_app(services, metrics=metrics, limits=limits_of(read_settings(root)))


def create_app() -> FastAPI:
    """The application over the project that KARMA_PROJECT_DIR names, else that of the current folder."""
    named = os.environ.get("KARMA_PROJECT_DIR")
    return app_of(Path(named).resolve() if named else find_project(Path.cwd()))


def serve(root: Path, *, host: str = "127.0.0.1", port: int = 8321) -> None:
    """Serve until SIGTERM or Ctrl-C. TLS belongs to the proxy in front."""
    uvicorn.run(
        app_of(root),
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
