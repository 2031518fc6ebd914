"""A Prefect API that stops to answer in the middle of a run: what Karma recorded stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from flows import local
from flows.lost_server import is_prefects, only_shown
from karma_adapters.wiring.settings import Settings
from karma_core.errors import KarmaError, StoreUnavailable

RECORDED: dict[str, Any] = {
    "run_id": "R1",
    "status": "succeeded",
    "change_id": None,
    "components": [{"address": "a/one", "status": "applied", "reason": "never applied", "seconds": 1.0}],
    "warnings": ["said before"],
}
LOST = (
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("too late"),
    RuntimeError("Failed to reach API at x"),
)


@pytest.mark.parametrize("error", LOST, ids=type)
def test_a_run_that_was_recorded_keeps_its_result(error: Exception, tmp_path: Path) -> None:
    """The deploy succeeded: so does the command, with a warning that Prefect has not the end of it."""
    result = local._without_prefect(error, [RECORDED], Settings(root=tmp_path))
    assert (result.status, result.run_id) == ("succeeded", "R1")
    assert result.warnings[0] == "said before"
    assert "Prefect did not record the end" in result.warnings[1]


@pytest.mark.parametrize("error", LOST, ids=type)
def test_a_run_without_a_result_is_a_typed_error(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """StoreUnavailable `prefect`, with the address that was asked and what to do."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9/api does not answer") as caught:
        local._without_prefect(error, [], Settings(root=tmp_path))
    assert caught.value.code == "prefect"
    assert caught.value.next_step


def test_a_defect_is_not_called_a_lost_server(tmp_path: Path) -> None:
    """An error of ours is raised as it is, also where something was recorded."""
    with pytest.raises(ValueError, match="ours"):
        local._without_prefect(ValueError("ours"), [RECORDED], Settings(root=tmp_path))
    assert not is_prefects(KarmaError("ours"))
    with pytest.raises(ValueError, match="ours"), only_shown():
        raise ValueError("ours")


def test_what_is_only_shown_fails_no_run() -> None:
    """A table in the Prefect UI is worth less than the run."""
    with only_shown():
        raise httpx.ConnectError("refused")
