"""Addresses in their parts, and what a finding is about."""

from __future__ import annotations

import pytest

from karma_core.errors import UsageError
from karma_core.ids import Address, is_address, type_of
from karma_core.model import Finding, Scope, Severity, about_environment, about_type


def test_an_address_is_its_type_and_nickname() -> None:
    """Its text is what it was read from; the environment is said only where it is another."""
    address = Address.parse("vpc/core")
    assert (address.type, address.nickname, address.environment) == ("vpc", "core", "")
    assert str(address) == "vpc/core"
    assert type_of("vpc/core") == "vpc"
    assert Address.of("vpc/core") == address


@pytest.mark.parametrize(
    "text", ["vpc", "", "/core", "vpc/", "Vpc/core", "vpc/co re", "vpc/core/more", "dev:vpc/core"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    """As `invalid-name`, with how one is written."""
    with pytest.raises(UsageError) as refused:
        Address.parse(text)
    assert refused.value.code == "invalid-name"
    assert refused.value.next_step
    assert not is_address(text)


@pytest.mark.parametrize(
    ("component", "scope", "name"),
    [
        ("vpc/core", Scope.COMPONENT, "vpc/core"),
        (about_type("vpc"), Scope.TYPE, "vpc"),
        (about_environment("prod"), Scope.ENVIRONMENT, "prod"),
    ],
)
def test_a_finding_says_what_it_is_about(component: str, scope: Scope, name: str) -> None:
    """A component, a type or the environment, each with its name."""
    finding = Finding(code="c", severity=Severity.ERROR, component=component, pointer="", message="m")
    assert (finding.scope, finding.name) == (scope, name)
