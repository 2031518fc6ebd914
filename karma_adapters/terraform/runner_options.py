"""Where the runner keeps its own, how long Terraform may take, and who hears of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from karma_core.json_types import JsonObject

APPLIES: Final = "applies"
"""The folder of the applies' records, in an environment's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Directories:
    """Where the runner keeps its own.

    Data directories, copies of modules, private plans, what applies wrote that are not settled, plugins.
    """

    data: Path
    work: Path
    private: Path
    applies: Path
    cache: Path

    @classmethod
    def below(cls, root: Path) -> Directories:
        """The usual places below one directory."""
        root = root.absolute()
        names = ("data", "work", "private", APPLIES, "cache")
        return cls(**{name: root / name for name in names})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """How long Terraform may take, and how long it may save its work once it is interrupted.

    `plan` counts for every command but an apply. A lock on a state is waited for as long as `lock`.
    """

    plan: int = 3_600
    apply: int = 6 * 3_600
    save: int = 600
    lock: int = 60


USUAL: Final = Seconds()


def say_nothing(_event: str, _facts: JsonObject) -> None:
    """Nobody listens."""
