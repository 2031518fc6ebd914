"""Byte code beside the sources: Lambda, which cannot write to /var/task, would compile at every cold start.

Each file is checked by no time and no hash (PEP 552, unchecked): the zip holds both, made from each other. A
Lambda runtime of another version looks for files of another name, finds none, and compiles as before.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import MAGIC_NUMBER
from pathlib import Path, PurePosixPath
from typing import Final

HERE: Final = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The version whose byte code this process can make."""
_COMPILER: Final = """
import json, py_compile, sys
for source, target, place in json.load(sys.stdin):
    try:
        py_compile.compile(source, target, place, doraise=True, optimize=0,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    except py_compile.PyCompileError:
        pass  # for another version of Python, and never imported in this one
"""
"""Run in an interpreter of its own: what this one has loaded must not show in the bytes."""


def compiled(files: Mapping[str, Path], cache: Path, *, python: str) -> dict[str, Path]:
    """The byte code of these files, by its name in the zip; none for a Python that this one is not.

    Kept in `cache` by name and content, so that each file is compiled once.
    """
    if python != HERE:
        return {}
    targets = {name: cache / _key(name, path) for name, path in files.items() if name.endswith(".py")}
    missing = [
        (str(files[name]), str(target), f"/var/task/{name}")
        for name, target in sorted(targets.items())
        if not target.is_file()
    ]
    if missing:
        words = [sys.executable, "-I", "-S", "-W", "ignore", "-c", _COMPILER]
        subprocess.run(words, input=json.dumps(missing), text=True, check=True)  # noqa: S603 - our own words
    return {_beside(name): target for name, target in targets.items() if target.is_file()}


def _beside(name: str) -> str:
    """Return the name under which an import looks for the byte code of a source (PEP 3147)."""
    source = PurePosixPath(name)
    return str(source.parent / "__pycache__" / f"{source.stem}.{sys.implementation.cache_tag}.pyc")


def _key(name: str, path: Path) -> str:
    """A file name that follows from all that the byte code follows from."""
    digest = hashlib.sha256(MAGIC_NUMBER)
    digest.update(f"{name}\0".encode())
    digest.update(path.read_bytes())
    return f"{digest.hexdigest()}.pyc"
