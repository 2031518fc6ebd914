"""Prefect's application behind our guard, for the server of `karma up` and for temporary ones.

Prefect itself has no list of hosts, and takes a body without a content type for JSON.
"""

from __future__ import annotations

import json
import os

from prefect.server.api.server import create_app as prefect_app
from starlette.types import ASGIApp

from flows.busy_database import RetriesBusyDatabase
from karma_adapters.web.guard import Guard
from karma_adapters.web.same_origin import OwnNames
from karma_core.errors import BadInput, KarmaError


def create_app() -> ASGIApp:
    """The application; PREFECT_UI_URL and PREFECT_API_URL are where browsers and workers find it."""
    own = OwnNames(addresses=[os.environ.get(name, "") for name in ("PREFECT_UI_URL", "PREFECT_API_URL")])
    return Guard(RetriesBusyDatabase(prefect_app()), own, answer, json_only=True)


def answer(error: KarmaError) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """An error as Prefect's own clients read one."""
    status = 415 if isinstance(error, BadInput) else 403
    body = json.dumps({"exception_message": f"{error.what}: {error.why}", "code": error.code}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    return status, headers, body
