"""`python -m karma_lambda.packaging`: the functions' zips, with their sizes and import times."""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Final

from rich.console import Console
from rich.table import Table

from karma_api.registry import FUNCTIONS
from karma_core.json_types import JsonObject
from karma_lambda.handlers import modules_of
from karma_lambda.packaging import archive, bytecode, cold, wheels
from karma_lambda.packaging.describing import described
from karma_lambda.packaging.needs import Needs, needs_of

ROOT: Final = Path(__file__).parents[2]
CACHE: Final = ROOT / "build" / "lambda" / "cache"
"""What was fetched."""
MOST_BYTES: Final = 25_000_000
"""Ours: half of what Lambda takes by a direct upload (Lambda Developer Guide, "Lambda quotas")."""


def build(
    out: Path,
    chosen: list[str] | None = None,
    *,
    python: str = "3.11",
    architecture: str = "x86_64",
    cache: Path = CACHE,
) -> dict[str, Path]:
    """Write the zips of the functions (default: all) and return them by name."""
    needs = {name: needs_of(modules_of(FUNCTIONS[name]), ROOT) for name in chosen or FUNCTIONS}
    every = {distribution for need in needs.values() for distribution in need.distributions}
    folder = wheels.fetched(
        every, ROOT / "requirements.lock", cache, python=python, architecture=architecture
    )
    made = {}
    for name, need in needs.items():
        made[name] = out / f"{name}.zip"
        files = _files(need, folder)
        archive.write(made[name], files | bytecode.compiled(files, cache / "bytecode", python=python))
    documents = {name: {**described(name), **_packed(path)} for name, path in made.items()}
    (out / "functions.json").write_text(json.dumps(documents, indent=2, sort_keys=True))
    return made


def _packed(path: Path) -> JsonObject:
    """The zip, and the digest by which Lambda tells whether it has it."""
    digest = hashlib.sha256(path.read_bytes()).digest()
    return {"sha256": base64.b64encode(digest).decode(), "zip": path.name}


def _files(need: Needs, folder: Path) -> dict[str, Path]:
    files = {path.as_posix(): ROOT / path for path in need.files}
    for distribution in need.distributions:
        for path in wheels.files_of(distribution, folder):
            if archive.wanted(PurePosixPath(path)) and (folder / path).is_file():
                files[path.as_posix()] = folder / path
    return files


def main() -> int:
    """Build all, and show what came out; 1 where a zip is too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lambda")
    parser.add_argument("--python", default="3.11")
    parser.add_argument("--architecture", choices=sorted(wheels.PLATFORMS), default="x86_64")
    options = parser.parse_args()
    made = build(options.out, python=options.python, architecture=options.architecture)
    table = Table("function", "MB", "cold import, s")
    for name, path in made.items():
        seconds = cold.load_seconds(path, f"from karma_lambda.functions import {name}")
        table.add_row(
            name, f"{path.stat().st_size / 1e6:.1f}", "not here" if seconds is None else f"{seconds:.2f}"
        )
    Console().print(table)
    if options.python != bytecode.HERE:
        Console().print(f"without byte code: this Python is {bytecode.HERE}, not {options.python}")
    return int(any(path.stat().st_size > MOST_BYTES for path in made.values()))


if __name__ == "__main__":
    raise SystemExit(main())
