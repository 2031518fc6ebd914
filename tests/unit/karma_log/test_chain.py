"""Linking and verifying, on lines in memory."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.model import to_builtins
from karma_core.records import ChainHead, Event
from karma_log import chain
from karma_log.chain import StoredLine
from tests.make_events import head_after, make_chain, make_event

EVENTS = make_chain(6)
HEAD = chain.head_of(EVENTS[-1])
LINES = [chain.line(event) for event in EVENTS]


def kinds(lines: list[bytes], head: ChainHead | None = HEAD) -> list[str]:
    """Kinds of the problems found in raw lines."""
    stored = [StoredLine(raw=raw, place=f"line {number}") for number, raw in enumerate(lines, 1)]
    verification = chain.verify_lines(stored, head)
    assert verification.verified == (not verification.problems)
    return [problem.kind for problem in verification.problems]


def test_the_hash_is_over_the_canonical_bytes_without_it() -> None:
    """Anybody can recompute a hash from the documented form: all fields but `hash`, keys sorted."""
    document = to_builtins(EVENTS[1])
    claimed = document.pop("hash")
    assert claimed == strictjson.digest(document) == chain.event_hash(EVENTS[1])
    assert document["prev"] == EVENTS[0].hash
    assert (EVENTS[0].prev, EVENTS[0].seq) == ("", 1)


def test_linking_goes_on_from_a_head() -> None:
    """Linking in two parts gives the same chain as in one; given chain fields are replaced."""
    again = [msgspec.structs.replace(event, seq=99, prev="x", hash="y") for event in EVENTS]
    first = chain.link(again[:2], None)
    assert first + chain.link(again[2:], chain.head_of(first[-1])) == EVENTS
    assert chain.link([], HEAD) == ()


@pytest.mark.parametrize("value", ["\ud800", object(), {1j: 1}])
def test_a_value_without_json_form_is_refused(value: object) -> None:
    """BadInput, with the action in it, instead of a foreign error."""
    with pytest.raises(BadInput, match="terraform_apply"):
        chain.link([make_event(1, inputs={"value": value})], None)


def test_a_whole_chain_verifies() -> None:
    """No problem, no note, with and without a head."""
    for head in (HEAD, None):
        verification = chain.verify(EVENTS, head)
        assert (verification.verified, verification.events, verification.problems, verification.notes) == (
            True,
            6,
            (),
            (),
        )
        assert verification.last == HEAD
    assert chain.verify([], None).verified


def test_not_a_number_verifies_as_it_was_stored() -> None:
    """JSON has no NaN: it is stored as null, and the hash is that of what is stored."""
    events = chain.link([make_event(1, inputs={"value": math.nan})], None)
    assert kinds([chain.line(events[0])], chain.head_of(events[0])) == []


def test_events_of_a_smaller_form_verify() -> None:
    """A line written before a field was added to events keeps its hash: the stored form counts."""
    document = to_builtins(EVENTS[0])
    del document["task_run_id"], document["hash"]
    document["hash"] = strictjson.digest(document)
    head = ChainHead(seq=1, hash=document["hash"])
    assert kinds([strictjson.canonical(document)], head) == []


class TestProblems:
    def test_an_altered_event_is_named_once(self) -> None:
        """One altered line is one problem, with its seq and id; its neighbours are not accused."""
        altered = LINES[2].replace(b"ann@example.org", b"eve@example.org")
        stored = [StoredLine(raw=raw, place="p") for raw in [*LINES[:2], altered, *LINES[3:]]]
        verification = chain.verify_lines(stored, HEAD)
        assert [(p.kind, p.seq, p.id) for p in verification.problems] == [("altered", 3, "E00003")]

    @pytest.mark.parametrize("field", [f for f in Event.__struct_fields__ if f != "hash"])
    def test_every_field_is_covered(self, field: str) -> None:
        """A change of any field is found, whatever its type."""
        other = {"build_id": 7, "seq": 40, "inputs": {"number": -1}, "artifacts": ("x",)}.get(field, "other")
        changed = msgspec.structs.replace(EVENTS[2], **{field: other})
        assert kinds([*LINES[:2], chain.line(changed), *LINES[3:]]) == ["altered"]

    def test_an_altered_event_with_a_new_hash_breaks_the_link(self) -> None:
        """Whoever recomputes the hash of an altered event must alter every later one, and the head."""
        changed = msgspec.structs.replace(EVENTS[2], user="eve")
        forged = msgspec.structs.replace(changed, hash=chain.event_hash(changed))
        assert kinds([*LINES[:2], chain.line(forged), *LINES[3:]]) == ["unlinked"]
        rest = chain.link(EVENTS[3:], chain.head_of(forged))
        assert kinds([*LINES[:2], chain.line(forged), *map(chain.line, rest)]) == ["head-differs"]

    def test_a_missing_event_is_a_gap(self) -> None:
        """The first and every later event, with the range in the message."""
        assert kinds(LINES[1:]) == ["missing"]
        verification = chain.verify((*EVENTS[:2], *EVENTS[4:]), HEAD)
        assert [(p.kind, p.seq, p.what) for p in verification.problems] == [
            ("missing", 3, "events 3 to 4 are missing")
        ]

    def test_a_cut_off_tail_needs_the_head(self) -> None:
        """Without a head a shorter chain is a chain; with it, cut off, down to nothing."""
        assert kinds(LINES[:4], None) == []
        assert kinds(LINES[:4]) == ["cut-off"]
        assert kinds([]) == ["cut-off"]

    def test_a_duplicate_and_a_reordering_are_told_apart(self) -> None:
        """An event that stands twice, and one that stands in another place."""
        assert kinds([*LINES[:3], LINES[1], *LINES[3:]]) == ["duplicate"]
        assert kinds([*LINES[:2], LINES[3], LINES[2], *LINES[4:]]) == ["missing", "reordered"]

    def test_another_last_event_is_not_the_head(self) -> None:
        """The same length with another end is found by the head's hash."""
        other = chain.link([make_event(6, user="eve")], head_after(EVENTS, 5))
        assert kinds([*LINES[:5], chain.line(other[0])]) == ["head-differs"]

    @pytest.mark.parametrize(
        "raw", [b"", b"{}", b"[]", b"null", b"\xff", b'{"a":', b"[" * 100_000, b'{"id":7}'], ids=range(8)
    )
    def test_what_is_no_event_is_altered(self, raw: bytes) -> None:
        """Garbage in a line is a problem, never a traceback."""
        assert kinds([*LINES[:2], raw, *LINES[3:]]) == ["altered"]

    def test_another_form_of_the_same_value_is_altered(self) -> None:
        """Blanks, another order of keys, a name that stands twice: the bytes count."""
        loose = msgspec.json.format(LINES[2], indent=1)
        twice = LINES[2].replace(b"{", b'{"user":"eve",', 1)
        for raw in (loose, LINES[2] + b" ", twice):
            assert kinds([*LINES[:2], raw, *LINES[3:]]) == ["altered"]

    def test_a_line_under_another_number_is_altered(self) -> None:
        """Where a store has a key, the key must be the event's number."""
        verification = chain.verify_lines([StoredLine(raw=LINES[0], place="row 2", seq=2)])
        assert [problem.kind for problem in verification.problems] == ["altered"]


class TestNotes:
    def test_a_torn_line_is_a_note(self) -> None:
        """A write that a crash cut short is said, and is no problem while the head is there."""
        stored = [StoredLine(raw=raw, place="p") for raw in LINES]
        torn = StoredLine(raw=b'{"action":"x', place="last line", torn=True)
        verification = chain.verify_lines([*stored, torn], HEAD)
        assert verification.verified
        assert verification.events == 6
        assert "last line is torn (12 bytes)" in verification.notes[0]

    def test_events_behind_the_head_are_a_note(self) -> None:
        """A writer may have died before it could move the head: newer events that link on are counted."""
        verification = chain.verify(EVENTS, head_after(EVENTS, 4))
        assert (verification.verified, verification.newer, len(verification.notes)) == (True, 2, 1)
        assert verification.last == HEAD

    def test_events_behind_the_head_must_link_on(self) -> None:
        """Newer events are verified like all others."""
        other = chain.link([make_event(5)], ChainHead(seq=4, hash="sha256:other"))
        assert not chain.verify((*EVENTS[:4], *other), head_after(EVENTS, 4)).verified

    def test_a_newer_part_verifies_after_what_is_known(self) -> None:
        """Checking only what is new needs the event before it, and refuses another one."""
        stored = [StoredLine(raw=raw, place="p") for raw in LINES[4:]]
        assert chain.verify_lines(stored, HEAD, after=head_after(EVENTS, 4)).verified
        assert not chain.verify_lines(stored, HEAD, after=ChainHead(seq=4, hash="sha256:other")).verified
        assert not chain.verify_lines(stored, HEAD, after=head_after(EVENTS, 3)).verified


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)


class TestProperties:
    """Whatever one does to a verified chain is found, and nothing else is."""

    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.dictionaries(st.text(max_size=8), ANY_JSON, max_size=4), max_size=4))
    def test_no_event_is_accused(self, inputs: list[dict[str, object]]) -> None:
        """Whatever JSON values events carry, infinities and wide integers too, their chain verifies."""
        events = chain.link([make_event(number, inputs=value) for number, value in enumerate(inputs)], None)
        lines = [chain.line(event) for event in events]
        assert kinds(lines, head_after(events, len(events))) == []
        read = [chain.read_line(raw, where="x") for raw in lines]
        assert [chain.line(event) for event in read] == lines

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_every_changed_byte_is_found(self, data: st.DataObject) -> None:
        """Any byte of any line, to any other value."""
        number = data.draw(st.integers(0, len(LINES) - 1))
        raw = bytearray(LINES[number])
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
        assert kinds([*LINES[:number], bytes(raw), *LINES[number + 1 :]])

    @settings(max_examples=100, deadline=None)
    @given(st.sets(st.integers(0, len(LINES) - 1), min_size=1))
    def test_every_deletion_is_found(self, gone: set[int]) -> None:
        """Any set of events, the first and the last included."""
        assert kinds([raw for number, raw in enumerate(LINES) if number not in gone])

    @settings(max_examples=100, deadline=None)
    @given(st.permutations(LINES).filter(lambda order: order != LINES))
    def test_every_reordering_is_found(self, order: list[bytes]) -> None:
        """Any order but the one written."""
        assert kinds(order)

    @settings(max_examples=50, deadline=None)
    @given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES)))
    def test_every_repetition_is_found(self, number: int, place: int) -> None:
        """Any event once more, anywhere."""
        assert kinds([*LINES[:place], LINES[number], *LINES[place:]])
