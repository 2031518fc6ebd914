"""Exit codes (docs/errors.md), chosen from the class of an error here and nowhere else."""

from __future__ import annotations

from typing import Final

from karma_core.errors import (
    BadInput,
    Conflict,
    KarmaError,
    Refused,
    StaleLease,
    UsageError,
    ValidationFailed,
)

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
CHANGES: Final = 2
"""With --detailed-exitcode, as Terraform has it."""
INVALID: Final = 3
NOT_APPLIED: Final = 4
INTERRUPTED: Final = 130

_BY_CLASS: Final[tuple[tuple[type[KarmaError], int], ...]] = (
    (UsageError, USAGE),
    (BadInput, INVALID),
    (ValidationFailed, INVALID),
    (Refused, NOT_APPLIED),
    (StaleLease, FAILED),
    (Conflict, NOT_APPLIED),
)


def exit_code(error: KarmaError) -> int:
    """The exit code of an error: the first class in the table that it belongs to, else 1."""
    return next((code for kind, code in _BY_CLASS if isinstance(error, kind)), FAILED)
