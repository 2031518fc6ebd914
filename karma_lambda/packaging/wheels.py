"""The locked distributions for the machine that runs the functions, fetched by pip, checked by hash."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

PLATFORMS: Final = {
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
}
"""Wheel platforms by Lambda architecture. Amazon Linux 2023, on which Python 3.12 and later run, has glibc
2.34; Amazon Linux 2, with 2.26, takes the later two (Lambda Developer Guide, "Lambda runtimes")."""
_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==", re.MULTILINE)


def fetched(names: Iterable[str], lock: Path, cache: Path, *, python: str, architecture: str) -> Path:
    """The folder with these distributions unpacked; made once for the same pins."""
    pins = locked(names, lock)
    seal = hashlib.sha256(f"{python} {architecture}\n{pins}".encode()).hexdigest()[:16]
    folder = cache / f"wheels-{seal}"
    if folder.is_dir():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=cache))
    wanted = scratch.with_name(f"{scratch.name}.txt")  # its own: others may fetch the same at the same time
    wanted.write_text(pins)
    platforms = [word for name in PLATFORMS[architecture] for word in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--require-hashes"]
    target = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python, *platforms]
    subprocess.run([*pip, *target, "--target", scratch, "-r", wanted], check=True)  # noqa: S603 - our own words
    wanted.unlink()
    try:
        scratch.rename(folder)
    except OSError:  # another process was faster, with the same
        shutil.rmtree(scratch)
    return folder


def locked(names: Iterable[str], lock: Path) -> str:
    """The lock's entries of these distributions, with their hashes, in the lock's order."""
    pinned: dict[str, list[str]] = {}
    for block in re.split(r"\n(?=\S)", lock.read_text()):
        match = _PIN.match(block)
        if match is not None:  # there may be several, for different versions of Python
            pinned.setdefault(canonicalize_name(match["name"]), []).append(block)
    wanted = sorted(set(names))
    missing = [name for name in wanted if name not in pinned]
    if missing:
        raise SystemExit(f"{lock.name} does not name {', '.join(missing)}: run `make lock`")
    return "".join(f"{block}\n" for name in wanted for block in pinned[name])


def files_of(name: str, folder: Path) -> list[Path]:
    """The files of one distribution, relative to the folder."""
    for dist_info in folder.glob("*.dist-info"):
        distribution = Distribution.at(dist_info)
        if canonicalize_name(distribution.name) == name:
            return sorted(Path(str(file)) for file in distribution.files or [])
    raise SystemExit(f"{folder} does not hold {name}")
