"""A zip whose bytes follow from its files alone: sorted names, one time, fixed rights."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

EARLIEST: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can say."""
LEVEL: Final = 6
"""Of compression; 9 takes three times as long for 1 % less."""
SERVICES: Final = frozenset({"dynamodb", "events", "s3", "ssm", "sts"})
"""AWS services that a function calls: of botocore's 400 models, 100 MB, only theirs are taken."""
_FILE, _PROGRAM = 0o100644 << 16, 0o100755 << 16
_LEFT_OUT: Final = frozenset({".pyc", ".pyi", ".pxd", ".pyx", ".c", ".h", ".typed"})
_KEPT_OF_INFO: Final = frozenset({"METADATA", "entry_points.txt"})
"""Of a distribution's own description: its name and version, which libraries ask for."""


def wanted(path: PurePosixPath) -> bool:
    """Whether a function can need this file of a distribution."""
    parts = path.parts
    if ".." in parts or path.suffix in _LEFT_OUT or {"__pycache__", "tests", "test", "bin"} & set(parts[:-1]):
        return False
    if parts[0].endswith(".dist-info"):
        return path.name in _KEPT_OF_INFO or "licen" in str(path).lower()
    if parts[:2] in {("botocore", "data"), ("boto3", "data")} and len(parts) > 3:  # noqa: PLR2004 - below a service
        return parts[2] in SERVICES
    return parts[:2] != ("boto3", "examples")


def write(target: Path, files: Mapping[str, Path]) -> None:
    """Write the zip of `files` (name in the zip → file), unless it was made of the same ones before."""
    contents = [(name, path.suffix == ".so", path.read_bytes()) for name, path in sorted(files.items())]
    inputs = _digest(contents)
    note = target.with_suffix(".inputs")
    if target.is_file() and note.is_file() and note.read_text() == inputs:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(
        f"{target.name}.{os.getpid()}"
    )  # others may read the old one, or write the same
    with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, program, content in contents:
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _PROGRAM if program else _FILE
            entry.create_system = 3  # Unix, whatever this machine is
            archive.writestr(entry, content)
    scratch.replace(target)
    note.write_text(inputs)


def _digest(contents: Iterable[tuple[str, bool, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, program, content in contents:
        digest.update(f"{name}\0{program}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()
