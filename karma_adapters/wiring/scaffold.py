"""The files of a new project: an example in an empty folder, settings alone beside what is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from karma_core import ids
from karma_core.errors import BadInput, Refused

CONFIGS: Final = "iac"
MODULES: Final = "components"
_SETTINGS: Final = "# Settings of this project. Paths are relative to this file.\n\n[project]\n"
_SECTION: Final = """
[environments.{name}]
region = "us-east-1"
"""
_MODULE: Final = """\
variable "nickname" {
  type = string
}

variable "config" {
  type = any
}

resource "terraform_data" "greeting" {
  input = "${var.config.greeting} from ${var.nickname}"
}

# What other components may read of this one.
output "runtime" {
  value = {
    id   = terraform_data.greeting.id
    text = terraform_data.greeting.output
  }
}
"""
_TYPE: Final = """\
description: The smallest component, to begin with.
schema:
  type: object
  required: [greeting]
  properties:
    greeting: { type: string }
"""
_IGNORE: Final = ".karma/\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """What a folder holds already. `configs`, `modules`: the folders of configs and of modules."""

    configs: str = ""
    modules: str = ""
    environments: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A project that was started; `written`: the files, sorted, new ones and a longer .gitignore."""

    written: list[str]
    existing: Existing


def start_project(root: Path, environment: str | None = None) -> Started:
    """Write the files; Refused `project-exists` where there is a karma.toml.

    Beside configs or modules it is the settings alone, with the environments that have configs; no file that
    exists is changed but .gitignore, which gets a line.
    """
    if (root / "karma.toml").exists():
        raise Refused(
            f"there is a project in {root.name or root} already",
            why="karma.toml exists",
            next_step="choose another folder, or edit karma.toml",
            code="project-exists",
        )
    existing = examine(root)
    names = [*([environment] if environment else []), *existing.environments] or ["dev"]
    ids.check_environment(names[0])
    files = {"karma.toml": _settings(names, existing)}
    if not existing.configs and not existing.modules:
        files |= {
            f"{MODULES}/hello/main.tf": _MODULE,
            f"{MODULES}/hello/component.yaml": _TYPE,
            f"{CONFIGS}/{names[0]}/hello/world/config.json": '{\n  "greeting": "hello"\n}\n',
        }
    files |= _ignoring(root)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return Started(written=sorted(files), existing=existing)


def examine(root: Path) -> Existing:
    """What there is below a folder, at most two levels down.

    Configs lie as `<folder>/<environment>/<type>/<nickname>/config.json`; the folder of modules is the one
    with the most folders of Terraform files.
    """
    folders = [path for path in _folders(root) for path in (path, *_folders(path))]
    configs = _with_most(root, {f: len(list(f.glob("*/*/*/config.json"))) for f in folders}, CONFIGS)
    modules = _with_most(root, {f: len(list(_modules(f))) for f in folders if f != root / configs}, MODULES)
    return Existing(
        configs=configs,
        modules=modules,
        environments=tuple(path.name for path in _folders(root / configs) if _is_environment(path.name))
        if configs
        else (),
        types=tuple(path.name for path in _modules(root / modules)) if modules else (),
    )


def _with_most(root: Path, counts: dict[Path, int], usual: str) -> str:
    """The folder with the most, the usual one first, relative to the root; empty where all have none."""
    best = max(
        counts, key=lambda path: (path == root / usual and counts[path] > 0, counts[path]), default=root
    )
    return best.relative_to(root).as_posix() if counts.get(best) else ""


def _folders(folder: Path) -> list[Path]:
    """The folders in it, sorted, without hidden ones; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _modules(folder: Path) -> Iterator[Path]:
    """The folders in it that hold Terraform files."""
    return (path for path in _folders(folder) if any(path.glob("*.tf")) or any(path.glob("*.tofu")))


def _is_environment(name: str) -> bool:
    try:
        ids.check_environment(name)
    except BadInput:
        return False
    return True


def _settings(environments: list[str], existing: Existing) -> str:
    keys = [f'default_environment = "{environments[0]}"']
    if existing.configs not in {"", CONFIGS}:
        keys.append(f'config_dir = "{existing.configs}"')
    if existing.modules not in {"", MODULES}:
        keys.append(f'components_dir = "{existing.modules}"')
    sections = "".join(_SECTION.format(name=name) for name in dict.fromkeys(environments))
    return _SETTINGS + "\n".join(keys) + "\n" + sections


def _ignoring(root: Path) -> dict[str, str]:
    """A .gitignore that keeps `.karma/` out of Git; nothing where there is one that does."""
    path = root / ".gitignore"
    before = path.read_text("utf-8") if path.exists() else ""
    if any(line.strip().strip("/") == ".karma" for line in before.splitlines()):
        return {}
    return {".gitignore": before + ("" if before.endswith("\n") or not before else "\n") + _IGNORE}
