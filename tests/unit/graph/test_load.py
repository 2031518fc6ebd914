"""From parameters to an inventory: names, values, provenance, and what is wrong with them."""

from __future__ import annotations

import pytest

from karma_core.model import Provenance, Severity
from karma_core.provenance import describe
from karma_core.records import Parameter, ParameterKind
from karma_core.strictjson import digest
from tests.unit.graph.environments import applied, inventory, parameter


def codes(stored: list[Parameter]) -> list[tuple[str, str]]:
    """(code, component) of every finding of the load."""
    return sorted((one.code, one.component) for one in inventory(stored).findings)


def test_config_runtime_and_record_meet_at_one_address() -> None:
    """A component is everything that is known of one address."""
    config = {"cidr": "10.0.0.0/16"}
    stock = inventory(
        [parameter("vpc/core/config", config, version=3), parameter("vpc/core/runtime", {"id": "v"})],
        [applied("vpc/core", config)],
    )
    (loaded,) = stock.components.values()
    assert loaded.config is not None
    assert loaded.runtime is not None
    assert loaded.applied is not None
    assert (loaded.type, loaded.nickname) == ("vpc", "core")
    assert (loaded.config.value, loaded.config.digest) == (config, digest(config))
    assert loaded.config.parameter.version == 3


def test_components_are_sorted_by_address() -> None:
    """Parameters sort by name, components by address; the two differ."""
    stored = [parameter(f"{name}/config", {}) for name in ("a-b/x", "a/y", "a/x-1", "a/x")]
    assert list(inventory(stored).components) == ["a-b/x", "a/x", "a/x-1", "a/y"]


def test_other_parameters_are_ignored() -> None:
    """What is neither a config nor a runtime of a type and nickname is no component."""
    stored = [
        parameter(name, "anything")
        for name in (
            "vpc/core/notes",
            "vpc/config",
            "a/b/c/config",
            "config",
            "vpc/core/config/old",
            "_policy",
            "_modules/config",
            "_modules/vpc/config",
        )
    ]
    stock = inventory(stored)
    assert (stock.components, stock.findings, stock.binding) == ({}, (), None)


def test_the_binding_is_kept_apart() -> None:
    """The parameter that names the environment is no component."""
    stock = inventory([parameter("environment", {"name": "dev"})])
    assert stock.components == {}
    assert stock.binding is not None


@pytest.mark.parametrize("address", ["VPC/core", "vpc/-x", "vpc/a b", "vpc/x\n", "../core", "v%2f/core"])
def test_a_bad_name_is_a_finding_and_no_component(address: str) -> None:
    """Names are checked before anything else touches them."""
    stock = inventory([parameter(f"{address}/config", {})])
    assert stock.components == {}
    assert [(one.code, one.severity) for one in stock.findings] == [("invalid-name", Severity.ERROR)]
    assert "\n" not in stock.findings[0].message


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ('{"a": 1,\n "b": }', "invalid-json", ":2:7"),
        ('{"a": 1, "a": 2}', "invalid-json", "'a' stands twice"),
        ("[1]", "not-an-object", "an array"),
        ("", "invalid-json", ":1:1"),
        ("\ud800", "invalid-json", "not Unicode"),
    ],
)
@pytest.mark.parametrize("what", ["config", "runtime"])
def test_a_value_that_is_no_object_is_a_finding_with_its_place(
    text: str, code: str, said: str, what: str
) -> None:
    """A broken value is said with line and column, and its component stays."""
    stock = inventory([parameter(f"vpc/core/{what}", text)])
    (finding,) = stock.findings
    assert (finding.code, finding.component) == (code, "vpc/core")
    assert f"/iac/vpc/core/{what}" in finding.message
    assert said in finding.message
    held = getattr(stock.components["vpc/core"], what)
    assert (held.value, held.broken) == (None, True)


def test_a_secure_value_is_known_by_its_version_only() -> None:
    """A SecureString is not decrypted: its version stands for its value."""
    secret = parameter("db/main/runtime", None, version=4, kind=ParameterKind.SECURE)
    held = inventory([secret]).components["db/main"].runtime
    assert held is not None
    assert (held.value, held.digest, held.broken) == (None, "secure:v4", False)


def test_addresses_that_differ_by_case_are_both_named() -> None:
    """File systems and people take them for one."""
    stored = [parameter("vpc/Core/config", {}), parameter("vpc/core/config", {})]
    assert codes(stored) == [("duplicate-address", "vpc/Core"), ("duplicate-address", "vpc/core")]


def test_a_parameter_listed_twice_counts_once() -> None:
    """The higher version wins, whatever the order, and it is said."""
    stored = [parameter("a/b/config", {"v": 2}, version=10), parameter("a/b/config", {"v": 7}, version=9)]
    assert codes(stored) == [("duplicate-address", "a/b")]
    for order in (stored, stored[::-1]):
        held = inventory(order).components["a/b"].config
        assert held is not None
        assert held.value == {"v": 2}


WHOLE = Provenance(commit="c0ffee", path="a/b/config.json", dirty=True, change="ch1")


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        (describe(WHOLE), WHOLE),
        ('{"karma":1}', Provenance()),
        ("written by hand", None),
        ('{"karma": 7}', None),
        ('{"karma": ', None),
        ('{"other": {"commit": "c"}}', None),
        ("", None),
    ],
)
def test_provenance_is_read_from_karmas_own_descriptions(
    description: str, expected: Provenance | None
) -> None:
    """What publishing wrote is read back; what others wrote is no provenance, and no error."""
    loaded = inventory([parameter("a/b/config", {}, description=description)]).components["a/b"]
    assert loaded.provenance == expected
