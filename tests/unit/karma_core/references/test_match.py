"""`match` rules: a field names a producer by one of its config values."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.model import Severity
from karma_core.references.base import Reference
from tests.unit.karma_core.references.resolving import find, seen

SITE_RULES = {"match": [{"field": "route53_zone_name", "type": "route53-zone", "equals": "zone_name"}]}


@pytest.mark.parametrize("ours", ["example.org", "example.org.", "Example.ORG."])
@pytest.mark.parametrize("theirs", ["example.org", "example.org."])
def test_a_trailing_dot_and_case_are_ignored(ours: str, theirs: str) -> None:
    """Both ways to write a domain name are the same name."""
    others = {"route53-zone": {"route53-zone/main": {"zone_name": theirs}}}
    assert seen({"route53_zone_name": ours}, definition=SITE_RULES, others=others) == {
        ("route53-zone/main", "match", "/route53_zone_name")
    }


def test_several_producers_are_an_error() -> None:
    """Karma does not guess which of two producers is meant."""
    zone = {"zone_name": "example.org"}
    others = {"route53-zone": {"route53-zone/a": zone, "route53-zone/b": zone}}
    _, findings = find({"route53_zone_name": "example.org"}, definition=SITE_RULES, others=others)
    assert [(one.code, one.severity) for one in findings] == [("ambiguous-match", Severity.ERROR)]
    assert "route53-zone/a, route53-zone/b" in findings[0].message


@pytest.mark.parametrize("value", ["example.org.", 7])
def test_no_producer_is_a_warning(value: object) -> None:
    """The producer may live outside this environment."""
    _, findings = find({"route53_zone_name": value}, definition=SITE_RULES)
    assert [(one.code, one.severity, one.pointer) for one in findings] == [
        ("unmatched-reference", Severity.WARNING, "/route53_zone_name")
    ]


def test_fields_descend_and_lists_name_several() -> None:
    """Dots descend into objects, and each item of a list is looked for."""
    rules = {"match": [{"field": "dns.zones", "type": "zone", "equals": "names"}]}
    others = {"zone": {"zone/a": {"names": ["a.org", "a.net"]}, "zone/b": {"names": "b.org"}}}
    assert seen({"dns": {"zones": ["a.net", "b.org"]}}, definition=rules, others=others) == {
        ("zone/a", "match", "/dns/zones/0"),
        ("zone/b", "match", "/dns/zones/1"),
    }


@pytest.mark.parametrize("config", [{}, {"route53_zone_name": None}, {"route53_zone_name": ""}])
def test_a_field_that_is_not_there_names_nothing(config: dict[str, Any]) -> None:
    """A rule applies where its field has a value."""
    assert seen(config, definition=SITE_RULES) == set()


RULE = {"match": [{"field": "zones", "type": "zone", "equals": "name"}]}


def zones(count: int) -> dict[str, dict[str, dict[str, Any]]]:
    """So many zones of one name."""
    return {"zone": {f"zone/{number}": {"name": "a.org"} for number in range(count)}}


def test_a_reference_is_the_components_own() -> None:
    """Values that are empty are passed over, and the next one is looked for."""
    references, findings = find({"zones": [None, "", "a.org"]}, definition=RULE, others=zones(1))
    assert findings == []
    assert references == [Reference("app/web", "zone/0", "match", "/zones/2")]


@pytest.mark.parametrize(
    ("count", "listed"),
    [
        (2, "zone/0, zone/1"),
        (5, "zone/0, zone/1, zone/2, zone/3, zone/4"),
        (6, "zone/0, zone/1, zone/2, zone/3, zone/4, …"),
    ],
)
def test_a_finding_lists_five_producers_at_most(count: int, listed: str) -> None:
    """And says that there are more, and how to choose."""
    _, [finding] = find({"zones": "A.org"}, definition=RULE, others=zones(count))
    assert (finding.code, finding.component, finding.pointer) == ("ambiguous-match", "app/web", "/zones")
    assert finding.message == (
        f"{count} components are a zone with name 'A.org': {listed}. "
        "Name one in depends_on, or make name unique."
    )


def test_a_finding_says_what_was_looked_for() -> None:
    """It may be elsewhere, or forgotten. A value that is no text matches nothing, not even such a name."""
    others = {"zone": {"zone/a": {"name": "none"}, "zone/b": {"name": "b.org"}}}
    _, findings = find({"zones": [7, "a.org"]}, definition=RULE, others=others)
    assert [(f.component, f.pointer) for f in findings] == [("app/web", "/zones/0"), ("app/web", "/zones/1")]
    advice = "here; it may live outside this environment. If it should be here, add its config."
    assert findings[0].message == f"no zone with name '7' {advice}"
    assert findings[1].message == f"no zone with name 'a.org' {advice}"
