"""A plan says what it did not look at, and `--from-worktree` looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_core.errors import Refused
from karma_core.plan.document import Plan, summary_text
from karma_core.use_cases.deploy import deploy
from karma_core.use_cases.plan import plan
from karma_core.use_cases.worktree_plan import plan_worktree
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL
from tests.unit.karma_core.use_cases.test_publish_judgement import GitSystem


@pytest.fixture
def system(tmp_path: Path) -> GitSystem:
    """a/one ← b/two, published and deployed."""
    return GitSystem(tmp_path)


def unpublished(made: Plan) -> list[str]:
    """Messages of the finding."""
    return [f.message for f in made.findings if f.code == "unpublished"]


def test_no_changes_is_said_only_where_it_is_true(system: GitSystem) -> None:
    """Configs of the work tree that are not published are counted and named, with the command."""
    made = plan(system.workspace, ALL)
    assert unpublished(made) == []
    assert summary_text(made) == "No changes: 2 components are as they should be."
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2}, c_new={})
    made = plan(system.workspace, ALL)
    (said,) = unpublished(made)
    assert "a/one" in said
    assert "c/new" in said
    assert "karma config publish" in said
    assert made.status == "no-changes"
    assert summary_text(made).startswith("No changes to the 2 components that were looked at; 2 configs")


def test_a_config_that_cannot_be_published_does_not_stop_a_plan(system: GitSystem) -> None:
    """It is named."""
    (system.root / "iac/test/a/one/config.json").write_text("{")
    (said,) = unpublished(plan(system.workspace, ALL))
    assert "cannot be published" in said


def test_the_work_tree_is_planned_as_it_is_and_not_deployed(system: GitSystem) -> None:
    """Nothing is written, and the plan of what is not published is refused by a deploy."""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2})
    before = {name: p.version for name, p in system.stored().items()}
    made = plan_worktree(system.workspace, ALL)
    assert {c.address: str(c.action) for c in made.components}["a/one"] == "update"
    assert {name: p.version for name, p in system.stored().items()} == before
    with pytest.raises(Refused) as refused:
        deploy(system.workspace, ALL, ThreadExecutor, plan_id=made.id)
    assert refused.value.code == "unpublished-plan"
    system.publish()
    assert plan_worktree(system.workspace, ALL).changes


def test_publishing_asks_for_proof_where_the_policy_names_requesters(system: GitSystem) -> None:
    """A label is not enough, also where it is the right one; nothing is written."""
    system.policy, system.proof = {"requesters": ["ann"]}, ""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2})
    assert system.refused().code == "identity-unproven"
    system.proof = "token"
    assert system.publish().written == ("a/one",)
