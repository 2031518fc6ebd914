"""Reading local states while Terraform writes them."""

from __future__ import annotations

from pathlib import Path
from threading import Timer

import pytest

from karma_adapters.terraform.backend import LocalBackend
from karma_adapters.terraform.s3_backend import S3Backend, StatePlace
from karma_core.errors import BadInput
from karma_core.state_places import NamedState, StateFolder

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
    with pytest.raises(BadInput, match="cannot be read"):
        backend.state("a/one")


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"version": 4, "outp',
        b"\x00" * 64,
        b"<html>503</html>",
        b"[]",
        b"{}",
        b'{"version": 4, "outputs": []}',
        b'{"version": 4, "outputs": {"v": 1}}',
        b'{"version": 4, "resources": {"a": 1}}',
        b'{"version": 4, "lineage": "\xff"}',
        b'{"version": 4, "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    ],
    ids=range(10),
)
def test_a_damaged_state_is_an_error_of_its_component(state: Path, tmp_path: Path, damaged: bytes) -> None:
    """Truncated, no JSON, or JSON that is no state: one code, and no error that would end a whole run."""
    state.write_bytes(damaged)
    with pytest.raises(BadInput) as caught:
        LocalBackend(tmp_path).state("a/one")
    assert caught.value.code == "state-unreadable"
    assert caught.value.facts["component"] == "a/one"
    assert str(state) in caught.value.why
    assert "terraform.tfstate.backup" in caught.value.next_step


def test_the_core_knows_the_places_that_the_backends_use(tmp_path: Path) -> None:
    """What a remote state is compared with is where the state of a component is."""
    local = LocalBackend(tmp_path).options("vpc/core", "terraform 1.11.4")
    place = StatePlace(bucket="b", prefix="/dev/")
    remote = S3Backend(None, place).options("vpc/core", "terraform 1.11.4")  # type: ignore[arg-type]
    for folder, named in (
        (StateFolder("local", str(tmp_path)), NamedState("local", (("path", local["path"]),))),
        (StateFolder("s3", "dev", "b"), NamedState("s3", (("bucket", "b"), ("key", remote["key"])))),
    ):
        assert named.place is not None
        assert folder.place("vpc/core") == named.place
