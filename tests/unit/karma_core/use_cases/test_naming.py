"""What the names, patterns and types of a selection mean, and what is refused."""

from __future__ import annotations

import pytest

from karma_core.errors import KarmaError, NotFound, UsageError
from karma_core.use_cases.naming import excluded, is_target, named
from karma_core.use_cases.plan import plan
from karma_core.use_cases.runs import Selection, require_selection
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
        Selection(changed=True, with_producers=True),
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
    assert "b/two" in left.message
    assert statuses(chain.deploy(Selection(changed=True))) == {}
    assert chain.applies() == []
