"""What the state store in DynamoDB does beyond the contract: large bodies, many leases, environments."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from botocore.exceptions import ClientError

from karma_adapters.aws import state_table
from karma_adapters.aws.dynamodb_state import DynamoState
from karma_adapters.aws.failures import translated
from karma_adapters.aws.state_table import StateTable
from karma_core.errors import LeaseHeld
from karma_core.records import JournalEntry, Run
from tests import local_aws


class Moment:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Moment:
    """The store's clock."""
    return Moment()


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch, clock: Moment) -> DynamoState:
    """An empty store."""
    return local_aws.state(local_aws.fresh(monkeypatch), clock)


def noise(length: int, seed: int) -> str:
    """Text that does not compress."""
    return Random(seed).randbytes(length // 2).hex()


def items(state: DynamoState) -> int:
    """Items in the whole table."""
    request = {"TableName": local_aws.STATE, "Select": "COUNT"}
    api = state._table._api
    pages = api.pages("scan", request, by="ExclusiveStartKey", given="LastEvaluatedKey")
    return sum(page["Count"] for page in pages)


def test_a_body_beyond_an_item_is_kept_in_parts_and_replaced_whole(state: DynamoState) -> None:
    """2 MB come back as given, and replacing them by little leaves no part behind."""
    large = {"text": noise(2_000_000, 1)}
    state.put_document("plan", "P1", large)
    assert state.document("plan", "P1").body == large
    assert [document.body for document in state.documents("plan")] == [large]
    assert items(state) > 2
    state.put_document("plan", "P1", {"text": "small"})
    assert state.document("plan", "P1").body == {"text": "small"}
    assert items(state) == 1


def test_a_run_on_very_many_components_is_one_run(state: DynamoState) -> None:
    """Its targets may be more than an item holds, also when it is replaced and listed."""
    targets = tuple(noise(60, seed) for seed in range(20_000))
    run = Run(id="R1", environment="dev", kind="deploy", status="running", targets=targets, started_at="1")
    state.put_run(run)
    state.put_run(run)
    assert state.run("R1") == run
    assert state.runs() == (run,)


def test_a_single_write_goes_behind_a_transaction_on_its_item(
    state: DynamoState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DynamoDB refuses it at that moment (API reference: TransactionConflictException)."""
    api = state._table._api
    call = api.call
    refused: list[str] = []

    def refuses_once(operation: str, **request: Any) -> dict[str, Any]:
        if operation in {"put_item", "update_item", "delete_item"} and operation not in refused:
            refused.append(operation)
            answer = {
                "Error": {"Code": "TransactionConflictException", "Message": "Transaction is ongoing"},
                "ResponseMetadata": {"HTTPStatusCode": 400},
            }
            raise translated(ClientError(answer, operation), "dynamodb", operation)
        return call(operation, **request)

    monkeypatch.setattr(api, "call", refuses_once)
    lease = state.acquire(["graph"], "one", 60)
    assert state.renew(lease, 60).token == lease.token
    state.put_document("plan", "P1", {"a": 1})
    state.release(lease)
    assert sorted(refused) == ["delete_item", "put_item", "update_item"]
    assert state.leases() == ()
    assert state.document("plan", "P1").body == {"a": 1}


def test_more_expired_leases_than_a_transaction_takes(state: DynamoState, clock: Moment) -> None:
    """A grant over 100 leases of crashed runs replaces them all, and only then is one."""
    names = [f"component:vpc/n{number}" for number in range(100)]
    for name in names:
        state.acquire([name], f"run-of-{name}", 60)
    with pytest.raises(LeaseHeld):
        state.acquire(names, "run-2", 60)
    clock.now += timedelta(seconds=61)
    lease = state.acquire(names, "run-2", 60)
    assert {held.token for held in state.leases()} == {lease.token}
    assert items(state) == 2  # the fence and the lease


def test_environments_share_a_table_and_nothing_else(state: DynamoState, clock: Moment) -> None:
    """The same names in another environment are free, and its secret is another."""
    table = StateTable(state._table._api, local_aws.STATE, "prod")
    other = DynamoState(table, clock=clock)
    state.acquire(["graph"], "run-1", 60)
    other.acquire(["graph"], "run-1", 60)
    assert state.secret("hmac") != other.secret("hmac")
    assert other.documents("plan") == ()


class Interleaved(StateTable):
    """A table where another grant comes between the first grant's reading and its writing.

    `mutant`: the writes go without the conditions that compare what was read with what is there.
    """

    def __init__(self, other: DynamoState, *, mutant: bool) -> None:
        table = other._table
        super().__init__(table._api, table._name, table._environment)
        self._other = other
        self._mutant = mutant
        self.granted: list[str] = []

    def transact(self, writes: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Let the other grant happen, then write."""
        if not self.granted:
            self.granted.append(self._other.acquire(["graph"], "other", 60).holder)
        if self._mutant:
            unconditional = ("Put", "Update")
            writes = [
                (kind, {k: v for k, v in w.items() if k != "ConditionExpression"})
                for kind, w in writes
                if kind in unconditional
            ]
        super().transact(writes)


@pytest.mark.parametrize(("mutant", "holders"), [(False, ["other"]), (True, ["other", "first"])])
def test_the_fence_lets_one_of_two_grants_through(
    state: DynamoState, clock: Moment, mutant: bool, holders: list[str]
) -> None:
    """Of two grants at once one sees the other; without the fence's condition both would hold the lease."""
    table = Interleaved(state, mutant=mutant)
    with suppress(LeaseHeld):
        table.granted.append(DynamoState(table, clock=clock).acquire(["graph"], "first", 60).holder)
    assert table.granted == holders


def entry(number: int) -> JournalEntry:
    """The entry of a step, of one of two runs on one of two components."""
    return JournalEntry(
        run_id=f"run-{number % 2}",
        address=f"a/{'one' if number % 3 else 'two'}",
        generation=number,
        step="plan",
        status="started",
        at="2026-11-24T00:00:00Z",
    )


def partitions(state: DynamoState) -> dict[str, int]:
    """Items by partition."""
    request = {"TableName": local_aws.STATE, "ProjectionExpression": "pk"}
    pages = state._table._api.pages("scan", request, by="ExclusiveStartKey", given="LastEvaluatedKey")
    names = [item["pk"]["S"].partition("#")[2] for page in pages for item in page["Items"]]
    return {name: names.count(name) for name in sorted(set(names))}


def test_the_journal_goes_on_in_another_partition(
    state: DynamoState, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No partition grows for ever; entries come in order, by run and by component, also from a copy."""
    monkeypatch.setattr(state_table, "JOURNAL_ENTRIES", 3)
    written = [entry(number) for number in range(1, 9)]
    for one in written:
        state.journal(one)
    kept = partitions(state)
    assert {name: count for name, count in kept.items() if name.startswith("journal")} == {
        "journal": 3, "journal.1": 3, "journal.2": 2,
    }  # fmt: skip
    assert state.entries() == tuple(written)
    assert state.entries(run_id="run-1") == tuple(one for one in written if one.run_id == "run-1")
    assert state.entries(address="a/two") == tuple(one for one in written if one.address == "a/two")
    rows = list(state.copy_out())
    state.journal(entry(9))
    state.copy_in(rows)
    assert state.entries() == tuple(written)


def test_a_journal_of_one_partition_goes_on(state: DynamoState, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier release wrote, all in one partition, is read before what comes after it."""
    written = [entry(number) for number in range(1, 9)]
    for one in written[:5]:
        state.journal(one)
    monkeypatch.setattr(state_table, "JOURNAL_ENTRIES", 2)
    for one in written[5:]:
        state.journal(one)
    assert partitions(state)["journal"] == 5
    assert state.entries() == tuple(written)


def test_parts_are_spread(state: DynamoState) -> None:
    """Parts of different bodies are in different partitions; those of an earlier release are still read."""
    for number in range(3):
        state.put_document("plan", f"P{number}", {"text": noise(800_000, number)})
    assert len([name for name in partitions(state) if name.startswith("part.")]) > 1
    earlier = state_table._parts("0123456789abcdef")
    assert earlier == "part"
