"""Memory of a server: free memory goes back to the system, and the collector interrupts for moments only.

glibc keeps what was freed between blocks that are still used: under load, with a large graph that is replaced
again and again, a server would hold twice what it needs. `malloc_trim` (glibc; man 3 malloc_trim) gives free
pages back, of all threads' heaps.

Python's own allocator of small objects gives back whole MiB only, which one living object keeps: after heavy
queries a third of a server's memory was never given back. So servers run on the C library's allocator, which
`malloc_trim` can tidy page by page; they answer as fast (`python -m benchmarks callers` and `api`).
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

ALLOCATOR: Final = {"PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "2"}
"""Variables of a server's process: Python takes memory from the C library, whose threads share two heaps."""
COLLECT_AFTER: Final = (5_000, 10, 100)
"""Thresholds of Python's collector. With its own (700, 10, 10) a query of 25,000 fields began full
collections, which stop every thread for 100 to 400 ms; with these the 99th percentile of a wait was below
20 ms (measured on two cores, two such queries at once). Cycles are collected every five million objects."""


def use_c_allocator() -> None:
    """Begin this process anew with `ALLOCATOR`, unless it, or something else, was chosen already.

    Both are read when a process begins, so a program calls this before it does anything else.
    """
    if "PYTHONMALLOC" not in os.environ:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **ALLOCATOR})  # noqa: S606 - itself


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
