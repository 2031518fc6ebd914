"""Reading local states while Terraform writes them."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

from karma_adapters.terraform.backend import LocalBackend
from karma_core.errors import StoreError

WHOLE = b'{"version": 4, "outputs": {}}'


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Where the state of a/one is."""
    path = tmp_path / "a/one/terraform.tfstate"
    path.parent.mkdir(parents=True)
    return path


@pytest.mark.parametrize("half", [b"", WHOLE[:9]])
def test_a_state_that_is_being_written_is_read_whole(state: Path, tmp_path: Path, half: bytes) -> None:
    """Terraform empties the file, then writes: between the two there is neither no state nor a broken one."""
    state.write_bytes(half)
    state.with_name(".terraform.tfstate.lock.info").write_text("{}")
    Timer(0.03, lambda: state.write_bytes(WHOLE)).start()
    assert LocalBackend(tmp_path).state("a/one") == {"version": 4, "outputs": {}}


def test_an_empty_state_is_none_and_a_broken_one_an_error(state: Path, tmp_path: Path) -> None:
    """Nobody writes it: it is what it is."""
    backend = LocalBackend(tmp_path)
    assert backend.state("a/one") is None
    state.write_bytes(b"")
    assert backend.state("a/one") is None
    state.write_bytes(WHOLE[:9])
    with pytest.raises(StoreError, match="cannot be read"):
        backend.state("a/one")
