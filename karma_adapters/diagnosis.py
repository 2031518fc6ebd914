"""What `karma doctor` looks at: tools, settings, folders, stores. Each check says what to do."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from karma_adapters.bootstrap import open_workspace
from karma_adapters.settings import Settings, read_settings
from karma_adapters.terraform.binary import find
from karma_core.errors import KarmaError
from karma_core.model import Record
from karma_core.use_cases.binding import check_binding
from karma_core.workspace import Workspace


class Check(Record, frozen=True, kw_only=True):
    """One check. `status`: ok, warning or failed."""

    name: str
    status: str
    found: str
    next_step: str = ""


def examine(root: Path, environment: str | None) -> tuple[Check, ...]:
    """All checks, in the order in which they build on each other; later ones only if earlier ones allow."""
    checks = [_python(), _git()]
    name = "settings"
    try:
        settings = read_settings(root)
        checks += [_ok(name, str(root)), *_folders(settings), _terraform(settings), _prefect(settings)]
        name = "environment"
        workspace = open_workspace(settings, environment)
    except KarmaError as error:
        return (*checks, _failed(name, error))
    return (*checks, _ok(name, workspace.name), *_stores(workspace))


def _ok(name: str, found: str) -> Check:
    return Check(name=name, status="ok", found=found)


def _failed(name: str, error: KarmaError) -> Check:
    return Check(
        name=name, status="failed", found=f"{error.what}. {error.why}".strip(), next_step=error.next_step
    )


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return _ok("python", found)


def _git() -> Check:
    path = shutil.which("git")
    if path is None:
        return Check(
            name="git",
            status="warning",
            found="not on PATH",
            next_step="install git: without it configs have no commit, and --changed cannot work",
        )
    return _ok("git", path)


def _folders(settings: Settings) -> Iterator[Check]:
    for name, folder in (("configs", settings.config_dir), ("modules", settings.components_dir)):
        if folder.is_dir():
            yield _ok(name, str(folder))
        else:
            yield Check(
                name=name,
                status="warning",
                found=f"{folder} does not exist",
                next_step="create it, or `karma init`",
            )


def _terraform(settings: Settings) -> Check:
    try:
        found = find(settings.terraform.binary)
    except KarmaError as error:
        return _failed("terraform", error)
    return _ok("terraform", " ".join(found.words))


def _prefect(settings: Settings) -> Check:
    if settings.project.orchestrator == "direct":
        return _ok("orchestrator", "direct")
    api = os.environ.get("PREFECT_API_URL")
    return _ok("orchestrator", f"prefect at {api}" if api else "prefect, a server of its own for each run")


def _stores(workspace: Workspace) -> Iterator[Check]:
    """Read from each store once."""
    probes: tuple[tuple[str, Callable[[], object]], ...] = (
        ("parameters", workspace.parameters.revision),
        ("binding", lambda: check_binding(workspace)),
        ("state", workspace.state.chain_head),
        ("graph", lambda: workspace.graph.current(workspace.name)),
        ("log", lambda: list(workspace.log.events(limit=1))),
        ("terraform version", workspace.terraform.version),
    )
    for name, probe in probes:
        try:
            found = probe()
        except KarmaError as error:
            yield _failed(name, error)
        else:
            yield _ok(name, found if isinstance(found, str) and name == "terraform version" else "answers")
