"""What `check` blocks of modules warn of: it stops nothing."""

from __future__ import annotations

from typing import Final

from karma_core.model import Finding, Severity

CHECK_FAILED: Final = "check-failed"


def check_failed(address: str, said: str) -> Finding:
    """The warning on a component whose `check` block says this (`check.NAME: message`)."""
    return Finding(code=CHECK_FAILED, severity=Severity.WARNING, component=address, pointer="", message=said)
