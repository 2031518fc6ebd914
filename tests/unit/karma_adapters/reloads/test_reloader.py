"""Reload actions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.processes.children import Processes
from karma_adapters.reloads.reloader import Reloads
from karma_core.errors import DeployFailed, UsageError


def _reload(directory: Path, action: dict[str, object]) -> str:
    reloads = Reloads(
        directory=directory,
        environment={"PATH": os.environ["PATH"]},
        processes=Processes(grace_seconds=1),
        allowed_hosts=(),
        access=Access(region="us-east-1"),
    )
    return reloads.reload(action, address="api/main", environment="prod", idempotency_key="k-1")


def test_a_command_gets_its_placeholders(tmp_path: Path) -> None:
    """They are replaced inside a word, in the project's directory; other braces stay."""
    words = [
        "sh",
        "-c",
        'printf "%s\\n" "$@" > done',
        "x",
        "{address}:{nickname}",
        "{environment}/{key}",
        "{other} {}",
    ]
    assert _reload(tmp_path, {"command": words}) == "ran sh"
    assert (tmp_path / "done").read_text().splitlines() == ["api/main:main", "prod/k-1", "{other} {}"]


def test_a_failed_command_says_its_last_lines(tmp_path: Path) -> None:
    """Code, exit code and output are in the error."""
    with pytest.raises(DeployFailed) as caught:
        _reload(tmp_path, {"command": ["sh", "-c", "echo no such host >&2; exit 7"]})
    error = caught.value
    assert (error.code, error.why, error.facts["exit_code"]) == ("reload-failed", "no such host", 7)


def test_a_command_has_its_time(tmp_path: Path) -> None:
    """After timeout_seconds it is ended."""
    with pytest.raises(DeployFailed) as caught:
        _reload(tmp_path, {"command": ["sleep", "100"], "timeout_seconds": 0.2})
    assert caught.value.code == "reload-timeout"


def test_an_unknown_kind_is_named_with_those_that_exist(tmp_path: Path) -> None:
    """Nothing is run."""
    with pytest.raises(UsageError) as caught:
        _reload(tmp_path, {"teleport": {}, "command": None})
    assert "teleport" in caught.value.why
    assert "command" in caught.value.why
