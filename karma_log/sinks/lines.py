"""Complete lines of a file, forwards and backwards, in constant memory.

Only a line with its newline is complete. Offsets are bytes from the start of the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

_BLOCK: Final = 1 << 16
"""Bytes read at once. Ours: some hundred events, so that the head is found by one read."""


def complete_end(fd: int, size: int) -> int:
    """Offset behind the last newline among the first `size` bytes; 0 if there is none."""
    position = size
    while position > 0:
        start = max(0, position - _BLOCK)
        newline = os.pread(fd, position - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        position = start
    return 0


def forwards(fd: int, start: int, end: int) -> Iterator[bytes]:
    """Lines, without their newline, from offset `start` to `end`; both are line boundaries."""
    rest = b""
    while start < end:
        block = os.pread(fd, min(_BLOCK, end - start), start)
        if not block:
            return  # the file was cut meanwhile
        start += len(block)
        *complete, rest = (rest + block).split(b"\n")
        yield from complete


def backwards(fd: int, end: int) -> Iterator[tuple[int, bytes]]:
    """(offset, line without its newline) from the line that ends at the boundary `end` to the first."""
    rest = b""
    position = end
    step = _BLOCK
    while position > 0:
        start = max(0, position - step)
        block = os.pread(fd, position - start, start) + rest
        position = start
        boundary = len(block) - 1
        while (newline := block.rfind(b"\n", 0, boundary)) >= 0:
            yield start + newline + 1, block[newline + 1 : boundary]
            boundary = newline
        rest = block[: boundary + 1]
        if len(rest) == len(block):
            step *= 2  # a line longer than the block: read more at once, or its copying is quadratic
    if rest:
        yield 0, rest[:-1]
