"""`requirements.lock` as it is: every package with version, hashes and who asks for it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[1]
LOCK: Final = ROOT / "requirements.lock"
PROJECT: Final = ROOT / "pyproject.toml"
_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(?P<version>[^ ;\\]+)(?P<rest>.*)$")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA: Final = re.compile(r"^ {4}#(?: via|  ) +(?P<name>[A-Za-z0-9._-]+)(?: .*)?$")
OWN: Final = "karma"


@dataclass(frozen=True, kw_only=True)
class Package:
    """A locked package. `marker` says where it is installed; empty: everywhere. `via` are those that ask."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    via: tuple[str, ...]

    @property
    def purl(self) -> str:
        """Its package URL (purl specification, type pypi)."""
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[Package]:
    """The packages of a lock file as `uv pip compile` writes it, in its order."""
    return [_package(block) for block in _blocks(text)]


def runtime_names(packages: list[Package], project: str) -> frozenset[str]:
    """Names of the packages that an installation without extras has: those that the project names, and on."""
    needed = tomllib.loads(project)["project"]["dependencies"]
    asks: dict[str, list[str]] = {}
    for package in packages:
        for asking in package.via:
            asks.setdefault(asking, []).append(package.name)
    waiting: list[str] = [canonicalize_name(Requirement(text).name) for text in needed]
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += asks.get(name, [])
    return frozenset(names)


def _blocks(text: str) -> Iterator[list[str]]:
    """The lines of each package."""
    block: list[str] = []
    for line in text.splitlines():
        if line and not line.startswith((" ", "#")):
            if block:
                yield block
            block = [line]
        elif block:
            block.append(line)
    if block:
        yield block


def _package(lines: list[str]) -> Package:
    pin = _PIN.match(lines[0])
    if pin is None:
        raise ValueError(f"this is no pinned package: {lines[0]}")
    via = [match["name"] for line in lines[1:] if (match := _VIA.match(line))]
    return Package(
        name=canonicalize_name(pin["name"]),
        version=pin["version"],
        marker=pin["rest"].strip(" \\").removeprefix(";").strip(),
        hashes=tuple(_HASH.findall("\n".join(lines))),
        via=tuple(canonicalize_name(name) for name in via),
    )
