"""The difference between Git and the store, and one config shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_core.errors import NotFound, UsageError
from karma_core.json_difference import Difference
from karma_core.model import Provenance
from karma_core.provenance import describe
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.use_cases.configs.diff import ChangedConfig, diff
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.configs.show import show
from karma_core.workspace import Workspace
from tests.workspace_fakes import make_workspace, write_config


def put(workspace: Workspace, address: str, value: str, description: str = "") -> None:
    """Store a config as somebody else would."""
    name = workspace.config_parameter(address)
    workspace.parameters.put([ParameterWrite(name=name, value=value, description=description)])


def test_every_kind_of_difference(tmp_path: Path) -> None:
    """Added, changed with its places, removed and ahead of Git are told apart; nothing is written."""
    workspace = make_workspace(tmp_path)
    put(workspace, "vpc/changed", '{"a":1,"b":{"c":[1,2]},"gone":0}')
    put(workspace, "vpc/removed", "{}")
    put(workspace, "vpc/ahead", '{"a":2}', describe(Provenance(change="c-1")))
    put(workspace, "vpc/made", '{"x":1}', describe(Provenance(change="c-2")))
    write_config(tmp_path, "vpc/added", "{}")
    write_config(tmp_path, "vpc/ahead", '{"a":1}')
    write_config(tmp_path, "vpc/changed", '{"a":true,"b":{"c":[1,3,4]}}')
    difference = diff(workspace)
    assert (difference.added, difference.removed) == (("vpc/added",), ("vpc/removed",))
    assert difference.changed == (
        ChangedConfig(
            address="vpc/changed",
            version=1,
            differences=(
                Difference(pointer="/a", op="changed", before=1, after=True),
                Difference(pointer="/b/c/1", op="changed", before=2, after=3),
                Difference(pointer="/b/c/2", op="added", after=4),
                Difference(pointer="/gone", op="removed", before=0),
            ),
        ),
    )
    assert [(ahead.address, ahead.differences[0].pointer) for ahead in difference.ahead_of_git] == [
        ("vpc/ahead", "/a"),
        ("vpc/made", ""),
    ]
    assert not difference.empty


def test_a_stored_value_that_is_no_json(tmp_path: Path) -> None:
    """A value that is not JSON is shown as the text that it is."""
    workspace = make_workspace(tmp_path)
    put(workspace, "vpc/core", "not json")
    write_config(tmp_path, "vpc/core", "{}")
    (changed,) = diff(workspace).changed
    assert changed.differences == (Difference(pointer="", op="changed", before="not json", after={}),)


def test_show_a_version_with_its_history(tmp_path: Path) -> None:
    """A config is shown with version, provenance and history; an earlier version on request."""
    workspace = make_workspace(tmp_path)
    put(workspace, "vpc/core", '{"a":0}', "by hand")
    write_config(tmp_path, "vpc/core", '{"a":1}')
    publish(workspace)
    now = show(workspace, "vpc/core")
    assert (now.version, now.current, now.config) == (2, True, {"a": 1})
    assert now.provenance == Provenance(path="iac/dev/vpc/core/config.json")
    assert [(kept.version, kept.provenance is None) for kept in now.history] == [(1, True), (2, False)]
    then = show(workspace, "vpc/core", 1)
    assert (then.version, then.current, then.config, then.provenance) == (1, False, {"a": 0}, None)


def test_show_what_is_not_there(tmp_path: Path) -> None:
    """An unknown address or version is NotFound; what is no address never becomes a parameter's name."""
    workspace = make_workspace(tmp_path)
    put(workspace, "vpc/core", "{}")
    for address, version in [("vpc/none", None), ("vpc/core", 2), ("vpc/core", 0)]:
        with pytest.raises(NotFound):
            show(workspace, address, version)
    for address in ["vpc", "../x", "vpc/../x", "vpc/-x", ""]:
        with pytest.raises(UsageError):
            show(workspace, address)


def test_show_keeps_secrets(tmp_path: Path) -> None:
    """The value of a SecureString is not shown, nor what it was before it became one."""
    workspace = make_workspace(tmp_path)
    put(workspace, "vpc/core", '{"a":"canary"}')
    assert not show(workspace, "vpc/core").secret
    name = workspace.config_parameter("vpc/core")
    secret = ParameterWrite(name=name, value='{"a":"canary"}', kind=ParameterKind.SECURE)
    workspace.parameters.put([secret])
    for version in (None, 1, 2):
        shown = show(workspace, "vpc/core", version)
        assert (shown.secret, shown.config) == (True, None)
