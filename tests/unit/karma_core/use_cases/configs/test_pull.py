"""Pulling: the work tree follows what changes have moved, and publishing does not undo them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from karma_core.changes.record import Edit
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.diff import diff
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.configs.pull import pull
from karma_core.workspace import Workspace
from tests.memory.state import MemoryState
from tests.workspace_fakes import clock, make_workspace, write_config


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Two published configs."""
    write_config(tmp_path, "vpc/core", '{"cidr": "192.0.2.0/24"}')
    write_config(tmp_path, "queue/old", '{"size": 1}')
    made = make_workspace(tmp_path, state=cast("Any", MemoryState(clock=clock)))
    publish(made)
    return made


def move(workspace: Workspace, address: str, before: Any, after: Any) -> None:
    """Write one config as a change does."""
    edit = Edit(address=address, before=before, base_version=1 if before else 0, after=after)
    config_set.write(workspace, "change-1", [edit], None)


def move_three(workspace: Workspace) -> None:
    """One config is changed, one created, one removed."""
    move(workspace, "vpc/core", {"cidr": "192.0.2.0/24"}, {"cidr": "192.0.2.0/25"})
    move(workspace, "queue/new", None, {"size": 2})
    move(workspace, "queue/old", {"size": 1}, None)


def test_publishing_does_not_undo_a_change(workspace: Workspace) -> None:
    """What a change altered, created or removed stays so."""
    move_three(workspace)
    result = publish(workspace)
    assert (result.written, result.ahead_of_git) == ((), ("queue/new", "queue/old", "vpc/core"))
    assert [(c.address, c.version) for c in diff(workspace).ahead_of_git] == [
        ("queue/new", 1),
        ("queue/old", 0),
        ("vpc/core", 2),
    ]


def test_pulling_brings_the_work_tree_up(workspace: Workspace, tmp_path: Path) -> None:
    """Afterwards Git and the store are the same, and nothing is ahead."""
    move_three(workspace)
    dry = pull(workspace, dry_run=True)
    assert (tmp_path / "iac/dev/queue/old/config.json").exists()
    assert [(p.address, p.path, p.removed) for p in dry.pulled] == [
        ("queue/new", "", False),
        ("queue/old", "", True),
        ("vpc/core", "", False),
    ]
    done = pull(workspace)
    assert next(p.path for p in done.pulled) == "iac/dev/queue/new/config.json"
    assert json.loads((tmp_path / "iac/dev/vpc/core/config.json").read_text()) == {"cidr": "192.0.2.0/25"}
    assert not (tmp_path / "iac/dev/queue/old/config.json").exists()
    assert diff(workspace).empty
    assert pull(workspace).pulled == ()
    assert publish(workspace).written == ()


def test_a_config_that_a_change_made_again_is_not_gone(workspace: Workspace) -> None:
    """The newest word of a change counts."""
    move(workspace, "queue/old", {"size": 1}, None)
    move(workspace, "queue/old", None, {"size": 1})
    assert diff(workspace).empty


def test_the_first_configs_of_an_environment_can_be_pulled(tmp_path: Path) -> None:
    """Changes may have made all that there is: the environment's directory comes with the pull."""
    made = make_workspace(tmp_path, state=cast("Any", MemoryState(clock=clock)))
    move(made, "queue/new", None, {"size": 2})
    assert [p.address for p in pull(made).pulled] == ["queue/new"]
    assert json.loads((tmp_path / "iac/dev/queue/new/config.json").read_text()) == {"size": 2}
    assert publish(made).ahead_of_git == ()
