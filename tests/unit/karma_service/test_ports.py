"""Which port a part gets."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from karma_core.errors import SettingsError
from karma_service.ports import choose_port


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield int(listening.getsockname()[1])


def test_the_usual_port_or_a_free_one(taken: int) -> None:
    """Where nobody set a port, a second project on the machine gets another."""
    free = choose_port("api.port", 0, taken)
    assert choose_port("api.port", None, free) == free
    assert choose_port("api.port", None, taken) != taken


def test_a_port_that_was_set_is_that_or_an_error(taken: int) -> None:
    """Whoever set it relies on it."""
    free = choose_port("api.port", 0, taken)
    assert choose_port("api.port", free, 1) == free
    with pytest.raises(SettingsError) as caught:
        choose_port("api.port", taken, 1)
    assert caught.value.code == "port-in-use"
    assert "api.port" in caught.value.why
