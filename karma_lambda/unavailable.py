"""Ports of what a function has not: reload actions, a Git work tree, runs to order."""

# ruff: noqa: D102, ARG002 - karma_core.ports says what each method does and takes

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from karma_core.errors import Refused
from karma_core.model import Provenance
from karma_core.ports import Refuse
from karma_core.records import ConfigFile


def _refuse(what: str) -> NoReturn:
    raise Refused(
        f"{what} is not done here",
        why="a function has no modules, no Terraform and no work tree",
        next_step="request a change, or use the command line; workers do it",
        code="no-terraform",
    )


class NoReloader:
    """Reloads nothing."""

    def reload(self, action: dict[str, Any], *, address: str, environment: str, idempotency_key: str) -> str:
        _refuse("reloading")


class NoRepository:
    """No Git directory."""

    def scan(self, environment: str, *, refuse: Refuse | None = None) -> Iterator[ConfigFile]:
        _refuse("reading configs from Git")

    def read(self, file: ConfigFile) -> bytes:
        _refuse("reading configs from Git")

    def write(self, environment: str, address: str, content: bytes | None) -> str:
        _refuse("writing configs to Git")

    def config_at(self, environment: str, address: str, commit: str) -> bytes | None:
        _refuse("reading configs from Git")

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        return {}

    def head(self) -> str | None:
        return None

    def changed_since(self, environment: str, ref: str) -> tuple[set[str], set[str]]:
        _refuse("comparing with Git")


class NoPublishIndex:
    """Remembers no publish."""

    def load(self, environment: str) -> dict[str, tuple[str, str]]:
        return {}

    def save(self, environment: str, entries: Mapping[str, tuple[str, str]], revision: str) -> None:
        _refuse("publishing configs")

    def revision(self, environment: str) -> str | None:
        return None


class NoRuns:
    """Starts nothing: the functions that order runs have a starter."""

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        _refuse(f"starting {flow}")
