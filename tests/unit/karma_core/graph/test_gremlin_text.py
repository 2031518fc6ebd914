"""karma_core.graph.gremlin_text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import UsageError
from karma_core.graph.gremlin_text import MAX_DEPTH, MAX_TEXT, Name, Predicate, Step, Traversal, parse


def test_a_query_becomes_steps() -> None:
    """Literals, enumerations, predicates and inner traversals, with and without their qualifiers."""
    traversal = parse(
        "g.V('a').has('n', P.gt(1)).has('m', lt(-2.5)).order().by(__.in_('x').count(),desc).by(T.id)"
    )
    assert traversal == Traversal(
        (
            Step("V", ("a",)),
            Step("has", ("n", Predicate("P", "gt", (1,)))),
            Step("has", ("m", Predicate("P", "lt", (-2.5,)))),
            Step("order", ()),
            Step("by", (Traversal((Step("in", ("x",)), Step("count", ()))), Name("Order", "desc"))),
            Step("by", (Name("T", "id"),)),
        )
    )
    assert traversal.ordered


def test_order_within_a_value_does_not_order_the_answer() -> None:
    """Only an order of the results themselves is kept."""
    assert not parse("g.V().groupCount().by('type').order(local).by(values)").ordered
    assert not parse("g.V().local(order())").ordered


def test_lists_and_a_final_to_list_are_understood() -> None:
    """`within([a, b])` is `within(a, b)`; `toList()` asks for what is given anyway."""
    assert parse("g.V().has('t', within(['a', \"b\"])).toList()") == parse("g.V().has('t', within('a', 'b'))")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 1),
        ("V()", 1),
        ("g", 2),
        ("g.V(", 5),
        ("g.V()..id()", 7),
        ("g.V().drop()", 7),
        ("g.addV('x')", 3),
        ("g.mergeV([:])", 11),
        ("g.V().property('a', 1)", 7),
        ("g.V().sideEffect(drop())", 7),
        ("g.V().map{it}", 10),
        ("g.V().filter{true}", 13),
        ("g.V().has('a', __.drop())", 19),
        ("g.V(); g.V()", 6),
        ("g.V().iterate()", 7),
        ("g.V().next()", 7),
        ("g.V().id().toList().size()", 12),
        ("g.withStrategies(X).V()", 3),
        ("g.inject(1)", 3),
        ("g.io('x').read()", 3),
        ("g.call('x')", 3),
        ("graph.close()", 1),
        ("System.exit(1)", 1),
        ("g.V().has('a', x)", 16),
        ("g.V().has('a', T.class)", 18),
        ("g.V().has('a', java.lang.Runtime)", 16),
        ("g.V('a' 'b')", 9),
        ("g.V('a", 5),
        ("g.V(1x)", 5),
        ("g.V().has('a', P.class)", 18),
    ],
)
def test_everything_else_is_refused_with_its_place(text: str, at: int) -> None:
    """What is not a reading traversal never becomes steps; the error says where it stopped."""
    with pytest.raises(UsageError) as refused:
        parse(text)
    assert refused.value.code == "gremlin"
    assert refused.value.facts["at"] == at, refused.value


def test_size_and_depth_are_bounded() -> None:
    """A huge or deep text is refused, not recursed into."""
    with pytest.raises(UsageError):
        parse("g.V()" + ".out()" * MAX_TEXT)
    with pytest.raises(UsageError, match="character"):
        parse("g.V()." + "where(" * (MAX_DEPTH + 2) + "out()" + ")" * (MAX_DEPTH + 2))


@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """No text ends in anything but steps or a usage error."""
    for query in (text, f"g.V().{text}", f"g.V().has('a', {text})"):
        try:
            parse(query)
        except UsageError:
            continue


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_a_quoted_string_is_itself(value: str) -> None:
    """Escaped as Gremlin says, any string is read back."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    assert parse(f"g.V('{escaped}')").steps[0].arguments == (value,)
