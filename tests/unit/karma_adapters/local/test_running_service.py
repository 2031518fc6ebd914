"""The record of what `karma up` runs, and which Prefect API is taken."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from karma_adapters.local.running_service import Part, RunningService
from karma_adapters.prefect.api import PrefectApi
from karma_adapters.prefect.discovery import find_api, require_api
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import StoreUnavailable


def part(kind: str, supervisor: int, url: str = "") -> Part:
    """A part of some supervisor."""
    return Part(name=kind, kind=kind, pid=1, supervisor=supervisor, url=url)


def ended_process() -> int:
    """The pid of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_several_supervisors_share_the_record(tmp_path: Path) -> None:
    """Each replaces its own parts; with the last one the file goes."""
    record = RunningService(tmp_path)
    mine, other = os.getpid(), os.getppid()
    record.replace(mine, [part("server", mine, "http://127.0.0.1:1/api")])
    record.replace(other, [part("worker", other)])
    assert [p.kind for p in record.parts()] == ["server", "worker"]
    assert record.url("server") == "http://127.0.0.1:1/api"
    assert (tmp_path / "service.json").stat().st_mode & 0o077 == 0
    record.replace(mine, [])
    assert [p.kind for p in record.parts()] == ["worker"]
    record.replace(other, [])
    assert not (tmp_path / "service.json").exists()


def test_what_a_dead_supervisor_wrote_does_not_count(tmp_path: Path) -> None:
    """It was killed, and could not take its entry back."""
    dead = ended_process()
    RunningService(tmp_path).replace(dead, [part("server", dead, "http://127.0.0.1:1/api")])
    assert RunningService(tmp_path).parts() == ()
    assert RunningService(tmp_path).url("server") == ""


@pytest.mark.parametrize("content", ["", "{", "[]", '{"services": 1}', '{"services": [{"name": 1}]}'])
def test_a_file_that_is_not_ours_is_no_service(tmp_path: Path, content: str) -> None:
    """Commands then do as if none ran."""
    (tmp_path / "service.json").write_text(content)
    assert RunningService(tmp_path).parts() == ()


def test_which_api_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's own variable, else the setting, else the running service, else none."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    settings = read_settings(tmp_path)
    assert find_api(settings, {}) is None
    with pytest.raises(StoreUnavailable) as caught:
        require_api(settings)
    assert caught.value.code == "prefect"
    pid = os.getpid()
    RunningService(settings.state_dir).replace(pid, [part("server", pid, "http://127.0.0.1:1/api")])
    assert find_api(settings, {}) == PrefectApi("http://127.0.0.1:1/api")
    monkeypatch.setenv("KARMA_SERVICE__PREFECT_API_URL", "https://prefect.example.org/api")
    monkeypatch.setenv("KARMA_SERVICE__PREFECT_AUTH", "karma:secret")
    chosen = find_api(read_settings(tmp_path), {})
    assert chosen == PrefectApi("https://prefect.example.org/api", "karma:secret")
    assert chosen.variables() == {
        "PREFECT_API_URL": "https://prefect.example.org/api",
        "PREFECT_API_AUTH_STRING": "karma:secret",
    }
    own = {"PREFECT_API_URL": "http://127.0.0.1:2/api/"}
    assert find_api(read_settings(tmp_path), own) == PrefectApi("http://127.0.0.1:2/api", "karma:secret")


def test_a_server_that_is_away_does_not_answer() -> None:
    """Commands on this machine then start one of their own."""
    assert not PrefectApi("http://127.0.0.1:9/api").answers()
