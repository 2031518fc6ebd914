"""Who writes a runtime, in a build: findings where nobody can tell, and where two would."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.model import Finding, Kind, Severity
from karma_core.records import Parameter
from tests.unit.graph.environments import applied, built, findings, parameter, parameters

OWN = 'resource "aws_ssm_parameter" "r" {\n  name = "/iac/app/${var.nickname}/runtime"\n}\n'
MAYBE = 'resource "aws_ssm_parameter" "r" {\n  name = "/iac/app/${random_id.x.hex}/runtime"\n}\n'
LATER = 'locals {\n  n = random_id.x.hex\n}\nresource "aws_ssm_parameter" "r" {\n  name = local.n\n}\n'
OTHERS = 'resource "aws_ssm_parameter" "r" {\n  name = "/iac/vpc/core/runtime"\n}\n'
CONFIGS: dict[str, Any] = {"app/web": {}, "vpc/core": {}}


def said(sources: dict[str, str], types: dict[str, Any] | None = None) -> list[tuple[str, str, str, str]]:
    """(code, severity, component, pointer) of every finding."""
    found = findings(parameters(CONFIGS), sources=sources, types=types)
    return [(f.code, f.severity, f.component, f.pointer) for f in found]


@pytest.mark.parametrize(("module", "place"), [(MAYBE, "main.tf:2"), (LATER, "main.tf:5")])
def test_a_name_that_may_be_a_runtime_is_an_error_with_its_place(module: str, place: str) -> None:
    """Karma would write over what the module writes, or leave unwritten what nobody writes."""
    assert said({"app": module}) == [("unresolved-write", Severity.ERROR, "app/web", place)]
    [finding] = findings(parameters(CONFIGS), sources={"app": module})
    assert "`runtime: module` or `runtime: karma`" in finding.message


@pytest.mark.parametrize("writer", ["module", "karma"])
def test_the_type_may_say_who_writes(writer: str) -> None:
    """Then it is no finding any more."""
    assert said({"app": MAYBE}, {"app": {"runtime": writer}}) == []


def test_a_component_whose_module_writes_its_runtime_is_noted() -> None:
    """It is no edge: an edge to itself would be a cycle."""
    made = built(parameters(CONFIGS), sources={"app": OWN})
    assert made.self_written == {"app/web"}
    assert made.graph.edges == ()
    assert said({"app": OWN}) == []


def test_karma_cannot_be_told_to_write_over_a_module() -> None:
    """What is evaluated is certain; what is said against it is an error."""
    found = said({"app": OWN}, {"app": {"runtime": "karma"}})
    assert found == [("runtime-writer", Severity.ERROR, "app/web", "main.tf:2")]
    assert said({"app": OWN}, {"app": {"runtime": "module"}}) == []


@pytest.mark.parametrize("said_of_it", [{}, {"runtime": "karma"}])
def test_two_writers_of_one_runtime_are_an_error(said_of_it: dict[str, str]) -> None:
    """A configured component whose runtime another's module writes: Karma would write it, too."""
    made = findings(parameters(CONFIGS), sources={"app": OTHERS}, types={"vpc": said_of_it})
    [finding] = [one for one in made if one.code == "runtime-writer"]
    assert (finding.component, finding.severity) == ("vpc/core", Severity.ERROR)
    assert "app/web" in finding.message
    allowed = findings(parameters(CONFIGS), sources={"app": OTHERS}, types={"vpc": {"runtime": "module"}})
    assert [one.code for one in allowed] == []
    edges = built(parameters(CONFIGS), sources={"app": OTHERS}).graph.edges
    assert [(edge.source, edge.target, edge.kind) for edge in edges] == [("app/web", "vpc/core", Kind.EMITS)]


BROKEN = parameter("vpc/core/runtime", '{"a": 1, "a": 2}')


def unreadable(found: list[Parameter], **facts: Any) -> Finding:
    """The only finding on a runtime that cannot be read."""
    [finding] = [one for one in findings(found, **facts) if one.code == "runtime-unreadable"]
    assert finding.component == "vpc/core"
    assert "'a' stands twice" in finding.message
    return finding


def test_an_unreadable_runtime_stops_nobody_who_can_write_it_anew() -> None:
    """A warning where it has a config, or was applied, or another's module writes it."""
    config = parameter("vpc/core/config", {})
    assert unreadable([config, BROKEN]).severity is Severity.WARNING
    assert unreadable([BROKEN], records=[applied("vpc/core", {})]).severity is Severity.WARNING
    owner = parameter("app/web/config", {})
    assert unreadable([owner, BROKEN], sources={"app": OTHERS}).severity is Severity.WARNING


def test_an_unreadable_runtime_of_nobody_here_is_an_error() -> None:
    """Whoever consumes it cannot be deployed, and no deploy here helps."""
    consumer = parameter("app/web/config", {"vpc_nickname": "core"})
    assert unreadable([consumer, BROKEN]).severity is Severity.ERROR
