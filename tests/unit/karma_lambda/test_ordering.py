"""Who is told of a run: Prefect where the settings name its API, else the event bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_adapters.aws.eventbridge_runs import EventBridgeRuns
from karma_adapters.aws.wiring import AwsStores
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.runs import PrefectRuns
from karma_adapters.wiring.settings import AwsSettings
from karma_core.errors import StoreUnavailable
from karma_core.ports import RunStarter
from karma_core.records import ParameterKind, ParameterWrite
from karma_lambda.ordering import make_starter
from karma_lambda.settings import FunctionSettings, Runs, project_settings
from tests.memory.parameters import MemoryParameters
from tests.memory.state import MemoryState
from tests.memory_system import Clock

PASSWORD = "/karma/prefect"


def starter(runs: dict[str, str], service: dict[str, str], parameters: MemoryParameters) -> RunStarter:
    """The starter of a function with these settings."""
    function = FunctionSettings(project={"service": service}, runs=Runs(**runs))
    settings = project_settings(function)
    clock = Clock()
    stores = AwsStores("dev", "eu-central-1", AwsSettings(), Path("unused"), clock=clock)
    return make_starter(settings, function.runs, parameters, MemoryState(clock=clock), stores)


def test_without_an_api_the_bus_is_told() -> None:
    """No Prefect API is set."""
    assert isinstance(starter({"event_bus": "runs"}, {}, MemoryParameters(clock=Clock())), EventBridgeRuns)


def test_the_api_is_asked_with_the_password_of_now() -> None:
    """The password is read for each order, so that a new one counts at once; without it the order fails."""
    parameters = MemoryParameters(clock=Clock())
    service = {"prefect_api_url": "http://prefect.internal:4200/api"}
    made = starter({"prefect_auth_parameter": PASSWORD}, service, parameters)
    assert isinstance(made, PrefectRuns)
    with pytest.raises(StoreUnavailable, match="password"):
        made.start("change-run", {}, idempotency_key="k")
    parameters.put([ParameterWrite(name=PASSWORD, value="ann:secret", kind=ParameterKind.SECURE)])
    assert made._find() == PrefectApi("http://prefect.internal:4200/api", "ann:secret")
