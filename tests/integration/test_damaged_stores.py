"""Every store deleted, emptied, older, foreign, with flipped bytes: nothing is done or said that is not so.

The environment is real but for Terraform and its cloud (`tests/ledger_terraform.py`); how it is looked at
and what counts as a harm stands in `tests/damaged_stores.py`. Small counts by default; with KARMA_SOAK=1 a
history of 56 operations, and 500 flips of each store.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.damaged_stores import (
    STORES,
    Damage,
    History,
    Observed,
    deleted,
    emptied,
    flipped,
    harms,
    observe,
    replaced,
)

SOAK = os.environ.get("KARMA_SOAK") == "1"
OPERATIONS = 56 if SOAK else 9
AGES = (1, 5, 50)
ENDS = (0, 1) if SOAK else (0,)
"""Operations ago at which the environment is looked at: the last published, the one before deployed."""
FLIPS = 500 if SOAK else 3
MANY = 500
"""Bytes that are flipped at once, by every tenth of the flips in the soak, by the last one else."""


class Environment:
    """The environment's history, that of another one, and what commands say of it undamaged."""

    def __init__(self, root: Path) -> None:
        kept = {end + age for end in ENDS for age in (0, *AGES)}
        self.scratch = root / "scratch"
        self.moments = History(root / "own", OPERATIONS, kept).moments
        self.foreign = History(root / "foreign", OPERATIONS + 3, {0}).moments[0]
        self.true: dict[int, Observed] = {}
        for end in ENDS:
            self.true[end] = observe(self.moments[end], self.scratch)[0]

    def harm(self, end: int, damage: Damage) -> tuple[str, list[str], bool]:
        """(what was damaged, what was done or said wrongly, whether anything was said)."""
        seen, said = observe(self.moments[end], self.scratch, damage)
        true = self.true[end]
        noticed = any(seen.codes[name] - true.codes.get(name, Counter()) for name in seen.codes)
        return f"{end} ago, {said}", harms(seen, true), noticed or seen.verified is False


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """Made once, copied for each damage."""
    return Environment(tmp_path_factory.mktemp("stores"))


def _replacements(environment: Environment, store: str, end: int) -> Iterator[Damage]:
    """The store gone, empty, of elsewhere, and as it was earlier."""
    yield deleted(store)
    yield emptied(store)
    yield replaced(store, environment.foreign.folder, "another environment's")
    for age in AGES:
        if end + age in environment.moments:
            yield replaced(store, environment.moments[end + age].folder, f"one of {age} operations ago")


def test_the_oracle_sees_what_is_done(environment: Environment) -> None:
    """The undamaged environment is what the tests take it for: something is due, something has drifted."""
    true = environment.true[0]
    assert harms(true, true) == []
    assert true.actions is not None
    assert {true.actions[name] for name in ("b/pending", "b/new", "a/user")} == {"update", "create", "no-op"}
    assert true.drift is not None
    assert true.drift["b/drifted"] == "drifted"
    assert len(true.operations) == 3
    assert (true.destroy_status, true.left, true.verified) == ("succeeded", 0, True)


@pytest.mark.soak
@pytest.mark.parametrize("store", STORES)
def test_no_store_that_was_replaced_does_harm(
    environment: Environment, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 silent applies, 0 silent destroys, 0 untrue answers, whatever stands in a store's place."""
    found = [
        environment.harm(end, damage) for end in ENDS for damage in _replacements(environment, store, end)
    ]
    assert [f"{said}: {wrong}" for said, wrong, _ in found if wrong] == []
    _report(capsys, f"{store}: replaced", found)


@pytest.mark.soak
@pytest.mark.parametrize("store", STORES)
def test_no_flipped_byte_does_harm(
    environment: Environment, store: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A byte, or 500 at once: every time an error or a finding, or the answers of the undamaged store."""
    found = []
    for seed in range(FLIPS):
        many = seed % 10 == 9 if SOAK else seed == FLIPS - 1
        damage = flipped(store, seed, MANY if many else 1)
        found.append(environment.harm(ENDS[seed // 2 % len(ENDS)], damage))
    assert [f"{said}: {wrong}" for said, wrong, _ in found if wrong] == []
    _report(capsys, f"{store}: flipped", found)


def _report(capsys: pytest.CaptureFixture[str], what: str, found: list[tuple[str, list[str], bool]]) -> None:
    """Print the counts, in a soak."""
    if SOAK:
        noticed = sum(one[2] for one in found)
        with capsys.disabled():
            sys.stdout.write(
                f"\n{what}: {len(found)}, {noticed} noticed, {len(found) - noticed} without effect"
            )
