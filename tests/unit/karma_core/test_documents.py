"""Documents from outside: every wrong key is named with its place, and what is written reads the same."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from karma_core.documents import WHOLE, Document, Faults, read, written


class Inner(Document, frozen=True, kw_only=True):
    """Has a rule over its values."""

    size: int = 1
    names: list[Annotated[str, Meta(pattern=f"^[a-z]+{WHOLE}")]] = []

    def __post_init__(self) -> None:
        if self.size == len(self.names):
            raise ValueError("size and names are the same")


class Outer(Document, frozen=True, kw_only=True):
    """Holds documents."""

    name: str
    source: Annotated[str, Meta(max_length=3)] | None = msgspec.field(default=None, name="from")
    inner: Inner = Inner()
    several: list[Inner] = []


def faults(kind: Any, body: Any) -> dict[str, str]:
    """Place → what is said of it."""
    with pytest.raises(Faults) as caught:
        read(kind, body)
    return {".".join(fault.place): fault.said for fault in caught.value.faults}


def test_every_wrong_key_is_named() -> None:
    """Missing, unknown and wrong ones at once; inside a document, the first."""
    body = {"from": "abcd", "inner": {"names": ["a", "B"]}, "other": 1, 3: 4}
    assert faults(Outer, body) == {
        "name": "it is missing",
        "from": "Expected `str` of length <= 3",
        "inner.names.1": "Expected `str` matching regex '^[a-z]+$'",
        "other": "there is no such key",
        "3": "there is no such key",
    }


def test_a_rule_over_several_values_names_its_document() -> None:
    """The place is that of the document whose values do not fit together; the whole has none."""
    assert faults(Outer, {"name": "a", "several": [{}, {"names": ["a"]}]}) == {
        "several.1": "size and names are the same"
    }
    assert faults(Inner, {"size": 0}) == {"": "size and names are the same"}
    with pytest.raises(Faults) as caught:
        read(Inner, {"size": 0})
    assert caught.value.summary(whole="file") == "file: size and names are the same"
    assert caught.value.summary(whole="file", below="body") == "body: size and names are the same"


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_what_is_no_object_is_a_fault_of_the_whole(body: Any) -> None:
    """As what a caller sends may be anything."""
    assert list(faults(Outer, body)) == [""]


def test_a_final_line_break_is_not_let_through() -> None:
    """Python's `$` alone would."""
    assert list(faults(Inner, {"names": ["a\n"], "size": 3})) == ["names.0"]


def test_text_stands_for_numbers_only_where_it_may() -> None:
    """Queries are text; JSON has numbers of its own."""
    assert read(Inner, {"size": "3"}, strict=False).size == 3
    assert list(faults(Inner, {"size": "3"})) == ["size"]


def test_what_is_quoted_is_printable_and_short() -> None:
    """Neither escape codes nor a megabyte come back in an error."""
    by_place = faults(Outer, {"name": "a", "inner": {"\x1b[31m" + "x" * 10_000: 1}})
    assert [len(said) <= 300 and said.isprintable() for said in by_place.values()] == [True]


def test_what_is_written_has_no_defaults_and_reads_the_same() -> None:
    """Documents in documents included."""
    body = {"name": "a", "from": "b", "inner": {"names": ["x", "y"]}, "several": [{"size": 2}]}
    assert written(read(Outer, body)) == body
    assert written(read(Outer, {**body, "inner": {}, "several": []})) == {"name": "a", "from": "b"}
