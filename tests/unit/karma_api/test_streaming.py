"""Open streams are counted, however they begin and end."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator

import pytest

from karma_api.exchange import Incoming
from karma_api.limits import Limits
from karma_api.metrics import Metrics
from karma_api.problems import TooManyRequests
from karma_api.routes import ROUTES
from karma_api.streaming import OF_ONE, Streams
from karma_core.roles import Role
from tests.served_system import QUICK, ServedSystem

STREAM = next(route for route in ROUTES if route.streams)
LIMITS = Limits(requests_per_second=1e6, burst=1e6, streams=2)


def test_no_more_streams_are_open_than_are_allowed() -> None:
    """Also where they are asked for at the same time; one that nobody ever reads gives its place back."""
    system = ServedSystem(limits=LIMITS)
    incoming = Incoming(headers=system.headers(Role.VIEWER))
    streams = Streams(system.services, Metrics())

    async def ask() -> list[AsyncIterator[bytes] | BaseException]:
        return await asyncio.gather(
            *(streams.begin(STREAM, incoming) for _ in range(6)), return_exceptions=True
        )

    async def rounds() -> None:
        for _ in range(2):
            answer = await ask()
            begun = [one for one in answer if not isinstance(one, BaseException)]
            assert len(begun) == LIMITS.streams
            assert all(isinstance(one, TooManyRequests) for one in answer if isinstance(one, BaseException))
            assert await anext(begun[0]) == b"retry: 2000\n\n"
            del answer, begun
            gc.collect()
            await asyncio.sleep(0.1)

    try:
        asyncio.run(rounds())
    finally:
        system.close()


def test_one_caller_has_few_streams_and_leaves_the_others_theirs() -> None:
    """Of one caller's, the eleventh is refused; another caller's is opened; a closed one counts no more."""
    system = ServedSystem(limits=QUICK)
    streams = Streams(system.services, Metrics())
    greedy, other = (Incoming(headers=system.headers(role)) for role in (Role.VIEWER, Role.OPERATOR))

    async def rounds() -> None:
        begun = [await streams.begin(STREAM, greedy) for _ in range(OF_ONE)]
        with pytest.raises(TooManyRequests, match="too many event streams"):
            await streams.begin(STREAM, greedy)
        assert await anext(await streams.begin(STREAM, other)) == b"retry: 2000\n\n"
        await begun.pop().aclose()
        assert await streams.begin(STREAM, greedy) is not None

    try:
        asyncio.run(rounds())
    finally:
        system.close()
