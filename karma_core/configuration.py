"""Which files of a directory make a module, and in which order: the one place that decides it.

Terraform reads `.tf` and `.tf.json`. OpenTofu also reads `.tofu` and `.tofu.json`, and of two files with the
same name before the ending only that (its documentation: Files and Directories). Override files come after
all others, in the order of their names (Terraform's documentation: Override Files).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

TERRAFORM_ENDINGS: Final = (".tf", ".tf.json")
ENDINGS: Final = (*TERRAFORM_ENDINGS, ".tofu", ".tofu.json")
NATIVE: Final = (".tf", ".tofu")
JSON: Final = (".tf.json", ".tofu.json")


class Engine(StrEnum):
    """The program that runs modules."""

    TERRAFORM = "terraform"
    OPENTOFU = "opentofu"


def is_configuration(name: str) -> bool:
    """Whether one of the engines reads the file as configuration (they skip hidden and backup files)."""
    skipped = name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))
    return not skipped and name.endswith(ENDINGS)


def is_override(name: str) -> bool:
    """Whether a configuration file changes what the others say."""
    base = name[: -len(_ending(name))]
    return base == "override" or base.endswith("_override")


def in_order(names: Iterable[str], engine: Engine) -> list[str]:
    """The names of the files that the engine reads, in its order: override files last."""
    candidates = {name for name in names if is_configuration(name)}
    if engine is Engine.TERRAFORM:
        read = {name for name in candidates if name.endswith(TERRAFORM_ENDINGS)}
    else:
        read = {name for name in candidates if _alternative(name) not in candidates}
    return sorted(read, key=lambda name: (is_override(name), name))


def engine_of(program: str) -> Engine:
    """The engine by the name of its program: a path, a name on PATH, or empty for Terraform."""
    name = program.replace("\\", "/").rpartition("/")[2].lower()
    return Engine.OPENTOFU if "tofu" in name else Engine.TERRAFORM


def _ending(name: str) -> str:
    return next(ending for ending in (*JSON, *NATIVE) if name.endswith(ending))


def _alternative(name: str) -> str:
    """The file that OpenTofu reads in this one's place; empty for a file of its own."""
    ending = _ending(name)
    return name[: -len(ending)] + ending.replace(".tf", ".tofu") if ending in TERRAFORM_ENDINGS else ""
