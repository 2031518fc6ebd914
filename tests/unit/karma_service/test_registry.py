"""A Prefect database that is lost under a running service."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_core.errors import StoreUnavailable
from karma_service.registry import OF_ANOTHER_KIND, Known, Registry, own_database


class Server:
    """What the registry sees of a server, and what it does about it."""

    def __init__(self, database: Path | None = None) -> None:
        self.knows: Known = "registered"
        self.fails = False
        self.registered = 0
        self.restarted = 0
        self.said: list[str] = []
        self.database = database

    def registry(self) -> Registry:
        """One that looks at it."""
        return Registry(
            lambda: self.knows,
            register=self._register,
            restart=self._restart,
            say=self.said.append,
            database=self.database,
        )

    def _register(self) -> None:
        if self.fails:
            raise StoreUnavailable("the server is busy", why="it answered 503")
        self.registered += 1
        self.knows = "registered"

    def _restart(self) -> None:
        self.restarted += 1


def test_what_is_lost_is_registered_again() -> None:
    """Once, and it is said; a server that does not answer is left to start."""
    server = Server()
    look = server.registry()
    look()
    server.knows = "unknown"
    look()
    assert (server.registered, server.said) == (0, [])
    server.knows = "lost"
    look()
    look()
    assert server.registered == 1
    assert any("registered again" in line for line in server.said)


def test_a_registration_that_fails_is_tried_again() -> None:
    """The service goes on, says why, and the next look tries once more."""
    server = Server()
    server.knows, server.fails = "lost", True
    look = server.registry()
    look()
    assert server.registered == 0
    assert "it answered 503" in server.said[-1]
    server.fails = False
    look()
    assert server.registered == 1


@pytest.mark.parametrize("replaced", [True, False])
def test_a_server_whose_file_is_gone_is_started_again_once(tmp_path: Path, replaced: bool) -> None:
    """It would go on with a file that has no name any more; the one that it then makes is taken as it is."""
    database = tmp_path / "prefect.db"
    database.write_bytes(b"old")
    server = Server(database)
    look = server.registry()
    look()
    assert server.restarted == 0
    if replaced:
        (tmp_path / "new").write_bytes(b"new")
        (tmp_path / "new").rename(database)
    else:
        database.unlink()
    look()
    assert server.restarted == 1
    if not replaced:
        database.write_bytes(b"made again")
    look()
    look()
    assert server.restarted == 1


def test_a_database_of_another_kind_is_not_looked_at(tmp_path: Path) -> None:
    """PostgreSQL has no file; then only the deployments are asked for."""
    assert own_database(tmp_path, {}) == tmp_path / "prefect.db"
    assert own_database(tmp_path, {OF_ANOTHER_KIND[0]: "postgresql+asyncpg://h/p"}) is None
