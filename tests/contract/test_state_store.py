"""The contract of `ports.StateStore`, on every state store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.sqlite.state import SqliteState
from karma_core import ports
from karma_core.errors import BadInput, Conflict, LeaseHeld, StaleLease
from karma_core.records import Applied, ChainHead, JournalEntry, Run, StateRow
from tests import local_aws
from tests.memory.state import MemoryState


class FakeClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


MAKERS: dict[str, Callable[[Path, ports.Clock], ports.StateStore]] = {
    "memory": lambda _, clock: MemoryState(clock=clock),
    "sqlite": lambda directory, clock: SqliteState(directory / "new" / "state.db", clock=clock),
}


@pytest.fixture
def clock() -> FakeClock:
    """The stores' clock."""
    return FakeClock()


@pytest.fixture(params=sorted([*MAKERS, "dynamodb"]))
def state(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch):
    """An empty state store of each kind."""
    if request.param == "dynamodb":
        yield local_aws.state(local_aws.fresh(monkeypatch), clock)
        return
    made = MAKERS[request.param](tmp_path, clock)
    yield made
    made.close()


def entry(address: str = "vpc/core", **fields: Any) -> JournalEntry:
    """A journal entry: a succeeded apply of generation 1 unless told otherwise."""
    known: dict[str, Any] = {
        "run_id": "R1",
        "address": address,
        "generation": 1,
        "step": "apply",
        "status": "succeeded",
        "at": "2026-11-24T06:00:00.000000Z",
    }
    return JournalEntry(**(known | fields))


def applied_record(address: str = "vpc/core", **fields: Any) -> Applied:
    """An applied record."""
    known: dict[str, Any] = {
        "address": address,
        "fingerprint": "sha256:f",
        "generation": 1,
        "run_id": "R1",
        "at": "2026-11-24T06:00:00.000000Z",
        "config": {"cidr": "10.0.0.0/16", "deep": [{"a": None}]},
        "config_version": 3,
        "module": "sha256:m",
        "inputs": {"config": "sha256:c"},
        "keys": {"vpc/other": {"id": "sha256:k"}},
        "edges": ("vpc/other",),
        "good_config": {"cidr": "10.0.0.0/24"},
    }
    return Applied(**(known | fields))


class TestLeases:
    def test_all_names_or_none(self, state: ports.StateStore) -> None:
        """Where one name is held, none of the others is taken."""
        state.acquire(["b", "a"], "run-1", 60)
        with pytest.raises(LeaseHeld) as caught:
            state.acquire(["c", "b"], "run-2", 60)
        assert caught.value.facts["names"] == ["b"]
        assert caught.value.facts["holder"] == "run-1"
        assert "run-1" in str(caught.value)
        assert "2026-11-24T06:01:00Z" in str(caught.value)
        assert [lease.names for lease in state.leases()] == [("a",), ("b",)]
        state.acquire(["c"], "run-2", 60)

    def test_a_holder_does_not_get_its_own_name_twice(self, state: ports.StateStore) -> None:
        """A lease is not re-entrant: two parts of one run exclude each other as well."""
        state.acquire(["a"], "run-1", 60)
        with pytest.raises(LeaseHeld):
            state.acquire(["a"], "run-1", 60)

    def test_names_are_sorted_and_single(self, state: ports.StateStore, clock: FakeClock) -> None:
        """The lease names each name once, in order, until now plus its seconds."""
        lease = state.acquire(["b", "a", "b"], "run-1", 60)
        assert lease.names == ("a", "b")
        assert lease.expires_at == clock().timestamp() + 60
        assert state.renew(lease, 60).names == ("a", "b")

    def test_a_lease_says_for_how_long_it_was_granted(self, state: ports.StateStore) -> None:
        """By it an expiry is told that only a clock ahead of ours can have written."""
        lease = state.acquire(["a", "b"], "run-1", 60)
        assert lease.seconds == 60
        assert [held.seconds for held in state.leases()] == [60, 60]
        assert state.renew(lease, 90).seconds == 90
        assert [held.seconds for held in state.leases()] == [90, 90]

    def test_tokens_rise_whatever_the_name(self, state: ports.StateStore, clock: FakeClock) -> None:
        """A released, an expired and a taken-over lease never give their token again."""
        first = state.acquire(["a"], "run-1", 60)
        second = state.acquire(["b"], "run-2", 60)
        state.release(second)
        third = state.acquire(["b"], "run-3", 60)
        clock.advance(61)
        fourth = state.acquire(["a", "b"], "run-4", 60)
        assert first.token < second.token < third.token < fourth.token

    def test_the_fence_is_the_newest_token_and_can_be_raised(self, state: ports.StateStore) -> None:
        """Raised, it is passed by the next grant; it never falls, and leases that are held stay."""
        assert state.fence() == 0
        first = state.acquire(["a"], "run-1", 60)
        assert state.fence() == first.token
        state.raise_fence(first.token - 1)
        assert state.fence() == first.token
        state.raise_fence(100)
        assert (state.fence(), state.acquire(["b"], "run-2", 60).token) == (100, 101)
        assert state.renew(first, 60).token == first.token

    def test_a_refused_acquire_changes_nothing(self, state: ports.StateStore) -> None:
        """The holder goes on renewing after others were refused."""
        lease = state.acquire(["a"], "run-1", 60)
        with pytest.raises(LeaseHeld):
            state.acquire(["a"], "run-2", 600)
        assert state.renew(lease, 60).token == lease.token

    def test_an_expired_lease_is_taken_over_and_its_holder_refused(
        self, state: ports.StateStore, clock: FakeClock
    ) -> None:
        """A holder that slept past its lease cannot renew it once one of its names has another holder."""
        paused = state.acquire(["a", "b"], "run-1", 60)
        clock.advance(61)
        taken = state.acquire(["b"], "run-2", 60)
        with pytest.raises(StaleLease) as caught:
            state.renew(paused, 60)
        assert caught.value.facts["fencing_token"] == paused.token
        state.release(paused)
        assert [(lease.names, lease.token) for lease in state.leases()] == [(("b",), taken.token)]

    def test_a_refused_renew_extends_nothing(self, state: ports.StateStore, clock: FakeClock) -> None:
        """All names or none holds for renew too: the names that are left stay expired."""
        paused = state.acquire(["a", "b"], "run-1", 60)
        clock.advance(61)
        state.acquire(["b"], "run-2", 60)
        with pytest.raises(StaleLease):
            state.renew(paused, 600)
        state.acquire(["a"], "run-3", 60)

    def test_an_expired_lease_that_nobody_took_is_renewed(
        self, state: ports.StateStore, clock: FakeClock
    ) -> None:
        """Nobody worked on the names meanwhile: going on is safe."""
        lease = state.acquire(["a"], "run-1", 60)
        clock.advance(61)
        assert state.leases() == ()
        renewed = state.renew(lease, 60)
        assert renewed.token == lease.token
        assert renewed.expires_at == clock().timestamp() + 60
        with pytest.raises(LeaseHeld):
            state.acquire(["a"], "run-2", 60)

    def test_a_released_lease_is_free_and_not_renewed(self, state: ports.StateStore) -> None:
        """Release frees the names at once; renewing after it is refused; releasing twice is not."""
        lease = state.acquire(["a"], "run-1", 60)
        state.release(lease)
        state.release(lease)
        with pytest.raises(StaleLease):
            state.renew(lease, 60)
        state.acquire(["a"], "run-2", 60)

    def test_threads_exclude_each_other(self, state: ports.StateStore) -> None:
        """Of eight threads that want one name, one gets it."""
        start = threading.Barrier(8)

        def want(number: int) -> bool:
            start.wait()
            try:
                state.acquire(["a", f"own-{number}"], f"run-{number}", 60)
            except LeaseHeld:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(want, range(8))) == 1
        assert len(state.leases()) == 2

    def test_many_names_are_one_lease(self, state: ports.StateStore) -> None:
        """A deploy of 40,000 components takes one lease: no limit on parameters of a statement is met."""
        names = [f"vpc/n{number}" for number in range(40_000)]
        lease = state.acquire(names, "run-1", 60)
        assert len(state.renew(lease, 60).names) == 40_000
        with pytest.raises(LeaseHeld) as caught:
            state.acquire(names, "run-2", 60)
        assert "39997 more" in str(caught.value)


class TestRuns:
    def test_runs_are_replaced_by_id_and_listed_newest_first(self, state: ports.StateStore) -> None:
        """The list goes by start, not by the last write."""

        def run(run_id: str, status: str, minute: int) -> Run:
            return Run(
                id=run_id,
                environment="dev",
                kind="deploy",
                status=status,
                targets=("vpc/core",),
                started_at=f"2026-11-24T06:{minute:02d}:00.000000Z",
                options={"parallelism": 4},
            )

        for run_id, minute in (("R2", 2), ("R1", 1), ("R3", 3)):
            state.put_run(run(run_id, "running", minute))
        state.put_run(run("R1", "succeeded", 1))
        assert [found.id for found in state.runs()] == ["R3", "R2", "R1"]
        assert [found.id for found in state.runs(limit=1)] == ["R3"]
        assert state.run("R1") == run("R1", "succeeded", 1)
        assert state.run("R9") is None


class TestJournal:
    def test_generations_rise_by_component(self, state: ports.StateStore) -> None:
        """Each decision gets a higher number, counted apart for each component."""
        assert [state.next_generation("a/a") for _ in range(3)] == [1, 2, 3]
        assert state.next_generation("b/b") == 1

    def test_generations_are_never_given_twice(self, state: ports.StateStore) -> None:
        """Threads that ask at once get different numbers."""
        with ThreadPoolExecutor(8) as threads:
            given = list(threads.map(lambda _: state.next_generation("a/a"), range(80)))
        assert sorted(given) == list(range(1, 81))

    def test_entries_come_in_the_order_written(self, state: ports.StateStore) -> None:
        """By run, by component, by both, or all; the times in them do not matter."""
        written = [
            entry(status="started", at="2026-11-24T09:00:00.000000Z", detail={"pid": 1}),
            entry("alb/web", run_id="R2"),
            entry(at="2026-11-24T08:00:00.000000Z"),
        ]
        for one in written:
            state.journal(one)
        assert list(state.entries()) == written
        assert list(state.entries(run_id="R2")) == [written[1]]
        assert list(state.entries(address="vpc/core")) == [written[0], written[2]]
        assert state.entries(run_id="R2", address="vpc/core") == ()

    def test_an_apply_succeeds_once_in_a_generation(self, state: ports.StateStore) -> None:
        """The second success of an (address, generation) is refused, with its applied record."""
        state.journal(entry(), applied=applied_record())
        before = state.applied_revision()
        with pytest.raises(Conflict) as caught:
            state.journal(entry(run_id="R2"), applied=applied_record(fingerprint="sha256:other"))
        assert caught.value.code == "applied-twice"
        assert state.applied("vpc/core") == applied_record()
        assert state.applied_revision() == before
        assert len(state.entries()) == 1

    def test_the_rule_is_about_succeeded_applies_only(self, state: ports.StateStore) -> None:
        """Starts, failures, other steps, other generations and other components may repeat."""
        state.journal(entry())
        for fields in (
            {"status": "started"},
            {"status": "failed"},
            {"step": "propagate"},
            {"generation": 2},
            {"address": "alb/web"},
        ):
            state.journal(entry(**fields))
        state.journal(entry(status="started"))
        state.journal(entry(step="propagate"))
        assert len(state.entries()) == 8

    def test_of_threads_that_complete_one_generation_one_succeeds(self, state: ports.StateStore) -> None:
        """The rule holds under concurrency."""

        def complete(number: int) -> bool:
            try:
                state.journal(entry(run_id=f"R{number}"), applied=applied_record(run_id=f"R{number}"))
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(8) as threads:
            assert sum(threads.map(complete, range(16))) == 1
        assert state.applied("vpc/core").run_id == state.entries()[0].run_id


class TestApplied:
    def test_records_are_stored_replaced_and_forgotten_with_an_entry(self, state: ports.StateStore) -> None:
        """The entry and what it does to the records are one step."""
        assert state.applied("vpc/core") is None
        state.journal(entry(), applied=applied_record())
        state.journal(entry("alb/web"), applied=applied_record("alb/web"))
        state.journal(entry(generation=2), applied=applied_record(generation=2))
        assert state.applied("vpc/core") == applied_record(generation=2)
        assert list(state.all_applied()) == ["alb/web", "vpc/core"]
        state.journal(entry(step="destroy"), forget="vpc/core")
        assert state.applied("vpc/core") is None
        assert list(state.all_applied()) == ["alb/web"]

    def test_the_revision_changes_exactly_with_the_records(self, state: ports.StateStore) -> None:
        """It moves with every stored or forgotten record, and with nothing else."""
        seen = [state.applied_revision()]
        state.journal(entry(status="started"))
        state.put_document("plan", "P1", {})
        assert state.applied_revision() == seen[0]
        for change in (
            lambda: state.journal(entry(), applied=applied_record()),
            lambda: state.journal(entry(generation=2), applied=applied_record()),
            lambda: state.journal(entry(step="destroy"), forget="vpc/core"),
        ):
            change()
            seen.append(state.applied_revision())
        assert len(set(seen)) == 4


class TestDocuments:
    def test_revisions_count_writes_and_guard_them(self, state: ports.StateStore) -> None:
        """0 writes a new one only, a number replaces that revision only, None replaces whatever is there."""
        assert state.put_document("change", "C1", {"status": "proposed"}, revision=0) == 1
        assert state.put_document("change", "C1", {"status": "queued"}, revision=1) == 2
        for stale in (0, 1, 3):
            with pytest.raises(Conflict) as caught:
                state.put_document("change", "C1", {"status": "lost"}, revision=stale)
            assert caught.value.facts == {"expected": stale, "found": 2}
        assert state.put_document("change", "C1", {"status": "planning"}) == 3
        found = state.document("change", "C1")
        assert (found.kind, found.id, found.body, found.revision) == (
            "change",
            "C1",
            {"status": "planning"},
            3,
        )
        with pytest.raises(Conflict):
            state.put_document("change", "C2", {}, revision=1)
        assert state.document("change", "C2") is None

    def test_kinds_are_apart_and_sorted(self, state: ports.StateStore) -> None:
        """The same id in two kinds is two documents; a kind is listed by id."""
        for kind, document_id in (("plan", "b"), ("plan", "a"), ("change", "a")):
            state.put_document(kind, document_id, {"kind": kind})
        assert [found.id for found in state.documents("plan")] == ["a", "b"]
        assert state.document("change", "a").body == {"kind": "change"}
        assert state.documents("mark") == ()

    def test_a_stored_body_is_the_stores_own(self, state: ports.StateStore) -> None:
        """Changing the object that was given, or that came back, changes nothing stored."""
        body = {"list": [1]}
        state.put_document("plan", "P1", body)
        body["list"].append(2)
        state.document("plan", "P1").body["list"].append(3)
        assert state.document("plan", "P1").body == {"list": [1]}


class TestHeadAndSecrets:
    def test_the_head_only_moves_forward(self, state: ports.StateStore) -> None:
        """An older head, and another one of the same number, are ignored."""
        assert state.chain_head() is None
        state.move_chain_head(ChainHead(seq=5, hash="five"))
        state.move_chain_head(ChainHead(seq=4, hash="four"))
        state.move_chain_head(ChainHead(seq=5, hash="other"))
        assert state.chain_head() == ChainHead(seq=5, hash="five")
        state.move_chain_head(ChainHead(seq=9, hash="nine"))
        assert state.chain_head() == ChainHead(seq=9, hash="nine")

    def test_the_head_can_be_put_back(self, state: ports.StateStore) -> None:
        """To an older event, and away; it moves on from there."""
        state.move_chain_head(ChainHead(seq=5, hash="five"))
        state.reset_chain_head(ChainHead(seq=3, hash="three"))
        assert state.chain_head() == ChainHead(seq=3, hash="three")
        state.reset_chain_head(None)
        assert state.chain_head() is None
        state.reset_chain_head(None)
        state.move_chain_head(ChainHead(seq=1, hash="one"))
        assert state.chain_head() == ChainHead(seq=1, hash="one")

    def test_a_secret_stays(self, state: ports.StateStore) -> None:
        """32 bytes by name, the same at every call, also for threads that ask first at once."""
        with ThreadPoolExecutor(8) as threads:
            assert len(set(threads.map(lambda _: state.secret("hmac"), range(16)))) == 1
        assert len(state.secret("hmac")) == 32
        assert state.secret("other") != state.secret("hmac")


def filled(state: ports.StateStore) -> list[StateRow]:
    """The rows of a store that holds something of everything."""
    run = Run(
        id="R1", environment="dev", kind="deploy", status="running", targets=(), started_at="2026-11-24T06:00"
    )
    state.put_run(run)
    for _ in range(3):
        state.next_generation("vpc/core")
    state.journal(entry(status="started"))
    state.journal(entry(generation=3), applied=applied_record(generation=3))
    state.put_document("change", "C1", {"status": "queued", "text": "x" * 500})
    state.put_document("change", "C1", {"status": "done"})
    state.put_document("token", "T1", {"user": "ann"})
    state.secret("hmac")
    state.move_chain_head(ChainHead(seq=7, hash="sha256:aa"))
    state.release(state.acquire(["graph"], "run-1", 60))
    state.acquire(["component:vpc/core"], "run-2", 60)
    return list(state.copy_out())


class TestCopies:
    def test_a_copy_holds_everything_but_the_leases(self, state: ports.StateStore) -> None:
        """A row of each kind; the fence as the highest token that was ever given."""
        rows = filled(state)
        assert sorted({row.kind for row in rows}) == [
            *("applied", "document", "entry", "fence", "generation", "head", "run", "secret"),
        ]
        assert [row.body for row in rows if row.kind == "fence"] == [2]
        assert [row.body["status"] for row in rows if row.kind == "entry"] == ["started", "succeeded"]

    def test_an_empty_store_has_no_row(self, state: ports.StateStore) -> None:
        """So that it is seen to be empty."""
        assert list(state.copy_out()) == []

    def test_rows_make_the_store_again(self, state: ports.StateStore) -> None:
        """Whatever was there is replaced; revisions, generations, rules and the secret go on as before."""
        rows = filled(state)
        secret, revision = state.secret("hmac"), state.applied_revision()
        state.put_document("change", "C2", {})
        state.journal(entry("alb/web"), applied=applied_record("alb/web"))
        state.copy_in(rows)
        assert list(state.copy_out()) == rows
        assert state.secret("hmac") == secret
        assert state.applied_revision() != revision
        assert list(state.all_applied()) == ["vpc/core"]
        assert [found.status for found in state.entries(run_id="R1")] == ["started", "succeeded"]
        assert [found.id for found in state.runs()] == ["R1"]
        assert state.next_generation("vpc/core") == 4
        assert state.put_document("change", "C1", {}, revision=2) == 3
        with pytest.raises(Conflict):
            state.journal(entry(generation=3))

    def test_leases_stay_and_tokens_go_on(self, state: ports.StateStore) -> None:
        """A restore holds leases itself; no token is given twice, by whichever of the two stores."""
        filled(state)
        mine = state.acquire(["parameters"], "restore", 60)
        state.copy_in([StateRow(kind="fence", body=40)])
        assert state.renew(mine, 60).token == mine.token
        assert state.acquire(["x"], "next", 60).token == 41
        state.copy_in([StateRow(kind="fence", body=1)])
        assert state.acquire(["y"], "next", 60).token == 42

    @pytest.mark.parametrize("row", [StateRow(kind="run", body={}), StateRow(kind="other", body=1)])
    def test_what_is_no_row_changes_nothing(self, state: ports.StateStore, row: StateRow) -> None:
        """It is refused before the first write."""
        rows = filled(state)
        with pytest.raises(BadInput) as caught:
            state.copy_in([row])
        assert caught.value.code == "backup-damaged"
        assert list(state.copy_out()) == rows
