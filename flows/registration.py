"""Registers Karma in a Prefect API: work pool, deployments, schedules, limits, automations.

    python -m flows.registration PROJECT [--pool-type TYPE]

The deployments are those of prefect.yaml, with the project's folder and environments filled in. It can be
repeated: what is there already is brought up to date. Flows are imported by module path, wherever Karma is
installed, so the same deployments serve every type of work pool: no run pulls a folder.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.flows import Flow
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings
from prefect.utilities.callables import parameter_schema

from flows.automations import register_automations
from flows.limits import limit_name
from flows.no_pull import STEP
from karma_adapters.prefect.discovery import require_api
from karma_adapters.processes.programs import ending_in_words
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Settings
from karma_core.errors import Refused, StoreUnavailable, UsageError
from karma_core.ids import shown
from karma_core.json_types import JsonObject

POOL: Final = "karma"
POOL_TYPE: Final = "process"
FORMER: Final = ("approve-change",)
"""Deployments of earlier versions. This one took a token as a parameter, which Prefect keeps."""
RECONCILE_SECONDS: Final = 300
"""Ours: a dead worker's leases live a minute by default; nobody waits much longer for what it left."""

ANCHOR: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""Any fixed moment: schedules count from it."""


class NotByPrefect(Refused):
    """`prefect deploy` would put other deployments in the place of those that are registered here."""

    code = "prefect-deploy"


def refuse_prefect_deploy() -> None:
    """Build step of prefect.yaml, by which `prefect deploy` ends before it changes anything.

    It knows neither the project's folder nor its environments: forms, schedules, limits and automations would
    be missing. NotByPrefect, always.
    """
    raise NotByPrefect(
        "`prefect deploy` registers nothing of Karma's",
        why="its deployments would have no project, no schedules of your environments and no limits",
        next_step="run `python -m flows.registration PROJECT`, which makes all of them, and the work pool",
    )


def main(project: str, pool_type: str = "") -> None:
    """Register for a project, on the Prefect API that it uses; StoreUnavailable `prefect`.

    `pool_type` is the type of the work pool, empty: that of the pool that is there, else a process pool.
    UsageError where the pool is of another type, or Prefect has none of that name.
    """
    settings = read_settings(Path(project).resolve())
    api = require_api(settings)
    its = {PREFECT_API_URL: api.url, PREFECT_API_AUTH_STRING: api.auth or None}
    try:
        with temporary_settings(its), get_client(sync_client=True) as client:
            _register(client, settings, pool_type)
    except httpx.HTTPError as error:
        raise StoreUnavailable(
            f"Karma could not be registered at {api.url}",
            why=str(error),
            next_step="see to it that the server runs, and that its address and password are right",
            code="prefect",
        ) from error


def _register(client: SyncPrefectClient, settings: Settings, pool_type: str) -> None:
    steps: list[JsonObject] = [] if _make_pool(client, pool_type) == POOL_TYPE else [{STEP: {}}]
    for environment in settings.environment_names():
        _limit_runs(client, settings, environment)
    for body in deployments():
        _deploy(client, settings, body, steps)
    _remove_former(client)
    register_automations(client, settings.service.notice_url)


def deployments() -> list[JsonObject]:
    """The deployments of prefect.yaml: beside the package in a checkout, inside it where it is installed."""
    here = Path(__file__).parent
    path = next(p for p in (here / "prefect.yaml", here.parent / "prefect.yaml") if p.is_file())
    entries: list[JsonObject] = yaml.safe_load(path.read_text("utf-8"))["deployments"]
    return entries


def schedules(settings: Settings, flow: str) -> list[DeploymentScheduleCreate]:
    """One schedule for each environment; none for a flow that is not scheduled.

    Intervals of different environments begin at different times, so that their runs do not start all at once.
    """
    service, names = settings.service, settings.environment_names()
    seconds = {"graph-rebuild": service.rebuild_seconds, "reconcile": RECONCILE_SECONDS}.get(flow, 0)
    planned: list[DeploymentScheduleCreate] = []
    for place, name in enumerate(names):
        chosen: Any = None
        if seconds:
            shift = timedelta(seconds=seconds * (place + (0.5 if flow == "reconcile" else 0)) / len(names))
            chosen = IntervalSchedule(interval=timedelta(seconds=seconds), anchor_date=ANCHOR + shift)
        elif flow == "drift-check" and service.drift_cron:
            chosen = CronSchedule(cron=service.drift_cron, timezone="UTC")
        if chosen is not None:
            given = {"environment": name}
            planned.append(DeploymentScheduleCreate(schedule=chosen, parameters=given, slug=f"{flow}-{name}"))
    return planned


def form(flow: Flow[..., Any], environments: list[str], project: str) -> JsonObject:
    """The flow's parameters as a JSON Schema, from which the UI makes a form; environments are a choice.

    The project is this one and no other, and nothing beside the parameters is taken.
    """
    schema: JsonObject = parameter_schema(flow.fn).model_dump_for_openapi()
    schema["properties"]["project"]["enum"] = [project]
    schema["additionalProperties"] = False
    if environments:
        schema["properties"]["environment"]["enum"] = environments
    return schema


def job_template() -> JsonObject:
    """How a worker starts a run's process: nothing of it can be set by a deployment or a run.

    Prefect's own template lets a run set the command, the variables and the working directory.
    """
    return {
        "job_configuration": {"stream_output": True},
        "variables": {"type": "object", "properties": {}, "additionalProperties": False},
    }


def _make_pool(client: SyncPrefectClient, pool_type: str) -> str:
    """Make the pool, or bring the template of a process pool up to date, and return its type."""
    wanted = pool_type or POOL_TYPE
    template = job_template() if wanted == POOL_TYPE else _prefects_template(client, wanted)
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type=wanted, base_job_template=template))
    except ObjectAlreadyExists:
        existing: str = client.read_work_pool(POOL).type
        if pool_type and existing != pool_type:
            raise UsageError(
                f"the work pool {POOL} is of type {existing}, not {pool_type}",
                next_step=f"leave --pool-type out, or delete it first: `prefect work-pool delete {POOL}`",
            ) from None
        if existing == POOL_TYPE:
            client.update_work_pool(POOL, WorkPoolUpdate(base_job_template=job_template()))
        return existing
    return wanted


def _prefects_template(client: SyncPrefectClient, pool_type: str) -> JsonObject:
    """The job template that Prefect has for a type of pool; its variables are the operator's to set."""
    types = {
        name: worker for workers in client.read_worker_metadata().values() for name, worker in workers.items()
    }
    if pool_type not in types:
        raise UsageError(
            f"Prefect knows no work pool of type {shown(pool_type)!r}",
            why=f"it knows {', '.join(sorted(types))}",
            next_step="name one of them",
        )
    template: JsonObject = types[pool_type]["default_base_job_configuration"]
    return template


def _remove_former(client: SyncPrefectClient) -> None:
    """Delete the deployments that an earlier Karma has registered and that there are no more."""
    for name in FORMER:
        try:
            former = client.read_deployment_by_name(f"{name}/{name}")
        except ObjectNotFound:
            continue
        client.delete_deployment(former.id)


def _limit_runs(client: SyncPrefectClient, settings: Settings, environment: str) -> None:
    """One deploy of an environment at a time; of changes, which know each other's cones, several."""
    client.upsert_global_concurrency_limit_by_name(limit_name("deploy", environment), 1)
    many = settings.service.runs_per_environment
    client.upsert_global_concurrency_limit_by_name(limit_name("change", environment), many)


def _deploy(
    client: SyncPrefectClient, settings: Settings, body: JsonObject, pull_steps: list[JsonObject]
) -> None:
    """One deployment; its flow is imported by module path, wherever the worker has Karma installed."""
    file, _, name = str(body["entrypoint"]).partition(":")
    module = file.removesuffix(".py").replace("/", ".")
    flow: Flow[..., Any] = getattr(import_module(module), name)
    environments = settings.environment_names()
    default = settings.project.default_environment or (environments[0] if environments else None)
    client.create_deployment(
        client.create_flow(flow),
        body["name"],
        entrypoint=f"{module}.{name}",
        description=body["description"],
        tags=body["tags"],
        work_pool_name=POOL,
        pull_steps=pull_steps,
        parameters={"project": str(settings.root)} | ({"environment": default} if default else {}),
        parameter_openapi_schema=form(flow, environments, str(settings.root)),
        enforce_parameter_schema=True,
        schedules=schedules(settings, body["name"]),
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m flows.registration", description="Register in Prefect.")
    parser.add_argument("project", help="folder with the karma.toml, at the path where the runs find it")
    parser.add_argument(
        "--pool-type",
        default="",
        help="type of the work pool: process, docker, ecs, kubernetes (default: as it is, else process)",
    )
    chosen = parser.parse_args()
    with ending_in_words("flows.registration"):
        main(chosen.project, chosen.pool_type)
