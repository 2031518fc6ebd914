"""The functions as they are deployed: zips behind an HTTP API, over real HTTP, on the API's contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import local_aws
from tests.api_contract import ApiContract
from tests.api_doors import Door
from tests.integration.serverless_stack import Stack, Worker, deployed

pytestmark = [pytest.mark.xdist_group("gremlin"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployment."""
    with pytest.MonkeyPatch.context() as patch:
        local_aws.credentials(patch)
        with deployed(tmp_path_factory.mktemp("stack")) as found:
            yield found


class TestDeployedFunctions(ApiContract):
    """The suite, through API Gateway and Lambda as ministack runs them."""

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
