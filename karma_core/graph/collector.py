"""Python's cyclic garbage collector, kept out of work that only builds."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No cyclic collection inside; as a decorator, during each call.

    A build makes millions of live objects and no cyclic garbage, and every pass of the collector walks all
    of them to find nothing: measured, 12 % of a build of 10,000 components and 30 % of one of 100,000.
    What goes out of use is freed all the same, by its reference count. The switch is the process's: of two
    builds in two threads, the one that ends first ends the pause of both, which costs time only.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
