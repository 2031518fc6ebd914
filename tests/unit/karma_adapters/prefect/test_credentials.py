"""The password of a project's own Prefect server: made once, for its owner alone, handed to who needs it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from karma_adapters.local.running_service import Part, RunningService
from karma_adapters.prefect.credentials import Credentials, new_credentials
from karma_adapters.prefect.discovery import find_api
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import StoreUnavailable

URL = "http://127.0.0.1:1/api"


def test_it_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    """Of many at once, all get the same; folder and file are closed to others."""
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: Credentials(tmp_path).ensure(), range(64)))
    assert made == {Credentials(tmp_path).read()}
    file = Credentials(tmp_path).path
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]
    user, _, password = made.pop().partition(":")
    assert (user, len(password) >= 43) == ("karma", True)
    assert len({new_credentials() for _ in range(100)}) == 100


def test_one_that_others_could_read_counts_no_longer(tmp_path: Path) -> None:
    """Somebody may have it already."""
    before = Credentials(tmp_path).ensure()
    Credentials(tmp_path).path.chmod(0o644)
    after = Credentials(tmp_path).ensure()
    assert after != before
    assert Credentials(tmp_path).path.stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """No server is started without a password."""
    (tmp_path / "service").write_text("no folder")
    with pytest.raises(StoreUnavailable) as caught:
        Credentials(tmp_path).ensure()
    assert caught.value.code == "prefect-auth"


def test_the_running_server_is_asked_with_it_and_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where Prefect's variable names that server; a password that is set comes first."""
    settings = read_settings(tmp_path)
    part = Part(name="server", kind="server", pid=1, supervisor=os.getpid(), url=URL)
    RunningService(settings.state_dir).replace(os.getpid(), [part])
    own = Credentials(settings.state_dir).ensure()
    asked = [find_api(settings, {}), find_api(settings, {"PREFECT_API_URL": f"{URL}/"})]
    assert [api and api.auth for api in asked] == [own, own]
    other = find_api(settings, {"PREFECT_API_URL": "https://prefect.example.org/api"})
    assert other is not None
    assert other.auth == ""
    monkeypatch.setenv("KARMA_SERVICE__PREFECT_AUTH", "ann:secret")
    chosen = find_api(read_settings(tmp_path), {})
    assert chosen is not None
    assert chosen.auth == "ann:secret"
