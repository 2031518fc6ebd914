"""Publishing is judged like a change: what is forbidden, what needs an approval, what is still in use."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.git.repository import GitConfigRepository
from karma_core.changes.record import Change
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.records import ParameterWrite
from karma_core.use_cases.changes.git_request import request_from_git
from karma_core.use_cases.configs.publish import PublishResult, publish
from karma_core.use_cases.configs.pull import pull
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.selection.record import Selection
from karma_core.use_cases.selection.selecting import select
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem
from tests.workspace_fakes import FakeIndex, write_config

DEFINITIONS = {"a": {"protected_fields": ["cidr"]}}


class GitSystem(ChangeSystem):
    """a/one ← b/two from Git, published and deployed."""

    def __init__(self, root: Path) -> None:
        super().__init__(DEFINITIONS)
        self.root = root
        self.index = FakeIndex()
        self.git(a_one={"cidr": "192.0.2.0/24", "size": 1}, b_two={"a_nickname": "one"})
        publish(self.workspace)
        self.deploy()

    @property
    def workspace(self) -> Workspace:
        repository = GitConfigRepository(
            self.root, configs=self.root / "iac", modules=self.root / "components"
        )
        return replace(super().workspace, repository=repository, publish_index=self.index)

    def git(self, **configs: Any) -> None:
        """Write files of the work tree; None removes one."""
        for name, config in configs.items():
            address = name.replace("_", "/", 1)
            if config is None:
                (self.root / "iac/test" / address / "config.json").unlink()
            else:
                write_config(self.root, address, json.dumps(config), environment="test")

    def publish(self, **options: Any) -> PublishResult:
        """Publish."""
        return publish(self.workspace, **options)

    def refused(self, **options: Any) -> Refused:
        """The refusal of a publish that wrote nothing."""
        before = {name: p.version for name, p in self.stored().items()}
        with pytest.raises(Refused) as caught:
            self.publish(**options)
        assert {name: p.version for name, p in self.stored().items()} == before
        return caught.value

    def stored(self) -> dict[str, Any]:
        """Parameters by name."""
        return {p.name: p for p in self.parameters.read_tree("/iac")}


@pytest.fixture
def system(tmp_path: Path) -> GitSystem:
    """Deployed, without a policy."""
    return GitSystem(tmp_path)


def test_a_protected_field_is_not_published_under_what_uses_it(system: GitSystem) -> None:
    """Git is no way around a rule: nothing is written, and the log says what spoke against it."""
    system.git(a_one={"cidr": "198.51.100.0/24", "size": 1}, b_two={"a_nickname": "one", "size": 2})
    refusal = system.refused()
    assert refusal.code == "publish-rejected"
    assert [f["code"] for f in refusal.facts["findings"]] == ["protected-field"]
    event = list(system.log.events(action="config_publish"))[-1]
    assert (event.status, event.inputs["write"]) == ("rejected", ["a/one", "b/two"])
    assert [f["code"] for f in event.inputs["findings"]] == ["protected-field"]


def test_another_field_of_the_same_config_is_published(system: GitSystem) -> None:
    """The rule is about the field; that it was judged stands in the log."""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2})
    assert system.publish().written == ("a/one",)
    started = list(system.log.events(action="config_publish"))[-2]
    assert (started.status, started.inputs["judged"]) == ("started", "passed")


FREEZE = {"reason": "sale", "starts": "2026-01-01T00:00:00", "ends": "2026-02-01T00:00:00"}


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        ({"freeze": [FREEZE]}, "policy-freeze"),
        ({"requesters": ["bob"]}, "policy-requester"),
    ],
)
def test_what_forbids_a_change_forbids_a_publish(
    system: GitSystem, policy: dict[str, Any], code: str
) -> None:
    """Also of what is new; an unchanged publish asks no rule and passes."""
    system.policy = policy
    assert system.publish().written == ()
    system.git(c_new={"size": 1})
    assert [f["code"] for f in system.refused().facts["findings"]] == [code]


def test_a_refused_publish_moves_no_baseline(system: GitSystem) -> None:
    """What was refused is still to be published, and once it is, `--changed` selects it."""
    system.policy = {"requesters": ["bob"]}
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2})
    system.refused()
    workspace = system.workspace
    assert select(workspace, read_fleet(workspace), Selection(changed=True)) == set()
    system.policy = {}
    assert system.publish().written == ("a/one",)
    chosen = select(system.workspace, read_fleet(system.workspace), Selection(changed=True))
    assert chosen == {"a/one", "b/two"}


def test_a_dry_run_says_that_the_checkout_is_laxer_than_the_published_policy(system: GitSystem) -> None:
    """Whoever publishes configs sees it, also where nothing is to be published."""
    published = json.dumps({"policy": {"require_approval": True}})
    system.parameters.put([ParameterWrite(name="/iac/_policy", value=published)])
    assert [finding.code for finding in system.publish(dry_run=True).findings] == ["policy-differs"]
    system.policy = {"require_approval": True}
    assert system.publish(dry_run=True).findings == ()


def test_a_dry_run_gives_the_verdict(system: GitSystem) -> None:
    """Without writing an event, and without an error."""
    system.policy = {"requesters": ["bob"], "require_approval": True}
    system.git(b_two={"a_nickname": "one", "size": 2})
    count = len(list(system.log.events()))
    result = system.publish(dry_run=True)
    assert [f.code for f in result.findings] == ["policy-requester"]
    assert result.needs == ("every change needs one",)
    assert len(list(system.log.events())) == count


@pytest.mark.parametrize("policy", [{"require_approval": True}, {"protected": ["a/*"]}, {"largest_cone": 1}])
def test_what_needs_an_approval_is_published_as_a_change(system: GitSystem, policy: dict[str, Any]) -> None:
    """Refused as it is; as a change it is planned, approved, deployed, and not ahead of Git afterwards."""
    system.policy = policy
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2}, c_new={"size": 1})
    assert system.refused().code == "approval-needed"
    change = request_from_git(system.workspace)
    assert change.status is State.AWAITING_APPROVAL
    assert system.apply(system.approve(change)).status is State.APPLIED
    assert system.runtime("a/one")["size"] == 2
    result = system.publish()
    assert (result.written, result.ahead_of_git) == ((), ())


@pytest.mark.parametrize("policy", [{"require_approval": True}, {"protected": ["*"]}, {"largest_cone": 1}])
def test_what_is_new_needs_no_approval(system: GitSystem, policy: dict[str, Any]) -> None:
    """A first publish of a whole environment touches nothing that is there."""
    system.policy = policy
    system.git(c_new={"size": 1}, d_new={"c_nickname": "new"}, e_new={"d_nickname": "new"})
    assert system.publish().written == ("c/new", "d/new", "e/new")


def test_what_is_the_same_is_no_change(system: GitSystem) -> None:
    """Nothing is requested where Git and the store agree."""
    with pytest.raises(Refused) as caught:
        request_from_git(system.workspace)
    assert caught.value.code == "nothing-to-publish"


def test_a_config_in_use_is_not_pruned(system: GitSystem) -> None:
    """Nor what is used by something that has to stay itself; all can go together."""
    system.git(c_base={"size": 1}, d_user={"c_nickname": "base"}, e_last={"d_nickname": "user"})
    system.publish()
    system.git(c_base=None, d_user=None)
    result = system.publish(prune=True)
    assert result.pruned == ()
    assert {k.address: k.reason for k in result.kept} == {
        "c/base": "consumers-live",
        "d/user": "consumers-live",
    }
    system.git(e_last=None)
    assert system.publish(prune=True).pruned == ("c/base", "d/user", "e/last")


# -- after a change -------------------------------------------------------------------------------------


def catch_up_by_pull(system: GitSystem) -> None:
    """The work tree is brought up, and edited at once."""
    pull(system.workspace)


def catch_up_by_hand(system: GitSystem) -> None:
    """Somebody writes the same into Git, and it is published."""
    system.git(a_one=system.config("a/one"))
    assert system.publish().ahead_of_git == ()


def moved(system: GitSystem) -> Change:
    """A change that moves a/one."""
    return system.applied("a/one", proposed_change={"size": 5})


@pytest.mark.parametrize("catch_up", [catch_up_by_pull, catch_up_by_hand])
def test_once_git_holds_a_change_its_next_edit_is_published(
    system: GitSystem, catch_up: Callable[[GitSystem], None]
) -> None:
    """Ahead of Git ends when Git has caught up; a later change, or a rollback, is ahead again."""
    change = moved(system)
    assert system.publish().ahead_of_git == ("a/one",)
    catch_up(system)
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 6})
    assert system.publish().written == ("a/one",)
    system.apply(system.roll_back(change, include_later=True))
    assert system.publish().ahead_of_git == ("a/one",)


def test_what_a_change_created_can_leave_git_again(system: GitSystem) -> None:
    """Once it has been there, its absence is a removal."""
    system.applied("c/new", create={"size": 1})
    pull(system.workspace)
    system.git(c_new=None)
    result = system.publish()
    assert (result.removed_from_git, result.ahead_of_git) == (("c/new",), ())


def test_what_a_change_removed_can_come_back_from_git(system: GitSystem) -> None:
    """Once the file has gone, the same file again is a wish."""
    system.git(c_gone={"size": 1})
    system.publish()
    system.applied("c/gone", remove=True)
    assert system.publish().ahead_of_git == ("c/gone",)
    pull(system.workspace)
    system.git(c_gone={"size": 1})
    assert system.publish().written == ("c/gone",)
