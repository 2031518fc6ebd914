"""The compose file as the docs have it: Prefect on PostgreSQL behind passwords, API, two workers."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import make_url

from karma_core.errors import StoreUnavailable
from tests.e2e.compose_recipe import Recipe, stop_signal
from tests.e2e.running_service import wait_for
from tests.e2e.victims import terraforms
from tests.e2e.worker_fleet import LEDGER, NAPS, Fleet, make_project, ordered
from tests.integration.postgres_server import postgres

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]
AUTH = "karma:a p@ss:word"


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database."""
    with postgres() as url:
        yield url


def test_the_recipe_runs_and_a_stopped_worker_saves(tmp_path: Path, database: str) -> None:
    """In compose's order, each healthy by its own check; passwords from files, with awkward characters.

    Two workers share the runs, which are in PostgreSQL; whoever has no password gets nothing. A worker that
    is stopped in an apply ends with 0, and what was made is in the state.
    """
    karma = make_project(tmp_path / "project", ("east", "west"), 6)
    url = make_url(database)
    parts = {"PORT": url.port, "NAME": url.database, "HOST": url.host}
    recipe = Recipe(
        tmp_path, karma.project, {f"PREFECT_SERVER_DATABASE_{key}": str(part) for key, part in parts.items()}
    )
    recipe.write_secret("postgres_password", str(url.password))
    recipe.write_secret("prefect_auth", AUTH)
    try:
        recipe.start("prefect")
        wait_for(lambda: recipe.healthy("prefect"))
        assert recipe.start("register").wait(90) == 0, recipe.said("register")
        recipe.start("api")
        workers = [recipe.start("worker", name) for name in ("one", "two")]
        wait_for(lambda: recipe.healthy("api"))
        for name in ("one", "two"):
            wait_for(lambda name=name: recipe.healthy("worker", name))
        runs = Fleet.runs_of(recipe.prefect_url, AUTH)
        first = [ordered(karma, runs, env, NAPS[0]) for env in ("east", "west")]
        for run in first:
            assert wait_for(lambda run=run: s if (s := runs.state(run)).ended else None).type == "COMPLETED"
        assert runs_in(database) >= set(first)
        with pytest.raises(StoreUnavailable):
            Fleet.runs_of(recipe.prefect_url, "karma:another").state(first[0])
        ordered(karma, runs, "east", NAPS[1])
        made = wait_for(lambda: (karma.project / LEDGER).read_text().split()[len(first) :])[0]
        for worker in workers:
            worker.send_signal(signal.Signals[stop_signal()])
        assert [worker.wait(60) for worker in workers] == [0, 0]
        assert not terraforms(karma.project)
        states = (karma.project / ".karma" / "east" / "tfstate").rglob("terraform.tfstate")
        assert any(made in path.read_text() for path in states)
    finally:
        recipe.close()
    assert not list(tmp_path.rglob("prefect.db"))


def runs_in(database: str) -> set[str]:
    """Ids of the completed flow runs, read past Prefect."""

    async def read() -> set[str]:
        connection = await asyncpg.connect(database.replace("+asyncpg", ""))
        try:
            rows = await connection.fetch("SELECT id FROM flow_run WHERE state_type = 'COMPLETED'")
        finally:
            await connection.close()
        return {str(row["id"]) for row in rows}

    return asyncio.run(read())
