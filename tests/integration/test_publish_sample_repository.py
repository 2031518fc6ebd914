"""Publishing a repository of configs, with the adapters that run on a machine without AWS."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_adapters.local.publish_index import FilePublishIndex
from karma_adapters.sqlite.parameters import LocalParameters
from karma_core.errors import Refused
from karma_core.records import ParameterWrite
from karma_core.use_cases.configs.diff import diff
from karma_core.use_cases.configs.publish import publish
from karma_core.workspace import Workspace
from tests.workspace_fakes import make_workspace

SAMPLE = Path(__file__).parents[2] / "tests/data/site-repository"


def open_workspace(environment: str, directory: Path) -> Workspace:
    """A workspace on the sample, its state below directory; each call stands for a new process."""
    return make_workspace(
        SAMPLE,
        environment=environment,
        parameters=LocalParameters(directory / f"{environment}.db", clock=lambda: datetime.now(UTC)),
        repository=GitConfigRepository(SAMPLE),
        index=FilePublishIndex(directory / "index"),
    )


@pytest.mark.parametrize(("environment", "count"), [("prod", 3), ("dev", 1)])
def test_publishes_every_config_once(tmp_path: Path, environment: str, count: int) -> None:
    """All configs of an environment are published; a process that comes later has nothing to do."""
    first = publish(open_workspace(environment, tmp_path))
    assert len(first.written) == count
    later = open_workspace(environment, tmp_path)
    assert len(publish(later).unchanged) == count
    assert diff(later).empty


def test_the_accounts_binding_is_obeyed(tmp_path: Path) -> None:
    """The repository's own binding of one account refuses the other environment."""
    workspace = open_workspace("prod", tmp_path)
    binding = (SAMPLE / "account_environments/dev.json").read_text()
    workspace.parameters.put([ParameterWrite(name="/iac/environment", value=binding)])
    with pytest.raises(Refused):
        publish(workspace)
    binding = (SAMPLE / "account_environments/prod.json").read_text()
    workspace.parameters.put([ParameterWrite(name="/iac/environment", value=binding)])
    assert len(publish(workspace).written) == 3
