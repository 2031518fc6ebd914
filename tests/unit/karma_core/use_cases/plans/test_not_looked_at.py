"""A plan says what it did not look at, and `--from-worktree` looks at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from karma_core.errors import Refused, ValidationFailed
from karma_core.plan.document import Plan, summary_text
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.plans.worktree_plan import plan_worktree
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from tests.memory_system import ALL
from tests.unit.karma_core.use_cases.configs.test_publish_judgement import GitSystem


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


def test_every_config_that_is_not_published_is_counted_with_its_kind(system: GitSystem) -> None:
    """New ones that were never published, too, and those that left Git; each with the command."""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2}, b_two=None, c_new={}, d_new={})
    assert unpublished(plan(system.workspace, ALL)) == [
        (
            "4 configs of the work tree are not published (2 new, 1 changed, 1 removed): "
            "a/one, b/two, c/new, d/new; "
            "`karma config publish` publishes, `karma plan --from-worktree` plans them as they are; "
            "`karma config publish --prune` removes what left Git, once it is destroyed"
        )
    ]


def test_a_config_that_karma_never_published_is_no_difference(system: GitSystem) -> None:
    """It is in the parameter store and never was in Git: there is nothing to publish."""
    system.configure(d_foreign={"x": 1})
    assert unpublished(plan(system.workspace, ALL)) == []


def test_an_invalid_config_hides_no_other(system: GitSystem) -> None:
    """It is named with its place, stops no plan, and the others are counted beside it."""
    system.git(b_two={"a_nickname": "one", "x": 1}, c_new={})
    (system.root / "iac/test/a/one/config.json").write_text('{"size": }')
    assert unpublished(plan(system.workspace, ALL)) == [
        (
            "3 configs of the work tree are not published (1 new, 1 changed, 1 invalid): "
            "a/one, b/two, c/new; "
            "`karma config publish` publishes, `karma plan --from-worktree` plans them as they are; "
            "these cannot be published, and nothing is before they are corrected: "
            "iac/test/a/one/config.json:1:10 (invalid-json)"
        )
    ]
    with pytest.raises(ValidationFailed):
        plan_worktree(system.workspace, ALL)


def test_an_invalid_config_is_published_once_it_is_corrected(system: GitSystem) -> None:
    """No plan in between leaves a mark by which a publish would pass over it."""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2})
    file = system.root / "iac/test/a/one/config.json"
    right = file.read_text()
    file.write_text("{")
    plan(system.workspace, ALL)
    file.write_text(right)
    assert system.publish().written == ("a/one",)
    assert unpublished(plan(system.workspace, ALL)) == []


def test_a_plan_of_the_work_tree_names_what_left_git(system: GitSystem) -> None:
    """It is planned as it is published, because publishing alone does not remove it."""
    system.git(a_one={"cidr": "192.0.2.0/24", "size": 2}, b_two=None)
    made = plan_worktree(system.workspace, ALL)
    assert {c.address for c in made.components} == {"a/one", "b/two"}
    assert unpublished(made) == [
        (
            "1 config of the work tree is not published (1 removed): b/two; "
            "`karma config publish --prune` removes what left Git, once it is destroyed"
        )
    ]


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
