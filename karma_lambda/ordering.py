"""Starts runs from a function: on the Prefect API if the settings name one, else by an EventBridge bus."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_adapters.aws.wiring import AwsStores
from karma_adapters.wiring.settings import Sections
from karma_core import ports
from karma_core.errors import StoreUnavailable
from karma_lambda.settings import Runs

if TYPE_CHECKING:
    from karma_adapters.prefect.api import PrefectApi


def make_starter(
    settings: Sections,
    runs: Runs,
    parameters: ports.ParameterStore,
    state: ports.StateStore,
    stores: AwsStores,
) -> ports.RunStarter:
    """The starter that the settings name. Nothing is asked before the first order."""
    url = settings.service.prefect_api_url
    if url:
        from karma_adapters.prefect.runs import PrefectRuns  # noqa: PLC0415 - httpx is for Prefect alone

        return PrefectRuns(partial(_prefect, url, runs.prefect_auth_parameter, parameters))
    return EventBridgeRuns(stores.service("events"), runs.event_bus or "default", state)


def _prefect(url: str, parameter: str, parameters: ports.ParameterStore) -> PrefectApi:
    """The API with its password of now; StoreUnavailable where it cannot be read."""
    from karma_adapters.prefect.api import PrefectApi  # noqa: PLC0415 - as above

    if not parameter:
        return PrefectApi(url)
    password = parameters.get(parameter, decrypt=True)
    if password is None or password.value is None:
        raise StoreUnavailable(
            "the Prefect API's password cannot be read",
            why=f"there is no parameter {parameter}",
            next_step="create it as a SecureString that holds USER:PASSWORD",
            code="prefect",
        )
    return PrefectApi(url, password.value)
