"""The only place that wires: from settings to a workspace."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ulid import ULID

from karma_adapters import failpoints
from karma_adapters.child_environment import allowed
from karma_adapters.directory_artifacts import DirectoryArtifacts
from karma_adapters.git_repository import GitConfigRepository
from karma_adapters.local_parameters import LocalParameters
from karma_adapters.modules import ModuleDirectory
from karma_adapters.processes import Processes
from karma_adapters.publish_index import FilePublishIndex
from karma_adapters.reload import Reloads
from karma_adapters.settings import Settings
from karma_adapters.sqlite_graph import SqliteGraphStore
from karma_adapters.sqlite_state import SqliteState
from karma_adapters.terraform import binary
from karma_adapters.terraform.backend import LocalBackend
from karma_adapters.terraform.runner import Directories, TerraformRunner
from karma_core.ports import Modules, Say
from karma_core.workspace import Actor, Workspace
from karma_log.log import Log
from karma_log.sinks.base import Sink
from karma_log.sinks.file import FileSink
from karma_log.sinks.sqlite import SqliteSink


def say_nothing(_event: str, _facts: dict[str, Any]) -> None:
    """Progress that nobody listens to."""


def open_workspace(
    settings: Settings,
    environment: str | None,
    *,
    source: str = "cli",
    user: str | None = None,
    flow_run: str | None = None,
    say: Say = say_nothing,
) -> Workspace:
    """One environment of a project, wired. Stores are opened, nothing is written and nothing started."""
    failpoints.install(os.environ)
    chosen = settings.choose_environment(environment)
    folder = settings.state_dir / chosen.name
    state = SqliteState(folder / "state.sqlite")
    processes = Processes()
    environ = allowed(os.environ, settings.terraform.pass_environment)
    modules = ModuleDirectory(
        settings.components_dir,
        archive=settings.state_dir / "modules",
        cache=settings.state_dir / "cache",
        allowed_sources=settings.terraform.allowed_module_sources,
    )
    return Workspace(
        environment=chosen,
        parameters=LocalParameters(folder / "parameters.sqlite", clock=utc_now),
        graph=SqliteGraphStore(folder / "graph.sqlite"),
        state=state,
        log=_log(settings, folder, state, say),
        artifacts=DirectoryArtifacts(folder / "artifacts"),
        modules=modules,
        terraform=_terraform(settings, chosen.name, modules, processes, environ),
        reloader=_reloads(settings, chosen.region, processes, environ),
        repository=GitConfigRepository(
            settings.root, configs=settings.project.config_dir, modules=settings.project.components_dir
        ),
        publish_index=FilePublishIndex(settings.state_dir / "publish"),
        actor=Actor(user=user or current_user(), source=source, flow_run=flow_run),
        clock=utc_now,
        new_id=new_id,
        say=say,
    )


def _terraform(
    settings: Settings, environment: str, modules: Modules, processes: Processes, environ: dict[str, str]
) -> TerraformRunner:
    folder = settings.state_dir / environment
    return TerraformRunner(
        binary.find(settings.terraform.binary),
        modules=modules,
        backend=LocalBackend(folder / "tfstate"),
        directories=Directories(
            data=folder / "terraform", private=folder / "private", cache=settings.state_dir / "cache"
        ),
        environment=environ,
        processes=processes,
        lock_timeout_seconds=settings.terraform.lock_timeout_seconds,
    )


def _reloads(settings: Settings, region: str, processes: Processes, environ: dict[str, str]) -> Reloads:
    return Reloads(
        directory=settings.root,
        environment=environ,
        processes=processes,
        allowed_hosts=settings.reload.allowed_hosts,
        region=region,
        aws_endpoint_url=settings.reload.aws_endpoint_url,
    )


def open_log_of(settings: Settings, environment: str | None, *, say: Say = say_nothing) -> Log:
    """An environment's log alone, for reading and verifying."""
    folder = settings.state_dir / settings.choose_environment(environment).name
    return _log(settings, folder, SqliteState(folder / "state.sqlite"), say)


def _log(settings: Settings, folder: Path, state: SqliteState, say: Say) -> Log:
    """The log over the chosen sinks, the required one first."""
    required = settings.log.required
    copies = [_sink(name, folder, durable=False) for name in settings.log.sinks if name != required]
    return Log(_sink(required, folder, durable=True), state, copies=copies, say=say)


def _sink(name: str, folder: Path, *, durable: bool) -> Sink:
    if name == "file":
        return FileSink(folder / "log.jsonl", durable=durable)
    return SqliteSink(folder / "log.sqlite", durable=durable)


def utc_now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A ULID: sorts by time, unique without asking anybody."""
    return str(ULID())


def current_user() -> str:
    """Who acts: KARMA_USER, else the login name."""
    return os.environ.get("KARMA_USER") or getpass.getuser()
