"""A push beside changes that nobody pulled: what is taken, what merges, what is left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.use_cases.changes.git_request import request_from_git
from karma_core.use_cases.changes.push import take_up_push
from karma_core.use_cases.configs.differing import Take
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.configs.pull import pull
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem, run_order
from tests.contract.test_config_repository import commit_all
from tests.workspace_fakes import FakeIndex, write_config

BASE = {"size": 1, "tags": {"team": "a"}}


class PushSystem(ChangeSystem):
    """a/one and b/two, pushed as commits; nothing was ever published."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self.root = root
        self.index = FakeIndex()
        self.push(a_one=BASE, b_two={})

    @property
    def workspace(self) -> Workspace:
        return replace(super().workspace, repository=GitConfigRepository(self.root), publish_index=self.index)

    def git(self, **configs: Any) -> str:
        """Commit configs, None removes one; the commit."""
        for name, config in configs.items():
            path = write_config(self.root, name.replace("_", "/", 1), json.dumps(config), environment="test")
            if config is None:
                path.unlink()
        return commit_all(self.root)

    def push(self, **configs: Any) -> Change | None:
        """Commit configs, and take the push up."""
        commit = self.git(**configs)
        addresses = [name.replace("_", "/", 1) for name in configs]
        return take_up_push(self.workspace, addresses, run_order, commit=commit, author="ann")


@pytest.fixture
def system(tmp_path: Path) -> PushSystem:
    """Pushed once."""
    return PushSystem(tmp_path)


def test_pushes_follow_each_other(system: PushSystem) -> None:
    """What a push brought is Git's: the next one edits the same place, in whatever way it was kept."""
    for size in (2, 3):
        change = system.push(a_one={**BASE, "size": size})
        assert change is not None
        assert change.status is State.APPLIED
    assert system.config("a/one") == {**BASE, "size": 3}
    for document in system.state.documents("from-git"):  # as pushes of an earlier version left it
        system.state.put_document("from-git", document.id, {"configs": {}})
    system.push(a_one={**BASE, "size": 4})
    assert system.config("a/one") == {**BASE, "size": 4}
    removal = system.push(a_one=None)
    assert removal is not None
    assert [edit.removes for edit in removal.edits] == [True]


def test_a_push_keeps_the_edits_of_a_change(system: PushSystem) -> None:
    """Edits of different places merge, and the next push of the same file is no conflict."""
    system.applied("a/one", proposed_change={"tags": {"team": "b"}})
    system.push(a_one={**BASE, "size": 2})
    assert system.config("a/one") == {"size": 2, "tags": {"team": "b"}}
    system.push(a_one={**BASE, "size": 3})
    assert system.config("a/one") == {"size": 3, "tags": {"team": "b"}}


def test_a_push_leaves_out_what_diverged(system: PushSystem) -> None:
    """The others are applied, and the reason names what was left out; alone it is refused."""
    system.applied("a/one", proposed_change={"size": 5})
    change = system.push(a_one={**BASE, "size": 2}, b_two={"x": 1})
    assert change is not None
    assert (change.addresses, change.status) == (("b/two",), State.APPLIED)
    assert "without what diverged: a/one" in change.reason
    assert system.config("a/one") == {**BASE, "size": 5}
    with pytest.raises(Refused) as caught:
        system.push(a_one={**BASE, "size": 3})
    assert (caught.value.code, caught.value.facts["addresses"]) == ("diverged", ["a/one"])
    with pytest.raises(Refused):
        system.push(a_one=None)
    assert system.config("a/one") == {**BASE, "size": 5}


def test_a_push_does_not_resurrect_what_a_change_removed(system: PushSystem) -> None:
    """The file was edited where a change removed the config: somebody has to say which is meant."""
    system.applied("b/two", remove=True)
    with pytest.raises(Refused) as caught:
        system.push(b_two={"x": 1})
    assert caught.value.code == "diverged"


def test_a_pushed_pull_ends_the_lead_of_a_change(system: PushSystem) -> None:
    """Git holds what the change wrote: the next push of that place is an edit like any other."""
    system.applied("a/one", proposed_change={"size": 5})
    system.push(a_one={**BASE, "size": 5})
    system.push(a_one={**BASE, "size": 6})
    assert system.config("a/one") == {**BASE, "size": 6}


def test_requested_from_git_it_merges_and_stays_merged(system: PushSystem) -> None:
    """A change with edits of both is no conflict afterwards, for publish, pull and the next request."""
    system.applied("a/one", proposed_change={"tags": {"team": "b"}})
    system.git(a_one={**BASE, "size": 2})
    system.apply(request_from_git(system.workspace))
    assert system.config("a/one") == {"size": 2, "tags": {"team": "b"}}
    system.git(a_one={**BASE, "size": 3})
    assert publish(system.workspace).merged == ("a/one",)
    pull(system.workspace)
    assert publish(system.workspace).ahead_of_git == ()


def test_requested_from_git_it_leaves_out_what_diverged(system: PushSystem) -> None:
    """Refused where that is all there is; with a side taken it is requested."""
    system.applied("a/one", proposed_change={"size": 5})
    system.git(a_one={**BASE, "size": 2})
    with pytest.raises(Refused) as caught:
        request_from_git(system.workspace)
    assert caught.value.code == "diverged"
    system.git(b_two={"x": 1})
    assert "without what diverged: a/one" in request_from_git(system.workspace, dry_run=True).reason
    take = Take(git=frozenset({"a/one"}))
    change = system.apply(request_from_git(system.workspace, take=take))
    assert change.addresses == ("a/one", "b/two")
    assert system.config("a/one") == {**BASE, "size": 2}
    system.git(a_one={**BASE, "size": 3})
    assert publish(system.workspace).written == ("a/one",)
