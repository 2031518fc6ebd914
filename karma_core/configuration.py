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


_NAMES_OF_THINGS: Final = {
    "resource": frozenset({"depends_on", "provider"}),
    "data": frozenset({"depends_on", "provider"}),
    "ephemeral": frozenset({"depends_on", "provider"}),
    "module": frozenset({"depends_on", "providers", "source", "version"}),
    "output": frozenset({"depends_on"}),
    "lifecycle": frozenset({"ignore_changes", "replace_triggered_by"}),
}
"""Arguments by the type of their block that hold names of things, and no expression of a value."""


class Engine(StrEnum):
    """The program that runs modules."""

    TERRAFORM = "terraform"
    OPENTOFU = "opentofu"


def is_configuration(name: str) -> bool:
    """Whether one of the engines reads the file as configuration (they skip hidden and backup files)."""
    skipped = name.startswith(".") or name.endswith("~") or (name.startswith("#") and name.endswith("#"))
    return not skipped and name.endswith(ENDINGS)


def is_values(name: str) -> bool:
    """Whether Terraform takes values of a root module's variables from the file without being told to."""
    plain = name.removesuffix(".json")
    return plain == "terraform.tfvars" or (plain.endswith(".auto.tfvars") and not plain.startswith("."))


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


def holds_value(block_type: str, argument: str) -> bool:
    """Whether an argument of a block of this type holds an expression of a value, which may read anything."""
    return argument not in _NAMES_OF_THINGS.get(block_type, ())


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
