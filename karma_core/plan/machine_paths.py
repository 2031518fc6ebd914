"""Absolute paths of this machine that reach a resource: another machine would plan a change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from karma_core.model import Finding, Severity

MACHINE_PATH: Final = "machine-path"
_NAMED: Final = 3
"""Resources that the message names. Ours."""


def machine_path_finding(address: str, resources: Sequence[str]) -> Finding:
    """The warning that names the resources."""
    named = ", ".join(resources[:_NAMED])
    more = f" and {len(resources) - _NAMED} more" if len(resources) > _NAMED else ""
    return Finding(
        code=MACHINE_PATH,
        severity=Severity.WARNING,
        component=address,
        pointer="",
        message=f"the path of Karma's working directory on this machine stands in {named}{more}: a plan on "
        "another machine changes it. Use path.module, without abspath or path.cwd",
    )
