"""Strings that name a component's parameter."""

from __future__ import annotations

import pytest

from karma_core.references.base import Reference
from tests.unit.karma_core.references.resolving import find, seen


@pytest.mark.parametrize(
    "text",
    [
        "/iac/vpc/core/runtime",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/iac/vpc/core/runtime",
        "{{resolve:ssm:/iac/vpc/core/runtime:3}}",
        "ssm:/iac/vpc/core/runtime",
        "read /iac/vpc/core/runtime.",
    ],
)
def test_a_runtime_is_found_in_every_notation(text: str) -> None:
    """Path, ARN, dynamic reference and prefix notation name the same runtime."""
    references, _ = find({"env": [text]})
    assert references == [Reference("app/web", "vpc/core", "parameter", "/env/0", True)]


def test_a_config_is_a_dependency_that_reads_no_runtime() -> None:
    """Naming a config depends on its component without consuming its runtime."""
    references, _ = find({"source": "/iac/vpc/core/config"})
    assert references == [Reference("app/web", "vpc/core", "parameter", "/source", False)]


def test_every_mention_of_one_string_counts() -> None:
    """One string may name several components."""
    assert seen({"x": "/iac/a/1/runtime,/iac/b/2/config"}) == {
        ("a/1", "parameter", "/x"),
        ("b/2", "parameter", "/x"),
    }


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org/iac/vpc/core/runtime",
        "/other/iac/vpc/core/runtime",
        "/iac/vpc/core/runtime/extra",
        "/iac/vpc/core/runtimes",
        "/iac/VPC/core/runtime",
        "/iacx/vpc/core/runtime",
        "/iac/vpc/core",
    ],
)
def test_similar_strings_are_no_references(text: str) -> None:
    """Longer paths, URLs and other prefixes are not ours."""
    assert seen({"x": text}) == set()


def test_the_prefix_is_literal() -> None:
    """A dot in the prefix matches a dot only."""
    assert seen({"x": "/a.b/vpc/core/runtime"}, prefix="/a.b") == {("vpc/core", "parameter", "/x")}
    assert seen({"x": "/a.b/vpc/core/runtime /axb/vpc/core/runtime"}, prefix="/axb") == {
        ("vpc/core", "parameter", "/x")
    }


def test_names_are_of_ascii_only() -> None:
    """A letter of another script before the path is a delimiter, and none inside a name."""
    assert seen({"x": "é/iac/vpc/core/runtime"}) == {("vpc/core", "parameter", "/x")}
    assert seen({"x": "/iac/vpc/core/runtimeé"}) == {("vpc/core", "parameter", "/x")}
