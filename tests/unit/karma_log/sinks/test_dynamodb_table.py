"""Items and queries of the events' table, without AWS."""

from __future__ import annotations

import pytest

from karma_log import chain
from karma_log.filters import EVERYTHING, make_filter
from karma_log.sinks import dynamodb_table as table
from tests.make_events import make_event


def test_every_filter_is_answered_by_a_query() -> None:
    """Each condition has an index; only a range of actions or times is not in the order of the chain."""
    chosen = {
        "component": make_filter(component="vpc/core", action="x", since="2026-01-01"),
        "user": make_filter(user="ann"),
        "run_id": make_filter(run_id="R1", until="2026-01-01"),
    }
    for field, wanted in chosen.items():
        query = table.query("dev", wanted, 7)
        assert (query.index, query.by_seq) == (f"by_{field}", True)
        assert query.values[":after"] == {"N": "7"}
    action = table.query("dev", make_filter(action="terraform_apply"), 0)
    assert (action.index, action.by_seq) == ("by_action", True)
    several = table.query("dev", make_filter(action="terraform_*"), 0)
    assert (several.index, several.by_seq) == ("by_action", False)
    times = table.query("dev", make_filter(until="2026-01-01"), 0)
    assert (times.index, times.by_seq) == ("by_time", False)
    everything = table.query("dev", EVERYTHING, 0)
    assert (everything.index, list(everything.values)) == ("", [":partition"])
    assert table.query("dev", make_filter(action="*"), 0).index == ""


def test_values_are_never_part_of_a_condition() -> None:
    """What a user gives is a value beside the expression, whatever it holds."""
    hostile = "x' OR 1=1 #p :after"
    query = table.query("dev", make_filter(component=hostile), 3)
    assert query.condition == "#p = :partition AND #r > :after"
    assert query.values[":partition"] == {"S": f"dev#{hostile}"}


@pytest.mark.parametrize("field", ["component", "user", "run_id"])
def test_a_missing_value_is_in_no_index(field: str) -> None:
    """DynamoDB's indexes leave out items without the attribute; keys cannot be empty."""
    event = make_event(1, **({field: None} if field != "user" else {"user": ""}))
    item = table.item(event)
    assert (f"of_{field}" in item) is (field == "user")


def test_keys_fit_whatever_is_logged() -> None:
    """A sort key has at most 1,024 bytes, a partition key 2,048; the whole value stays in the line."""
    wide = "\U0001f600" * 5000
    item = table.item(make_event(1, action=wide, user=wide, component=wide, run_id=wide))
    assert len(item["action_seq"]["S"].encode()) <= 1024
    assert all(len(item[name]["S"].encode()) <= 2048 for name in ("of_user", "of_component", "of_run_id"))
    assert wide in item["line"]["S"]


def test_the_definition_declares_exactly_the_keys() -> None:
    """CreateTable refuses an attribute that no key uses, and a key that is not declared."""
    made = table.definition("events")
    schemas = [made["KeySchema"], *(index["KeySchema"] for index in made["GlobalSecondaryIndexes"])]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    assert used == {declared["AttributeName"] for declared in made["AttributeDefinitions"]}


def test_the_item_holds_the_canonical_line() -> None:
    """Verification covers what is stored, byte for byte."""
    event = chain.link([make_event(1)], None)[0]
    assert table.item(event)["line"]["S"].encode() == chain.line(event)


def test_numbers_bound_the_key() -> None:
    """Both ends are one condition on the sort key; a range without numbers stays one that may be asked."""
    everything = make_filter()
    assert table.query("dev", everything, 0, 9).condition.endswith("#r < :before")
    both = table.query("dev", everything, 3, 9)
    assert both.condition.endswith("#r BETWEEN :low AND :high")
    assert (both.values[":low"], both.values[":high"]) == ({"N": "4"}, {"N": "8"})
    none = table.query("dev", everything, 9, 3)
    assert none.values[":low"] == none.values[":high"] == {"N": "10"}
    action = table.query("dev", make_filter(action="deploy"), 0, 9)
    assert action.values[":high"] == {"S": "deploy#000000000000008"}
