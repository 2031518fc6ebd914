"""What the names, patterns and types of a selection mean, and what is refused."""

from __future__ import annotations

import pytest

from karma_core.errors import KarmaError, NotFound, UsageError
from karma_core.plan.document import Plan, summary_text
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import idle
from karma_core.use_cases.runs.drift import check_drift
from karma_core.use_cases.selection.deployed import select_for_destroy
from karma_core.use_cases.selection.naming import excluded, is_target, named
from karma_core.use_cases.selection.record import Selection, require_selection
from tests.memory_system import System, statuses

KNOWN = ("vpc/core", "vpc/spare", "service/api", "service/web", "zone/core")


def names(*targets: str, types: tuple[str, ...] = ()) -> list[str]:
    """What a selection names among the known."""
    return sorted(named(Selection(targets=targets, types=types), KNOWN, environment="prod"))


def test_targets_are_addresses_patterns_and_types() -> None:
    """Any number of each; a `*` also stands for a slash."""
    assert names("vpc/core") == ["vpc/core"]
    assert names("vpc/*", "zone/core") == ["vpc/core", "vpc/spare", "zone/core"]
    assert names("*/core") == ["vpc/core", "zone/core"]
    assert names("service/[aw]*", types=("zone",)) == ["service/api", "service/web", "zone/core"]
    assert names("prod:vpc/core", "prod:zone/*") == ["vpc/core", "zone/core"]


@pytest.mark.parametrize(
    ("targets", "types", "error", "code"),
    [
        (("vpc/none",), (), NotFound, "not-found"),
        (("vpc/x*",), (), UsageError, "nothing-matches"),
        ((), ("queue",), UsageError, "nothing-matches"),
        (("dev:vpc/core",), (), UsageError, "usage"),
        (("a/b/c",), (), UsageError, "invalid-name"),
    ],
)
def test_a_name_that_means_nothing_is_refused(
    targets: tuple[str, ...], types: tuple[str, ...], error: type[KarmaError], code: str
) -> None:
    """It is never taken for nothing to do."""
    with pytest.raises(error) as refused:
        names(*targets, types=types)
    assert refused.value.code == code


def test_an_exclusion_that_means_nothing_is_refused() -> None:
    """Somebody believes that something is left out."""
    assert excluded(Selection(exclude=("vpc/*",)), KNOWN, environment="prod") == {"vpc/core", "vpc/spare"}
    with pytest.raises(UsageError):
        excluded(Selection(exclude=("queue/*",)), KNOWN, environment="prod")


def test_a_target_is_what_was_named_and_not_its_cone() -> None:
    """With everything and with what changed, all that was chosen is a target."""
    selection = Selection(targets=("vpc/*",), types=("zone",))
    assert [a for a in KNOWN if is_target(selection, a, environment="prod")] == [
        "vpc/core",
        "vpc/spare",
        "zone/core",
    ]
    assert is_target(Selection(changed=True), "service/api", environment="prod")


@pytest.mark.parametrize(
    "selection",
    [
        Selection(),
        Selection(exclude=("vpc/core",)),
        Selection(targets=("vpc/core",), everything=True),
        Selection(types=("vpc",), changed=True),
        Selection(everything=True, changed=True),
        Selection(everything=True, with_producers=True),
        Selection(everything=True, since="main"),
    ],
)
def test_contradictions_are_refused_in_one_place(selection: Selection) -> None:
    """Whoever asks: one way of choosing, and only what goes with it."""
    with pytest.raises(UsageError):
        require_selection(selection)


@pytest.fixture
def chain() -> System:
    """a/one ← b/two ← c/three, and d/alone, deployed."""
    system = System()
    system.configure(
        a_one={"size": 1}, b_two={"a_nickname": "one"}, c_three={"b_nickname": "two"}, d_alone={"x": 1}
    )
    system.deploy()
    system.applies()
    return system


def test_several_components_are_deployed_in_one_run(chain: System) -> None:
    """With their cones; what is excluded is left as it is, its consumers use its current runtime."""
    chain.configure(a_one={"size": 2}, d_alone={"x": 2})
    result = chain.deploy(Selection(targets=("a/one", "d/*"), exclude=("b/two",)))
    assert statuses(result) == {"a/one": "applied", "c/three": "unchanged", "d/alone": "applied"}


def test_changed_is_what_differs_itself_from_what_was_applied(chain: System) -> None:
    """With its cone, whatever Git says; a module that was edited selects its components."""
    chain.configure(d_alone={"x": 2})
    assert statuses(chain.deploy(Selection(changed=True))) == {"d/alone": "applied"}
    chain.modules.edit("b", "2")
    assert set(statuses(chain.deploy(Selection(changed=True)))) == {"b/two", "c/three"}
    assert statuses(chain.deploy(Selection(changed=True))) == {}


def test_what_is_stale_by_its_producers_alone_is_counted_and_not_run(chain: System) -> None:
    """It is in nobody's changed cone: its producer was applied in a run that left it out."""
    chain.configure(a_one={"size": 2})
    chain.deploy(Selection(targets=("a/one",), exclude=("b/two", "c/three")))
    chain.applies()
    made = plan(chain.workspace, Selection(changed=True))
    (left,) = [f for f in made.findings if f.code == "left-out"]
    assert left.message == (
        "1 component is stale or not deployed and not selected: b/two; `--all` includes them"
    )
    for result in (idle(chain.workspace, Selection(changed=True)), chain.deploy(Selection(changed=True))):
        assert result is not None
        assert (result.components, result.warnings) == ((), (left.message,))
    assert chain.applies() == []


def left_out(made: Plan) -> list[str]:
    """Messages of the finding."""
    return [f.message for f in made.findings if f.code == "left-out"]


def test_what_is_excluded_is_not_included_by_all(chain: System) -> None:
    """The advice is one that helps: what an exclusion took away stays away with `--all`."""
    chain.configure(d_alone={"x": 2}, a_one={"size": 2})
    chain.deploy(Selection(targets=("a/one",), exclude=("b/two", "c/three")))
    assert left_out(plan(chain.workspace, Selection(changed=True, exclude=("d/*",)))) == [
        (
            "1 component is stale or not deployed and excluded: d/alone; "
            "without their `--exclude`, `--all` includes them"
        ),
        "1 component is stale or not deployed and not selected: b/two; `--all` includes them",
    ]
    made = plan(chain.workspace, Selection(changed=True, exclude=("b/*", "d/*")))
    assert [message.partition(";")[0] for message in left_out(made)] == [
        "2 components are stale or not deployed and excluded: b/two, d/alone"
    ]
    assert summary_text(made) == (
        "No changes to the 0 components that were looked at; "
        "2 components are stale or not deployed and excluded."
    )


def test_a_producer_that_an_exclusion_took_out_is_named(chain: System) -> None:
    """With those that need it: what they are planned with, or that they are blocked."""
    chain.configure(a_one={"size": 2}, a_new={}, b_three={"a_nickname": "new"}, e_six={"a_nickname": "one"})
    made = plan(chain.workspace, Selection(everything=True, exclude=("a/*", "d/*")))
    (said,) = [f for f in made.findings if f.code == "producer-excluded"]
    assert said.component == "environment:test"
    assert said.message == (
        "3 components need what is excluded: b/three is blocked, because a/new was never deployed, "
        "b/two is planned with the deployed values of a/one, "
        "e/six is planned with the deployed values of a/one"
    )
    (blocked,) = [f for f in made.findings if f.code == "producer-not-deployed"]
    assert blocked.message.endswith("deploy it first or add --with-producers, and do not --exclude it")


def test_a_producer_that_was_no_part_of_the_plan_is_not_called_excluded(chain: System) -> None:
    """Its exclusion changed nothing: producers of what is named are not part of the plan anyway."""
    made = plan(chain.workspace, Selection(targets=("b/two",), exclude=("a/one",)))
    assert [f.code for f in made.findings] == []
    made = plan(chain.workspace, Selection(targets=("b/two",), exclude=("a/one",), with_producers=True))
    assert [f.code for f in made.findings] == ["producer-excluded"]


def test_a_run_does_not_advise_what_an_exclusion_would_undo(chain: System) -> None:
    """A stale producer outside the run is said, excluded or not, each with what helps."""
    chain.configure(a_one={"size": 2}, c_three={"b_nickname": "two", "x": 1})
    result = chain.deploy(Selection(everything=True, exclude=("a/one",)))
    assert result.warnings == ("a/one is stale and excluded from this run; its deployed values were used",)
    chain.configure(c_three={"b_nickname": "two", "x": 2}, b_two={"a_nickname": "one", "x": 1})
    result = chain.deploy(Selection(targets=("b/two",)))
    assert result.warnings == (
        (
            "a/one is stale and not part of this run; its deployed values were used "
            "(--with-producers includes it)"
        ),
    )


@pytest.mark.parametrize(
    "selection",
    [
        Selection(everything=True, exclude=("*",)),
        Selection(targets=("c/three",), exclude=("c/*",)),
        Selection(types=("d",), exclude=("d/alone",)),
    ],
)
def test_exclusions_that_leave_nothing_are_refused(chain: System, selection: Selection) -> None:
    """As a pattern that matches nothing: an empty plan would look like nothing to do. Everywhere."""
    for use in (plan, select_for_destroy, check_drift):
        with pytest.raises(UsageError) as refused:
            use(chain.workspace, selection)
        assert (refused.value.code, refused.value.what) == (
            "nothing-matches",
            "the exclusions leave no component",
        )


def test_a_standing_exclusion_is_no_error_where_nothing_else_changed(chain: System) -> None:
    """What changed differs from day to day: the plan says what was left out, and does not fail."""
    chain.configure(d_alone={"x": 2})
    made = plan(chain.workspace, Selection(changed=True, exclude=("d/*",)))
    assert (made.components, len(left_out(made))) == ((), 1)


def test_what_changed_is_planned_with_what_it_needs(chain: System) -> None:
    """`--changed --with-producers` takes a producer along that would be used as it is otherwise."""
    chain.configure(c_three={"b_nickname": "two", "x": 1})
    made = plan(chain.workspace, Selection(changed=True, with_producers=True))
    assert [c.address for c in made.components] == ["a/one", "b/two", "c/three"]
    assert [c.address for c in plan(chain.workspace, Selection(changed=True)).components] == ["c/three"]
