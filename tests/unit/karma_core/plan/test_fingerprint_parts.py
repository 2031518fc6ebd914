"""What enters a fingerprint, and which part of it is said to be the cause.

The rules: every label and every consumed key of every producer enters; a key that is not consumed does not;
a missing key differs from every value; the causes name each part that differs, a component's own first.
"""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_core import strictjson
from karma_core.plan.fingerprint import (
    ABSENT,
    ALGORITHMS,
    WHOLE,
    Inputs,
    algorithm_of,
    causes,
    comparable,
    has_own_cause,
    key_digests,
    look_up,
    producer_causes,
)
from karma_core.records import Applied

RUNTIME = {"id": "vpc-1", "net": {"cidr": "10.0.0.0/8", "zone": None}, "dotted.key": 7, "empty": None}
NOW = Inputs(labels={"config": "c", "region": "r"}, keys={"net/core": {"id": "1", "cidr": "2"}})


def sealed(value: Any) -> str:
    """A seal that can be read."""
    return f"sealed:{value}"


def applied(inputs: Inputs, **fields: Any) -> Applied:
    """The record that a deploy of these inputs leaves."""
    record = Applied(
        address="app/web", fingerprint=inputs.fingerprint, generation=1, run_id="R1", at="", config={},
        config_version=1, module="", inputs=inputs.labels, keys=inputs.keys,
    )  # fmt: skip
    return replace(record, **fields)


class TestKeyDigests:
    """Digest of each counted key of a producer's runtime."""

    def test_every_listed_key_enters_and_no_other(self) -> None:
        """Each under its own name, by value."""
        assert key_digests(RUNTIME, ["net", "id"], sealed) == {
            "id": "sealed:vpc-1",
            "net": f"sealed:{RUNTIME['net']}",
        }

    def test_a_dotted_path_counts_only_what_it_leads_to(self) -> None:
        """A change beside it does not enter."""
        other = {**RUNTIME, "net": {**RUNTIME["net"], "zone": "a"}}
        of_path = key_digests(RUNTIME, ["net.cidr"], sealed)
        assert of_path == {"net.cidr": "sealed:10.0.0.0/8"} == key_digests(other, ["net.cidr"], sealed)

    def test_a_missing_key_differs_from_every_value(self) -> None:
        """Its arrival is a change, also where it arrives as null."""
        assert key_digests(RUNTIME, ["gone", "empty"]) == {
            "gone": "absent",
            "empty": strictjson.digest(None),
        }

    def test_all_keys_where_none_is_listed(self) -> None:
        """Nobody knows which are read: the whole runtime counts, key by key."""
        assert key_digests({"b": 2, "a": 1}, None, sealed) == {"a": "sealed:1", "b": "sealed:2"}

    def test_an_empty_list_counts_nothing(self) -> None:
        """A dependency that reads no runtime is none of its keys."""
        assert key_digests(RUNTIME, []) == {}

    @pytest.mark.parametrize(
        ("keys", "expected"), [(["id", "x"], {"id": ABSENT, "x": ABSENT}), (None, {WHOLE: ABSENT})]
    )
    def test_a_runtime_that_does_not_exist_has_no_key(self, keys: Any, expected: dict[str, str]) -> None:
        """Each listed key is absent; where none is listed, the whole is."""
        assert key_digests(None, keys) == expected

    def test_values_are_digested_by_default(self) -> None:
        """The value itself is nowhere."""
        assert key_digests({"id": "v"}, ["id"]) == {"id": strictjson.digest("v")}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("id", ("vpc-1", True)),
        ("empty", (None, True)),
        ("dotted.key", (7, True)),
        ("net.zone", (None, True)),
        ("net.cidr", ("10.0.0.0/8", True)),
        ("net.gone", (None, False)),
        ("id.length", (None, False)),
        ("gone.cidr", (None, False)),
    ],
)
def test_a_key_is_looked_up_by_name_then_by_path(key: str, expected: tuple[Any, bool]) -> None:
    """(value, whether it is there): a null that is there is not a missing key."""
    assert look_up(RUNTIME, key) == expected


def test_a_literal_key_wins_over_a_path() -> None:
    """A key with a dot in its name means itself."""
    assert look_up({"a.b": 1, "a": {"b": 2}}, "a.b") == (1, True)


class TestTheDigest:
    """The fingerprint of the algorithm of now."""

    @pytest.mark.parametrize(
        "other",
        [
            Inputs(labels={**NOW.labels, "config": "d"}, keys=NOW.keys),
            Inputs(labels={"config": "c"}, keys=NOW.keys),
            Inputs(labels=NOW.labels, keys={}),
            Inputs(labels=NOW.labels, keys={"net/core": {"id": "1"}}),
            Inputs(labels=NOW.labels, keys={"net/core": {"id": "1", "cidr": "3"}}),
            Inputs(labels=NOW.labels, keys={"net/core": {"id": "1", "cidr": ABSENT}}),
            Inputs(labels=NOW.labels, keys={"net/other": NOW.keys["net/core"]}),
            Inputs(labels=NOW.labels, keys={**NOW.keys, "db/main": {}}),
        ],
    )
    def test_every_label_and_every_consumed_key_enters(self, other: Inputs) -> None:
        """Any one of them makes another fingerprint."""
        assert other.fingerprint != NOW.fingerprint
        assert not other.matches(NOW.fingerprint)
        assert NOW.matches(NOW.fingerprint)

    def test_labels_that_the_algorithm_does_not_know_do_not_enter(self) -> None:
        """They are dropped before the digest is made; the known ones and the keys stay."""
        more = Inputs(labels={**NOW.labels, "engine": "tofu"}, keys=NOW.keys)
        assert more.fingerprint == NOW.fingerprint
        assert ALGORITHMS[1].seen(more) == NOW
        assert comparable(more, applied(NOW)) == NOW
        assert comparable(more, applied(NOW, fingerprint="damaged")) == more

    @pytest.mark.parametrize("text", ["", "f", "fp0:x", "fp:x", "fp2:x", "xfp1:x", "fp1"])
    def test_only_a_known_version_has_an_algorithm(self, text: str) -> None:
        """Everything else is compared with nothing."""
        assert algorithm_of(text) is None
        assert algorithm_of("fp1:anything") is ALGORITHMS[1]


class TestCauses:
    """Why a component has to run."""

    def test_an_equal_fingerprint_is_no_cause(self) -> None:
        """Nothing to say."""
        assert causes(NOW, applied(NOW)) == ()

    def test_without_a_good_record_that_alone_is_the_cause(self) -> None:
        """Never applied, or failed, whatever the inputs are."""
        assert causes(NOW, None) == ("never applied",)
        failed = applied(NOW, status="failed")
        assert causes(NOW, failed) == ("the last apply (run R1) failed",)

    def test_labels_of_either_side_that_differ_are_named(self) -> None:
        """Changed, added and removed ones, sorted, before the producers'."""
        before = Inputs(labels={"config": "b", "module": "m"}, keys={"net/core": {"id": "0", "cidr": "2"}})
        assert causes(NOW, applied(before)) == (
            "config changed",
            "module changed",
            "region changed",
            "net/core: id changed",
        )

    def test_producers_and_keys_of_either_side_that_differ_are_named(self) -> None:
        """Producers that came and went, and each key that changed, came or went; what is equal is not."""
        now = Inputs(
            labels={},
            keys={"a/came": {}, "c/moved": {"came": "1", "same": "1", "was": "2"}, "d/same": {"x": "1"}},
        )
        before = Inputs(
            labels={},
            keys={"b/went": {}, "c/moved": {"went": "1", "same": "1", "was": "1"}, "d/same": {"x": "1"}},
        )
        assert producer_causes(now, applied(before)) == [
            "a/came is consumed now",
            "b/went is not consumed any more",
            "c/moved: came, was, went changed",
        ]

    def test_what_nothing_explains_cannot_be_compared(self) -> None:
        """The first characters of the fingerprint are shown."""
        record = applied(NOW, fingerprint="fp9:0123456789abcdef")
        assert causes(NOW, record) == ("its applied fingerprint fp9:01234567… cannot be compared",)


class TestItsOwnCause:
    """Whether anything but its producers' runtimes makes it run."""

    def test_of_a_component_without_a_good_record(self) -> None:
        """Always."""
        assert has_own_cause(NOW, None) is True
        assert has_own_cause(NOW, applied(NOW, status="failed")) is True

    def test_a_label_or_another_producer_is_its_own(self) -> None:
        """Which producers it has is its config's or its module's doing."""
        assert has_own_cause(NOW, applied(Inputs(labels={}, keys=NOW.keys))) is True
        assert has_own_cause(NOW, applied(Inputs(labels=NOW.labels, keys={}))) is True

    def test_a_producers_keys_are_not(self) -> None:
        """Values that changed, and other keys of the same producer."""
        for keys in ({"id": "0", "cidr": "2"}, {"id": "1"}):
            record = applied(Inputs(labels=NOW.labels, keys={"net/core": keys}))
            assert has_own_cause(NOW, record) is False
