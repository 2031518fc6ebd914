"""What the operating system refuses (files, processes, the disk), in Karma's words with stable codes.

Adapters translate where they know what failed; what still reaches the command line is translated there.
"""

from __future__ import annotations

import errno
from typing import Final, NamedTuple, TypeVar

from karma_core.errors import KarmaError, StoreError


class Refusal(NamedTuple):
    """The stable code of a kind of refusal, and what to do about it."""

    code: str
    next_step: str


_FILES: Final = Refusal(
    code="too-few-files", next_step="raise the limit of open files (`ulimit -n`), or lower `parallelism`"
)
_DENIED: Final = Refusal(
    code="permission-denied",
    next_step="run Karma as the user who owns the project's folder, or give this user access to the path",
)
_FULL: Final = Refusal(code="disk-full", next_step="make room on the disk, then run the command again")
_OTHER: Final = Refusal(code="os-error", next_step="correct what the reason names, then run it again")
_BY_NUMBER: Final = {
    errno.EMFILE: _FILES,
    errno.ENFILE: _FILES,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.EROFS: _DENIED,
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
}
_Error = TypeVar("_Error", bound=KarmaError)


def refusal_of(error: OSError) -> Refusal:
    """The code and the next step of an error of the operating system, by its number."""
    return _BY_NUMBER.get(error.errno or 0, _OTHER)


def reason_of(error: OSError) -> str:
    """What the system says, with the path that it is about."""
    said = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {said}" if error.filename is not None else said


def as_karma_error(error: OSError, what: str, kind: type[_Error]) -> _Error:
    """The error as one of Karma's; `what` says what failed."""
    refusal = refusal_of(error)
    return kind(what, why=reason_of(error), next_step=refusal.next_step, code=refusal.code)


def at_the_entry_point(error: OSError) -> StoreError:
    """The error of a command that nothing below had a name for."""
    return as_karma_error(error, "a file or a process that Karma needs cannot be used", StoreError)
