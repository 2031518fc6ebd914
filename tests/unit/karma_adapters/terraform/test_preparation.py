"""Preparing Terraform's data directories, by several at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from karma_adapters.terraform.backend import LocalBackend
from karma_adapters.terraform.preparation import Initialiser, Preparation


def _job(root: Path, *, version: str = "terraform 1.11.0") -> Preparation:
    staged = root / "work"
    staged.mkdir(exist_ok=True)
    return Preparation(
        staged=staged, data=root / "data", module="sha256:m", version=version, backend="sha256:b"
    )


def test_of_several_at_once_one_initialises(tmp_path: Path) -> None:
    """The others would replace files under the commands that follow."""
    initialiser = Initialiser(tmp_path / "cache", LocalBackend(tmp_path / "states"))
    calls: list[float] = []

    def init() -> None:
        calls.append(time.monotonic())
        time.sleep(0.2)

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(lambda _: initialiser.prepare(_job(tmp_path), init), range(4)):
            pass
    assert len(calls) == 1


def test_another_version_is_initialised_anew(tmp_path: Path) -> None:
    """Once a version, and again when the first is back."""
    initialiser = Initialiser(tmp_path / "cache", LocalBackend(tmp_path / "states"))
    calls: list[str] = []
    for version in ("1", "1", "2", "2", "1"):
        initialiser.prepare(_job(tmp_path, version=version), lambda v=version: calls.append(v))  # type: ignore[misc]
    assert calls == ["1", "2", "1"]
