"""The documented setting for more than one machine: Prefect on PostgreSQL behind a password, two workers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from karma_core.errors import StoreUnavailable
from tests.e2e.worker_fleet import NAPS, Fleet, make_project
from tests.integration.postgres_server import postgres

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]
AUTH = "karma:a password"


@pytest.fixture
def database() -> Iterator[str]:
    """The URL of an empty database."""
    with postgres() as url:
        yield url


def test_two_workers_deploy_with_prefect_on_postgres(tmp_path: Path, database: str) -> None:
    """The runs are in PostgreSQL, whoever has no password gets nothing, and each worker takes some."""
    variables = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "KARMA_SERVICE__PREFECT_AUTH": AUTH,
    }
    fleet = Fleet(make_project(tmp_path, ("east", "west"), 6), variables)
    try:
        workers = [fleet.worker(name, limit=1) for name in ("one", "two")]
        for worker in workers:
            worker.ready()
        runs = [fleet.deploy(env, NAPS[0]) for env in ("east", "west")]
        assert {fleet.ended(run).type for run in runs} == {"COMPLETED"}
        assert all(worker.taken() & set(runs) for worker in workers)
        assert runs_in(database) >= set(runs)
        with pytest.raises(StoreUnavailable):
            Fleet.runs_of(fleet.url, "karma:another").state(runs[0])
        assert [worker.end() for worker in workers] == [0, 0]
    finally:
        fleet.close()
    assert not (tmp_path / ".karma" / "prefect" / "prefect.db").exists()


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
