"""`depends_on`: what a config says outright."""

from __future__ import annotations

import pytest

from karma_core.model import Severity
from karma_core.references.base import Reference
from tests.unit.karma_core.references.resolving import find, seen


def test_each_address_of_the_list_is_a_reference() -> None:
    """`depends_on` names producers outright, each with its own pointer."""
    assert seen({"depends_on": ["vpc/core", "queue/jobs"]}) == {
        ("vpc/core", "declared", "/depends_on/0"),
        ("queue/jobs", "declared", "/depends_on/1"),
    }


@pytest.mark.parametrize(
    ("declared", "pointer"),
    [
        ("vpc/core", "/depends_on"),
        ({"vpc": "core"}, "/depends_on"),
        (["core"], "/depends_on/0"),
        (["vpc/core", "prod:vpc/core"], "/depends_on/1"),
        (["../../etc/passwd"], "/depends_on/0"),
        ([7], "/depends_on/0"),
    ],
)
def test_what_is_no_address_is_a_finding(declared: object, pointer: str) -> None:
    """A declaration that cannot be followed is said, never dropped."""
    _, findings = find({"depends_on": declared})
    assert [(one.code, one.severity, one.pointer) for one in findings] == [
        ("invalid-name", Severity.ERROR, pointer)
    ]


@pytest.mark.parametrize("declared", [None, []])
def test_nothing_declared_is_nothing(declared: object) -> None:
    """Null and the empty list declare no dependency."""
    assert seen({"depends_on": declared}) == set()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("vpc/core", 'depends_on is not a list; write it like ["vpc/core"]'),
        (["core"], "'core' is not a component's address; write it like vpc/core"),
        ([{"a": 1}], "\"{'a': 1}\" is not a component's address; write it like vpc/core"),
    ],
)
def test_a_finding_says_what_to_write(declared: object, message: str) -> None:
    """On the component, with what stands there."""
    _, [finding] = find({"depends_on": declared})
    assert (finding.component, finding.message) == ("app/web", message)


def test_a_reference_is_the_components_own() -> None:
    """It names no runtime: what is read of the producer is not known here."""
    [reference], _ = find({"depends_on": ["vpc/core"]})
    assert reference == Reference("app/web", "vpc/core", "declared", "/depends_on/0")
