"""A load generator: so many HTTP/1.1 connections that are kept open, each asking one thing after another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ask:
    """One request, as its bytes."""

    raw: bytes


@dataclass(frozen=True)
class Load:
    """What a load came to. `seconds` are the answers' times, sorted."""

    per_second: float
    seconds: tuple[float, ...]

    def quantile(self, share: float) -> float:
        """The time that this share of the answers did not exceed."""
        return self.seconds[min(len(self.seconds) - 1, int(share * len(self.seconds)))]


def load(port: int, asks: Sequence[Ask], *, connections: int, seconds: float) -> Load:
    """Ask for so long, over so many connections; RuntimeError where an answer is not 200."""
    return asyncio.run(_load(port, asks, connections, seconds))


async def _load(port: int, asks: Sequence[Ask], connections: int, seconds: float) -> Load:
    started = time.perf_counter()
    until = started + seconds
    work = [_connection(port, asks, place, until) for place in range(connections)]
    times = [taken for of_connection in await asyncio.gather(*work) for taken in of_connection]
    return Load(len(times) / (time.perf_counter() - started), tuple(sorted(times)))


async def _connection(port: int, asks: Sequence[Ask], place: int, until: float) -> list[float]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
    times = []
    while (now := time.perf_counter()) < until:
        writer.write(asks[place % len(asks)].raw)
        place += 1
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise RuntimeError(head.decode())
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        times.append(time.perf_counter() - now)
    writer.close()
    return times
