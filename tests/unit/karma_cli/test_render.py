"""What people see of findings."""

from __future__ import annotations

import pytest

from karma_cli import render
from karma_core.model import Finding, Severity


def finding(severity: Severity, code: str, number: int) -> Finding:
    """One of many."""
    return Finding(code=code, severity=severity, component=f"site/n{number:03}", pointer="", message="said")


def test_every_error_is_shown_and_a_repeated_warning_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning that a large fleet repeats takes 50 lines and a count; errors are never left out."""
    errors = [finding(Severity.ERROR, "self-reference", n) for n in range(60)]
    warnings = [finding(Severity.WARNING, "declared-never-read", n) for n in range(1100)]
    other = [finding(Severity.WARNING, "unresolved-reference", 1)]

    render.findings([*errors, *warnings, *other])

    said = capsys.readouterr().err
    assert said.count("error: self-reference: ") == 60
    assert said.count("warning: declared-never-read: ") == 50
    assert said.count("warning: unresolved-reference: ") == 1
    assert "… and 1,050 more of declared-never-read; --json lists them all." in said
    assert said.count("… and") == 1


def test_a_finding_about_no_component_has_no_empty_place(capsys: pytest.CaptureFixture[str]) -> None:
    """A freeze is about the environment."""
    freeze = Finding(
        code="policy-freeze", severity=Severity.ERROR, component="", pointer="", message="no changes now"
    )
    render.findings([freeze])
    assert capsys.readouterr().err == "error: policy-freeze: no changes now\n"
    assert freeze.said == "policy-freeze: no changes now"
