"""The functions as they are deployed: zips behind an HTTP API, over real HTTP, on the API's contract."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import local_aws
from tests.api_contract import ApiContract, MoreOfTheApi
from tests.api_doors import Door
from tests.integration.serverless_stack import Stack, Worker, deployed

pytestmark = [pytest.mark.xdist_group("gremlin"), pytest.mark.timeout(900)]
MAIN = ["changes", "graph", "health", "log"]
"""What the first suite asks. Each function more takes seconds to deploy here."""


@pytest.fixture(scope="class")
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployment of the class's functions."""
    with pytest.MonkeyPatch.context() as patch:
        local_aws.credentials(patch)
        with deployed(tmp_path_factory.mktemp("stack"), request.cls.functions) as served:
            yield served


class _Deployed:
    """Fixtures of a suite over the deployment with `functions` (None: all)."""

    functions: list[str] | None = None

    @pytest.fixture
    def api(self, stack: Stack) -> Door:
        """The HTTP API."""
        return stack.api

    @pytest.fixture
    def service(self, stack: Stack) -> Door:
        """The service, on the same stores."""
        return stack.service

    @pytest.fixture
    def environment(self, stack: Stack) -> Worker:
        """Who does what is ordered."""
        return stack.worker


class TestMainFunctions(_Deployed, ApiContract):
    """Graph, changes and log, through API Gateway and Lambda as ministack runs them."""

    functions = MAIN


if os.environ.get("KARMA_SOAK") == "1":

    @pytest.mark.soak
    class TestAllFunctions(_Deployed, ApiContract, MoreOfTheApi):
        """Every function."""
