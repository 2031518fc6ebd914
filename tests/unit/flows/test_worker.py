"""A worker's start: it waits for the Prefect server, for a while."""

from __future__ import annotations

import pytest

from flows import worker
from karma_adapters.prefect.api import PrefectApi
from karma_core.errors import StoreUnavailable

URL = "http://127.0.0.1:9/api"
"""No server listens on the discard port."""


class LateApi(PrefectApi):
    """One that answers from the third time on."""

    asked = 0

    def answers(self) -> bool:
        """Whether it is up by now."""
        type(self).asked += 1
        return self.asked > 2


def test_a_server_that_comes_up_later_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """That it is waited for is said once."""
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    worker.await_server(LateApi(URL), seconds=60)
    assert LateApi.asked == 3
    assert capsys.readouterr().err == f"waiting for the Prefect server at {URL}\n"


def test_one_that_does_not_come_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """With an error that names it, not with Prefect's after hundreds of lines."""
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    with pytest.raises(StoreUnavailable) as caught:
        worker.await_server(PrefectApi(URL), seconds=0.1)
    assert (caught.value.code, caught.value.what) == (
        "prefect",
        f"the Prefect server at {URL} does not answer",
    )
