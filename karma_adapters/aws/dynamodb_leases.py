"""Leases in DynamoDB: names held until a time, under a token that only ever rises.

A lease is one item, whatever the number of its names, because a transaction takes only 100 items. All grants
go through one counter, the fence: a grant reads it, then the leases, and writes its own on the condition that
the counter has not moved, so that of two grants at once one has to look again. Taking over an expired lease
deletes it in the same transaction, on the condition that its holder has not renewed it meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from karma_adapters.aws.api import pauses
from karma_adapters.aws.state_table import Item, StateTable, new_mark, number, padded, text
from karma_adapters.state_rules import lease_held, lease_lost
from karma_core import ports
from karma_core.errors import Conflict, StoreUnavailable
from karma_core.records import Lease
from karma_log.sinks.service import AwsDocument

_LEASES: Final = "lease"
_FENCE: Final = "fence"
_BUSY_SECONDS: Final = 30.0
"""How long a grant tries against faster ones. Ours: hundreds of grants."""
_TAKEN_OVER: Final = 90
"""Most expired leases that one grant replaces; a transaction has at most 100 items (TransactWriteItems)."""


class DynamoLeases:
    """Leases in `table`; `clock` decides what has expired."""

    def __init__(self, table: StateTable, clock: ports.Clock) -> None:
        self._table = table
        self._clock = clock

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none; LeaseHeld, also where the holder is the same."""
        wanted = tuple(sorted(set(names)))
        body = self._table.body(wanted)
        try:
            for _ in pauses(_BUSY_SECONDS):
                lease = self._try(wanted, holder, seconds, body)
                if lease is not None:
                    return lease
        except BaseException:
            self._table.drop_parts(body)
            raise
        self._table.drop_parts(body)
        raise StoreUnavailable(
            "no lease could be had",
            why=f"other runs took leases for {_BUSY_SECONDS:.0f} seconds without a pause",
            next_step="try again when fewer runs are under way",
            code="lease-busy",
        )

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend from now; StaleLease where the lease was taken over or given back."""
        expires_at = self._clock().timestamp() + seconds
        try:
            self._table.update(
                _LEASES,
                padded(lease.token),
                "SET expires_at = :expires",
                {":expires": number(expires_at)},
                ConditionExpression="attribute_exists(pk)",
            )
        except Conflict as error:
            raise lease_lost(lease) from error
        return Lease(names=lease.names, holder=lease.holder, token=lease.token, expires_at=expires_at)

    def release(self, lease: Lease) -> None:
        """Release the lease, if it still exists."""
        self._table.drop_parts(self._table.delete(_LEASES, padded(lease.token)))

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, one a name, by name."""
        now = self._clock().timestamp()
        granted = [_lease(item, names) for item, names in self._granted()]
        return tuple(_by_name([lease for lease in granted if lease.expires_at > now]))

    def fence(self) -> int:
        """The newest token; 0 before the first."""
        item = self._table.get(_FENCE, _FENCE)
        return int(item["token"]["N"]) if item else 0

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on."""
        with suppress(Conflict):  # it is as high already
            self._table.update(
                _FENCE,
                _FENCE,
                "SET #token = :new",
                {":new": number(token)},
                ConditionExpression="attribute_not_exists(#token) OR #token < :new",
                ExpressionAttributeNames={"#token": "token"},
            )

    def _try(self, wanted: tuple[str, ...], holder: str, seconds: float, body: Item) -> Lease | None:
        """One attempt; None where another grant came between."""
        fence = self._table.get(_FENCE, _FENCE)  # first: leases read later can only be newer
        now = self._clock().timestamp()
        chosen = set(wanted)
        overlapping = [(item, names) for item, names in self._granted() if not chosen.isdisjoint(names)]
        leases = [_lease(item, names) for item, names in overlapping]
        held = [lease for lease in leases if lease.expires_at > now]
        if held:
            raise lease_held([one for one in _by_name(held) if one.names[0] in chosen])
        expired = [item for item, _ in overlapping]
        if len(expired) > _TAKEN_OVER:
            self._clear(expired[:_TAKEN_OVER])
            return None
        token = int(fence["token"]["N"]) + 1 if fence else 1
        lease = Lease(names=wanted, holder=holder, token=token, expires_at=now + seconds)
        mark = new_mark()
        try:
            self._table.transact([*self._grant(lease, body, mark), *map(self._take_over, expired)])
        except Conflict:
            if not self._table.holds(_LEASES, padded(token), mark):
                return None
        for item in expired:
            self._table.drop_parts(item)
        return lease

    def _clear(self, expired: Sequence[Item]) -> None:
        """Delete expired leases, where a grant has more of them in its way than it can take."""
        with suppress(Conflict):  # one was renewed: the next attempt sees it
            self._table.transact([self._take_over(item) for item in expired])

    def _granted(self) -> list[tuple[Item, tuple[str, ...]]]:
        return list(self._table.query_with_values(_LEASES, tuple[str, ...]))

    def _grant(self, lease: Lease, body: Item, mark: str) -> list[tuple[str, AwsDocument]]:
        moved = {
            "Key": self._table.key(_FENCE, _FENCE),
            "UpdateExpression": "SET #token = :new",
            "ConditionExpression": "attribute_not_exists(#token) OR #token = :seen",
            "ExpressionAttributeNames": {"#token": "token"},
            "ExpressionAttributeValues": {":new": number(lease.token), ":seen": number(lease.token - 1)},
        }
        item = {
            **self._table.key(_LEASES, padded(lease.token)),
            **body,
            "holder": text(lease.holder),
            "expires_at": number(lease.expires_at),
            "mark": text(mark),
        }
        return [("Update", moved), ("Put", {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"})]

    def _take_over(self, item: Item) -> tuple[str, AwsDocument]:
        unchanged = {
            "Key": {"pk": item["pk"], "sk": item["sk"]},
            "ConditionExpression": "attribute_not_exists(pk) OR expires_at = :seen",
            "ExpressionAttributeValues": {":seen": item["expires_at"]},
        }
        return "Delete", unchanged


def _lease(item: Item, names: tuple[str, ...]) -> Lease:
    return Lease(
        names=names,
        holder=item["holder"]["S"],
        token=int(item["sk"]["S"]),
        expires_at=float(item["expires_at"]["N"]),
    )


def _by_name(leases: Sequence[Lease]) -> list[Lease]:
    """One lease a name, by name."""
    return sorted(
        (
            Lease(names=(name,), holder=lease.holder, token=lease.token, expires_at=lease.expires_at)
            for lease in leases
            for name in lease.names
        ),
        key=lambda lease: lease.names,
    )
