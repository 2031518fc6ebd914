"""Memory of a server: free memory goes back to the system, and the collector interrupts for moments only.

glibc keeps what was freed between blocks that are still used: under load, with a large graph that is replaced
again and again, a server would hold twice what it needs. `malloc_trim` (glibc; man 3 malloc_trim) gives free
pages back, of all threads' heaps.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

COLLECT_AFTER: Final = (5_000, 10, 100)
"""Thresholds of Python's collector. With its own (700, 10, 10) a query of 25,000 fields began full
collections, which stop every thread for 100 to 400 ms; with these the 99th percentile of a wait was below
20 ms (measured on two cores, two such queries at once). Cycles are collected every five million objects."""


@contextmanager
def calm_collector() -> Iterator[None]:
    """Collect less often, and never what the process began with, while requests are served."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def tidy() -> None:
    """Collect all cycles, and give free pages back."""
    gc.collect()
    give_back()


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
