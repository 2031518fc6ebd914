"""Findings on faulty configs of the work tree, with their places."""

from __future__ import annotations

from karma_core.errors import BadInput, ValidationFailed
from karma_core.model import Finding, Severity, to_builtins


def finding_of(error: BadInput, *, component: str, file: str | None = None) -> Finding:
    """Why a config cannot be published, with its file, line and column where they are known."""
    place = file or str(error.facts.get("file", component))
    if "line" in error.facts:
        place = f"{place}:{error.facts['line']}:{error.facts['column']}"
    why = f": {error.why}" if error.why else ""
    return Finding(
        code=error.code,
        severity=Severity.ERROR,
        component=component,
        pointer=place,
        message=f"{error.what}{why}; {error.next_step}",
    )


def raise_findings(findings: list[Finding]) -> None:
    """ValidationFailed with all findings, if there are any."""
    if not findings:
        return
    findings = sorted(findings, key=lambda finding: finding.order)
    first = findings[0]
    raise ValidationFailed(
        f"{len(findings)} of the configs cannot be published; nothing was",
        why=f"{first.pointer}: {first.code}: {first.message}",
        next_step="correct every place in the findings, then publish again",
        findings=to_builtins(findings),
    )
