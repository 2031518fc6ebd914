"""Returns free memory to the system.

glibc keeps what was freed between blocks that are still used: under load, with a large graph that is replaced
again and again, a server would hold twice what it needs. `malloc_trim` (glibc; man 3 malloc_trim) gives free
pages back, of all threads' heaps.
"""

from __future__ import annotations

import ctypes
from functools import cache


def give_back() -> None:
    """Give free pages back; nothing where the C library cannot. Takes milliseconds."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


@cache
def _malloc_trim() -> ctypes._NamedFuncPointer | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, TypeError, AttributeError):  # another C library, or another system
        return None
