"""A database that is busy for a moment costs Prefect's clients no wait, for the server itself tries again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import httpx
import pytest
from prefect.server.api.server import custom_internal_exception_handler
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from flows import busy_database, guarded_prefect
from flows.busy_database import MAX_BODY, RetriesBusyDatabase


class Notes:
    """Writes the bodies that are posted to a database, with Prefect's own answer where that fails."""

    def __init__(self, file: Path) -> None:
        self._engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 0}, poolclass=NullPool)
        with self._engine.begin() as connection:
            connection.execute(text("CREATE TABLE note (body TEXT)"))
        self.lock = sqlite3.connect(file, isolation_level=None)
        self.attempts = 0
        self.free_at = 0
        handlers = {Exception: custom_internal_exception_handler}
        self.app = Starlette(routes=[Route("/", self._take, methods=["POST"])], exception_handlers=handlers)

    def hold_for(self, attempts: int) -> None:
        """Another transaction is in the way for so many attempts."""
        self.lock.execute("BEGIN IMMEDIATE")
        self.free_at = attempts

    async def _take(self, request: Request) -> Response:
        if self.attempts == self.free_at and self.lock.in_transaction:
            self.lock.execute("COMMIT")
        self.attempts += 1
        body = await request.body()
        if body == b'"broken"':
            raise LookupError("broken")
        with self._engine.begin() as connection:
            connection.execute(text("INSERT INTO note VALUES (:body)"), {"body": body.decode()})
        return JSONResponse({"length": len(body)})

    def kept(self) -> list[str]:
        """What was written."""
        return [body for (body,) in self.lock.execute("SELECT body FROM note")]


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[Notes]:
    """An application over a database of its own."""
    made = Notes(tmp_path / "notes.db")
    with closing(made.lock):
        yield made


def post(notes: Notes, body: object, *, raises: bool = False, app: ASGIApp | None = None) -> httpx.Response:
    """Send a document through the retries, or to the application that is named."""

    async def ask() -> httpx.Response:
        retrying = app or RetriesBusyDatabase(notes.app)
        transport = httpx.ASGITransport(app=retrying, raise_app_exceptions=raises)
        declared = {"content-type": "application/json"}
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.post("/", content=json.dumps(body), headers=declared)

    return anyio.run(ask)


def test_a_busy_database_is_tried_again_and_the_client_sees_one_answer(notes: Notes) -> None:
    """The whole body comes again, it is written once, and nothing is raised for a log."""
    notes.hold_for(3)
    answer = post(notes, ["x" * 1000], raises=True)
    assert (answer.status_code, notes.attempts) == (200, 4)
    assert notes.kept() == [json.dumps(["x" * 1000])]


def test_one_that_stays_busy_is_said_with_the_seconds_to_wait(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempts end, and Prefect's clients need not wait longer each time."""
    monkeypatch.setattr(busy_database, "PAUSES", (0.0, 0.0))
    notes.hold_for(-1)
    answer = post(notes, "later")
    assert (answer.status_code, answer.headers["retry-after"], notes.attempts) == (503, "1", 3)
    assert notes.kept() == []


def test_after_the_deadline_one_last_attempt_is_made(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is made at once, and its answer is sent as it is."""
    monkeypatch.setattr(busy_database, "DEADLINE_SECONDS", 0.0)
    notes.hold_for(-1)
    assert post(notes, "late").status_code == 503
    assert notes.attempts == 2


def test_other_errors_are_answered_once(notes: Notes) -> None:
    """They say 500, and are raised for the log."""
    assert post(notes, "broken").status_code == 500
    with pytest.raises(LookupError, match="broken"):
        post(notes, "broken", raises=True)
    assert notes.attempts == 2


def test_a_long_body_is_not_kept(notes: Notes) -> None:
    """It reaches the application as it is, once."""
    notes.hold_for(-1)
    assert post(notes, "x" * MAX_BODY).status_code == 503
    assert notes.attempts == 1
    notes.lock.execute("COMMIT")
    assert post(notes, "x" * MAX_BODY).json() == {"length": MAX_BODY + 2}


def test_the_server_that_karma_starts_does_so(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the guard, for `karma up` and for temporary servers."""
    monkeypatch.setattr(guarded_prefect, "prefect_app", lambda: notes.app)
    notes.hold_for(2)
    assert post(notes, "x", app=guarded_prefect.create_app()).status_code == 200
    assert notes.attempts == 3
