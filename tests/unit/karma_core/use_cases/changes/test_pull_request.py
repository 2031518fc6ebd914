"""What is said of a pull request: the verdict and the plan, as comment and status, and nothing is kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from karma_core.errors import StoreUnavailable
from karma_core.records import PullRequest
from karma_core.use_cases.changes.pull_request import Checked, check_pull_request
from tests.change_system import ChangeSystem
from tests.memory.code_host import MemoryCodeHost

REPOSITORY = "acme/infra"
COMMIT = "c" * 40


class Asked:
    """A system with a/x and b/y, which depends on it, and a pull request against their configs."""

    def __init__(self) -> None:
        self.system = ChangeSystem()
        self.system.configure(a_x={"size": 1}, b_y={"depends_on": ["a/x"]})
        self.system.deploy()
        self.host = MemoryCodeHost()

    def path(self, address: str) -> str:
        """Where a config lies in the repository."""
        return f"iac/{self.system.workspace.name}/{address}/config.json"

    def check(
        self, configs: dict[str, Any], *, fork: bool = False, listed: str = REPOSITORY, more: str = ""
    ) -> Checked:
        """Check a pull request that has these configs (None: removed; a string: as it stands)."""
        for address, config in configs.items():
            if config is not None:
                raw = config if isinstance(config, str) else json.dumps(config)
                self.host.files[REPOSITORY, self.path(address), COMMIT] = raw.encode()
        self.host.pulls[REPOSITORY, 7] = PullRequest(
            repository=REPOSITORY,
            number=7,
            title="Change it @everyone",
            author="ann",
            commit=COMMIT,
            branch="main",
            from_fork=fork,
            paths=tuple(sorted([*map(self.path, configs), *more.split()])),
        )
        return check_pull_request(
            self.system.workspace, self.host, REPOSITORY, 7, repositories=[listed], config_dir="iac"
        )

    @property
    def text(self) -> str:
        """The one comment."""
        (text,) = self.host.comments[REPOSITORY, 7]
        return text

    @property
    def states(self) -> list[str]:
        """The states that the commit went through."""
        return [status[2] for status in self.host.statuses]


@pytest.fixture
def asked() -> Asked:
    """A deployed system."""
    return Asked()


def test_verdict_and_combined_plan_are_said(asked: Asked) -> None:
    """The comment has the whole cone's plan, the commit its status, and no change is kept."""
    checked = asked.check({"a/x": {"size": 2}})
    assert (checked.verdict, checked.addresses) == ("accepted", ("a/x",))
    assert "This change may be applied." in asked.text
    assert "| `a/x` | `update` |" in asked.text
    assert "`b/y`" in asked.text
    assert asked.states == ["pending", "success"]
    assert asked.system.drain() == []
    assert asked.system.config("a/x") == {"size": 1}
    assert "pull_request_check" in {e.action for e in asked.system.workspace.log.events()}


def test_a_rejected_change_fails_the_commit(asked: Asked) -> None:
    """With its findings in the comment."""
    checked = asked.check({"b/y": {"depends_on": ["a/nobody"]}})
    assert checked.verdict == "rejected"
    assert "missing-component" in asked.text
    assert asked.states == ["pending", "failure"]


def test_a_need_for_approval_is_said(asked: Asked) -> None:
    """It is no failure: whoever merges knows what comes."""
    asked.system.policy = {"require_approval": True}
    assert asked.check({"a/x": {"size": 2}}).verdict == "accepted"
    assert "will need an approval" in asked.text
    assert asked.states == ["pending", "success"]


def test_removal_and_creation_are_judged_together(asked: Asked) -> None:
    """The set is one change: what replaces the removed one is there already."""
    checked = asked.check({"a/x": None, "a/z": {"size": 1}, "b/y": {"depends_on": ["a/z"]}})
    assert checked.verdict == "accepted", asked.text
    assert "`destroy`" in asked.text
    assert "`create`" in asked.text


def test_a_fork_is_never_planned(asked: Asked) -> None:
    """Not even a file of it is read."""
    checked = asked.check({"a/x": "{not json"}, fork=True)
    assert checked.verdict == "refused"
    assert asked.states == ["error"]
    assert "fork" in asked.text


def test_an_unlisted_repository_is_not_asked_about(asked: Asked) -> None:
    """Nothing is said there."""
    assert asked.check({"a/x": {"size": 2}}, listed="acme/other").verdict == "ignored"
    assert asked.host.comments == {}
    assert asked.states == []


@pytest.mark.parametrize("path", ["README.md", "iac/other/a/x/config.json", "iac/test/a/../x/config.json"])
def test_other_files_are_none_of_its_business(asked: Asked, path: str) -> None:
    """A pull request that touches no config of this environment gets neither comment nor status."""
    assert asked.check({}, more=path).verdict == "ignored"
    assert asked.states == []


def test_a_config_that_is_no_json_fails_the_commit(asked: Asked) -> None:
    """With the place of the fault, and no traceback of a flow."""
    checked = asked.check({"a/x": '{"size": 1,}'})
    assert checked.verdict == "invalid"
    assert "config.json in commit cccccccccccc" in asked.text
    assert asked.states == ["pending", "failure"]


def test_what_the_store_has_already_is_no_change(asked: Asked) -> None:
    """Nothing is planned for it."""
    assert asked.check({"a/x": {"size": 1}}).why == "the parameter store has these configs already"
    assert asked.states == ["pending", "success"]


def test_nothing_that_others_wrote_is_markup(asked: Asked) -> None:
    """No mention, no image, no end of a code block can come from a config."""
    bad = "```\n![x](http://evil/)\n@everyone <script> | `"
    asked.check({"b/y": {"depends_on": [bad]}})
    outside = [part for i, part in enumerate(asked.text.split("`")) if i % 2 == 0]
    assert not any("@everyone" in part or "evil" in part for part in outside)


def test_a_failure_of_ours_is_said_and_raised(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """The status says error, and the flow may try again."""

    def fail(*_: object) -> bytes:
        raise StoreUnavailable("GitHub cannot serve us", code="code-host")

    monkeypatch.setattr(asked.host, "file", fail)
    with pytest.raises(StoreUnavailable):
        asked.check({"a/x": {"size": 2}})
    assert asked.states == ["pending", "error"]


def test_what_diverged_fails_the_commit(asked: Asked) -> None:
    """A pull request that edits what a change edited is told so before it is merged."""
    asked.system.applied("a/x", proposed_change={"size": 5})
    checked = asked.check({"a/x": {"size": 2}, "b/y": {"depends_on": ["a/x"], "x": 1}})
    assert checked.verdict == "invalid"
    assert "diverged" in asked.text
    assert asked.states == ["pending", "failure"]
