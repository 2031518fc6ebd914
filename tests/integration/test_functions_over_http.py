"""The functions as they are deployed: zips behind an HTTP API, over real HTTP, on the API's contract."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_core.roles import Role
from tests import local_aws
from tests.api_contract import ApiContract, MoreOfTheApi
from tests.api_doors import Door
from tests.integration.serverless_stack import NAME, Stack, Worker, deployed

pytestmark = [pytest.mark.xdist_group("gremlin"), pytest.mark.timeout(900)]
DEMO = Path(__file__).parents[2] / "examples" / "serverless"
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


def demo(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """One of the demo's scripts, with the credentials of a local AWS."""
    return subprocess.run(
        [sys.executable, str(DEMO / script), *words], capture_output=True, text=True, timeout=60, check=False
    )


class TestMainFunctions(_Deployed, ApiContract):
    """Graph, changes and log, through API Gateway and Lambda as ministack runs them."""

    functions = MAIN

    def test_the_demo_s_steps(self, stack: Stack, tmp_path: Path) -> None:
        """`make demo-serverless`: settings from the outputs, a request with a token, what is left."""
        outputs = tmp_path / "outputs.json"
        outputs.write_text(json.dumps(stack.outputs), "utf-8")
        settings = tomllib.loads(demo("settings.py", str(outputs)).stdout)
        assert settings == stack.outputs["project"]["value"]
        api = stack.outputs["api_id"]["value"]
        asked = demo("ask.py", stack.url, api, stack.tokens[Role.VIEWER], "/graph")
        assert (asked.returncode, asked.stdout.split()[0]) == (0, "200")
        assert "a/one" in asked.stdout
        assert demo("ask.py", stack.url, api, "karma_none.none", "/graph").returncode == 1
        kept = demo("left.py", stack.url, NAME)
        assert (kept.returncode, f"functions: {len(MAIN)} " in kept.stdout) == (0, True)
        assert demo("left.py", stack.url, NAME, "--empty").returncode == 1


if os.environ.get("KARMA_SOAK") == "1":

    @pytest.mark.soak
    class TestAllFunctions(_Deployed, ApiContract, MoreOfTheApi):
        """Every function."""
