"""`karma up`: the parts to start, their order, and their status."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from karma_adapters.local.running_service import Part, RunningService
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.credentials import Credentials
from karma_adapters.prefect.discovery import find_api, require_api
from karma_adapters.wiring.settings import Settings
from karma_core.errors import Conflict
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_service.child import Spec
from karma_service.console import Console
from karma_service.parts import Parts, own_server, service_folder
from karma_service.registry import Registry, own_database
from karma_service.supervisor import OWN, Supervisor

Kind = Literal["server", "worker", "api"]
KINDS: tuple[Kind, ...] = ("server", "worker", "api")
Ready = Callable[[JsonObject], None]


def up(settings: Settings, only: Sequence[Kind], ready: Ready) -> None:
    """Run the service until SIGINT or SIGTERM. `ready` gets the status document when all parts are healthy.

    `only` names the parts to run, none: all. Conflict `service-running` where this project has a server or an
    API already; more workers may always be started.
    """
    chosen = tuple(only) or _usual(settings)
    folder = service_folder(settings)
    record = RunningService(settings.state_dir)
    with _alone(folder, chosen, record):
        parts = Parts(settings, _api(settings, chosen))
        rest = [parts.rest()] if "api" in chosen else []
        workers = [parts.worker(n + 1) for n in range(settings.service.workers)] if "worker" in chosen else []
        console = Console(folder / "up.log")
        try:
            with Supervisor(folder, console, record) as supervisor:
                supervisor.take_signals()
                _start(supervisor, parts, chosen, rest, workers)
                supervisor.watch(
                    lambda: _say_ready(console, supervisor.parts(), settings, ready),
                    _registry(supervisor, parts, chosen, console, settings),
                )
        finally:
            console.close()


def _usual(settings: Settings) -> tuple[Kind, ...]:
    """Return all parts, without the server if the settings name another one's API."""
    return tuple(kind for kind in KINDS if kind != "server" or not settings.service.prefect_api_url)


def _start(
    supervisor: Supervisor, parts: Parts, chosen: Sequence[Kind], rest: list[Spec], workers: list[Spec]
) -> None:
    """Server and API side by side, then what the workers need, then the workers."""
    supervisor.bring_up([*([parts.server()] if "server" in chosen else []), *rest])
    if "server" in chosen or "worker" in chosen:
        supervisor.run_once(parts.registration())
    supervisor.bring_up(workers)


def _registry(
    supervisor: Supervisor, parts: Parts, chosen: Sequence[Kind], console: Console, settings: Settings
) -> Callable[[], None]:
    """What keeps Karma's deployments in the server; nothing where only the API is run."""
    if "server" not in chosen and "worker" not in chosen:
        return lambda: None
    home = settings.state_dir / "prefect"
    return Registry(
        parts.known,
        register=lambda: supervisor.run_once(parts.registration()),
        restart=lambda: supervisor.restart("server"),
        say=lambda line: console.say(OWN, line),
        database=own_database(home) if "server" in chosen else None,
    )


def _api(settings: Settings, chosen: Sequence[Kind]) -> PrefectApi:
    """Return the API of the server to be started here, or else the existing one."""
    if "server" in chosen:
        return own_server(settings)
    if "worker" in chosen:
        return require_api(settings)
    return find_api(settings) or PrefectApi("")


def status(settings: Settings) -> JsonObject:
    """The status document of what runs now; with the password that a server of this project has made.

    One that somebody has set is theirs to know, and not told.
    """
    parts = RunningService(settings.state_dir).parts()
    document = _document(parts, settings)
    if any(part.kind == "server" for part in parts) and not settings.service.prefect_auth.reveal():
        document["prefect_auth"] = Credentials(settings.state_dir).read()
    return document


def _document(parts: Sequence[Part], settings: Settings) -> JsonObject:
    return {
        "status": "running" if parts else "stopped",
        "project": str(settings.root),
        "services": to_builtins(list(parts)),
    }


def _say_ready(console: Console, parts: Sequence[Part], settings: Settings, ready: Ready) -> None:
    urls = {part.kind: part.url for part in parts}
    if urls.get("api", "").startswith("unix:"):
        console.say(OWN, f"API          {urls['api']}")
    elif urls.get("api"):
        console.say(OWN, f"API          {urls['api']} (described at {urls['api']}/openapi.json)")
        console.say(OWN, f"pages        {urls['api']}/ui/")
    if urls.get("server"):
        signing_in = "`karma up --status` tells its password"
        console.say(OWN, f"Prefect UI   {urls['server'].removesuffix('/api')} ({signing_in})")
    console.say(OWN, "ready; Ctrl-C ends everything")
    ready(_document(parts, settings))


@contextmanager
def _alone(folder: Path, chosen: Sequence[Kind], record: RunningService) -> Iterator[None]:
    """Hold the places of the parts that a project has once."""
    held = []
    try:
        for kind in [kind for kind in chosen if kind != "worker"]:
            lock = (folder / f"{kind}.lock").open("a")
            held.append(lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Conflict(
                    f"the service of this project already has its {kind}",
                    why=f"it listens at {record.url(kind) or 'a port that it has not said yet'}",
                    next_step="use it, or end that `karma up` first",
                    code="service-running",
                ) from error
        yield
    finally:
        for lock in held:
            lock.close()
