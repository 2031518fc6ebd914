"""The check of a pull request as a Prefect flow, started by the webhook."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from flows.deploy import open_for_flow
from flows.hooks import ON_END
from karma_adapters.wiring.bootstrap import open_code_host
from karma_adapters.wiring.reading import read_settings
from karma_core.json_types import JsonObject
from karma_core.use_cases.changes.pull_request import check_pull_request


@flow(
    name="pull-request-check",
    flow_run_name="pull request {number} in {environment}",
    persist_result=False,
    retries=2,
    retry_delay_seconds=20,
    **ON_END,
)
def pull_request_check(
    project: str,
    environment: str,
    repository: str,
    number: int,
    requested_by: str | None = None,
    source: str = "webhook",
    order: str | None = None,
) -> JsonObject:
    """Evaluate and plan what a pull request asks for, and report it as a comment and a commit status.

    Nothing is kept that could be applied. Returns what was said.

    Args:
        project: Folder of the project, with its karma.toml, on the worker's machine.
        environment: Name of the environment.
        repository: OWNER/NAME, one of those listed in [webhooks].
        number: Number of the pull request.
        requested_by: Who asks, as an order of Karma says; a run that names somebody without one is refused.
        source: Entry point of Karma through which it was requested, as its order says.
        order: Id of the order by which Karma vouches for who asks; without it, the worker itself acts.

    """
    workspace = open_for_flow(project, environment, requested_by, source, order)
    settings = read_settings(Path(project))
    checked = check_pull_request(
        workspace,
        open_code_host(settings),
        repository,
        number,
        repositories=settings.webhooks.repositories,
        config_dir=settings.project.config_dir,
    )
    return checked.contract()
