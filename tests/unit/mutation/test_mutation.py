"""What `make mutants` runs, and what it makes of the results."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import ROOT, equivalents, function_of, judged
from tests.mutation.groups import GROUPS
from tests.mutation.worker import changed_lines

MODULES = [module for group in GROUPS.values() for module in group.modules]
MUTANT = {"name": "karma_core.walk.xǁWalkǁstop__mutmut_2", "was": "a = True", "now": "a = False"}
KEY = ("karma_core.walk.Walk.stop", "a = True", "a = False")


def test_every_module_and_every_suite_is_there() -> None:
    """A path that is gone would be tested by nothing; a module belongs to one group."""
    assert all((ROOT / path).exists() for group in GROUPS.values() for path in (*group.modules, *group.tests))
    assert len(MODULES) == len(set(MODULES))


def test_every_resolver_is_mutated() -> None:
    """A new one, too."""
    resolvers = {
        f"karma_core/references/{path.name}" for path in (ROOT / "karma_core/references").glob("*.py")
    }
    assert resolvers - {"karma_core/references/__init__.py"} <= set(MODULES)


def test_equivalent_mutants_have_a_reason_and_a_module_that_is_mutated() -> None:
    """The changed lines are in the module as it is, so that a stale entry is seen without a run."""
    for (function, was, _), reason in equivalents().items():
        [module] = [path for path in MODULES if function.startswith(f"{_dotted(path)}.")]
        lines = {line.strip() for line in (ROOT / module).read_text().splitlines()}
        assert set(was.splitlines()) <= lines, function
        assert reason.endswith(".")


def _dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


@pytest.mark.parametrize(
    ("mutant", "function"),
    [
        ("karma_core.walk.xǁWalkǁ_push__mutmut_12", "karma_core.walk.Walk._push"),
        ("karma_core.plan.judge.x__still__mutmut_1", "karma_core.plan.judge._still"),
        ("karma_core.plan.judge.x_judge__mutmut_1", "karma_core.plan.judge.judge"),
    ],
)
def test_a_mutants_function_is_named_as_in_the_code(mutant: str, function: str) -> None:
    """Mutmut joins class and method by a letter of its own."""
    assert function_of(mutant) == function


def test_changed_lines_are_those_of_the_diff() -> None:
    """Without its headers and their indentation."""
    diff = "--- a\n+++ b\n@@ -1 +1 @@\n def f():\n-    a = True\n+    a = False\n"
    assert (changed_lines(diff, "-"), changed_lines(diff, "+")) == ("a = True", "a = False")


@pytest.mark.parametrize(
    ("status", "reasons", "good", "said"),
    [
        ("killed", {}, True, "1 killed, 0 equivalent, 0 survive"),
        ("timeout", {}, True, "1 killed, 0 equivalent, 0 survive"),
        ("survived", {KEY: "It is so."}, True, "0 killed, 1 equivalent, 0 survive"),
        ("survived", {}, False, "Walk.stop (survived"),
        ("no tests", {}, False, "Walk.stop (no tests"),
        ("killed", {KEY: "It is so."}, False, "lists what is killed or gone: karma_core.walk.Walk.stop"),
    ],
)
def test_a_survivor_has_to_be_listed_and_a_listed_one_has_to_survive(
    status: str,
    reasons: dict[tuple[str, str, str], str],
    good: bool,
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Either fault fails the run, and names the mutant."""
    assert judged("walk", [{**MUTANT, "status": status}], reasons) is good
    assert said in capsys.readouterr().out
