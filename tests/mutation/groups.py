"""What is mutated, and the suites that have to notice it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
UNIT: Final = "tests/unit/karma_core"


class Group(NamedTuple):
    """Modules (paths in the repository) and the tests that state their rules."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


GROUPS: Final[dict[str, Group]] = {
    "judge": Group(("karma_core/plan/judge.py",), (f"{UNIT}/plan/test_judge.py",)),
    "fingerprint": Group(
        ("karma_core/plan/fingerprint.py",),
        (f"{UNIT}/plan/test_fingerprint_parts.py", f"{UNIT}/plan/test_fingerprint.py"),
    ),
    "walk": Group(("karma_core/walk.py",), (f"{UNIT}/test_walk.py",)),
    "references": Group(
        tuple(
            f"karma_core/references/{path.name}"
            for path in sorted((ROOT / "karma_core" / "references").glob("[a-z]*.py"))
        ),
        (f"{UNIT}/references",),
    ),
    "gate": Group(
        ("karma_core/use_cases/orders/gate.py",),
        (f"{UNIT}/use_cases/orders/test_gate_answers.py", f"{UNIT}/use_cases/orders/test_gate.py"),
    ),
    "decider": Group(
        ("karma_core/use_cases/plans/decider.py",),
        (f"{UNIT}/use_cases/plans/test_decider.py",),
    ),
}
"""Group → its modules and tests. The suites of a group are run on each mutant of its modules."""
