"""What only the SQLite state store can show: durability, file mode, damage."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from karma_adapters.sqlite.state import SqliteState
from karma_core.errors import BadInput, Conflict, StaleLease, StoreError
from karma_core.records import Applied, ChainHead, JournalEntry, Run


def record(address: str = "vpc/core") -> Applied:
    """An applied record."""
    return Applied(
        address=address,
        fingerprint="sha256:f",
        generation=1,
        run_id="R1",
        at="2026-11-24T06:00:00.000000Z",
        config={"a": 1},
        config_version=1,
        module="sha256:m",
        inputs={},
    )


ENTRY = JournalEntry(
    run_id="R1", address="vpc/core", generation=1, step="apply", status="succeeded", at="2026-11-24T06:00:00Z"
)


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    """All kinds of truth survive the process, the fencing token and the generations too."""
    path = tmp_path / "state.db"
    first = SqliteState(path)
    lease = first.acquire(["a"], "run-1", 60)
    run = Run(id="R1", environment="dev", kind="deploy", status="running", targets=(), started_at="t")
    first.put_run(run)
    first.next_generation("vpc/core")
    first.journal(ENTRY, applied=record())
    first.put_document("plan", "P1", {"a": [1]})
    first.move_chain_head(ChainHead(seq=3, hash="h"))
    secret, revision = first.secret("hmac"), first.applied_revision()
    first.close()

    second = SqliteState(path)
    assert second.leases() == (lease,)
    assert second.run("R1") == run
    assert second.next_generation("vpc/core") == 2
    assert second.entries() == (ENTRY,)
    assert second.all_applied() == {"vpc/core": record()}
    assert second.document("plan", "P1").body == {"a": [1]}
    assert second.chain_head() == ChainHead(seq=3, hash="h")
    assert (second.secret("hmac"), second.applied_revision()) == (secret, revision)
    second.release(lease)
    assert second.acquire(["a"], "run-2", 60).token > lease.token
    second.close()


def test_two_stores_over_one_file_agree(tmp_path: Path) -> None:
    """Two processes see each other's leases, journal and revisions at once."""
    one, other = (SqliteState(tmp_path / "state.db") for _ in range(2))
    lease = one.acquire(["a"], "run-1", 60)
    other.release(lease)
    with pytest.raises(StaleLease):
        one.renew(lease, 60)
    one.journal(ENTRY, applied=record())
    with pytest.raises(Conflict):
        other.journal(ENTRY, applied=record())
    assert other.applied_revision() == one.applied_revision()
    assert other.put_document("plan", "P1", {}, revision=0) == 1
    with pytest.raises(Conflict):
        one.put_document("plan", "P1", {}, revision=0)
    assert one.secret("hmac") == other.secret("hmac")
    one.close()
    other.close()


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """It holds HMAC keys."""
    state = SqliteState(tmp_path / "state.db")
    state.secret("hmac")
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    state.close()


def test_text_that_is_no_unicode_is_typed(tmp_path: Path) -> None:
    """Neither stored nor looked for, and no foreign error."""
    state = SqliteState(tmp_path / "state.db")
    run = Run(id="R1", environment="dev", kind="x\udcff", status="running", targets=(), started_at="t")
    for call in (
        lambda: state.run("\udcff"),
        lambda: state.put_run(run),
        lambda: state.put_document("plan", "P1", {"a": "\udcff"}),
    ):
        with pytest.raises(BadInput) as caught:
            call()
        assert caught.value.code == "invalid-text"
    state.close()


@pytest.mark.parametrize("damage", [b"{", b'{"address": 7}', b"\xff"])
def test_a_damaged_record_is_typed(tmp_path: Path, damage: bytes) -> None:
    """SQLite checks no content: a record that cannot be read names the file, and is no traceback."""
    state = SqliteState(tmp_path / "state.db")
    state.journal(ENTRY, applied=record())
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("UPDATE applied SET body = ?", (damage,))
    connection.close()
    with pytest.raises(StoreError, match="damage") as caught:
        state.applied("vpc/core")
    assert caught.value.code == "database-damaged"
    state.close()
