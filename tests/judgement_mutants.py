"""Faults seeded into the judgement of changes, one at a time: a pytest plugin.

`KARMA_TEST_MUTANT=<name> pytest -p tests.judgement_mutants …` runs tests on the mutant.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from karma_core.changes import digest, judgement
from karma_core.policy import rules
from karma_core.use_cases.changes import applying, decisions, queue, rollback, simulation
from karma_core.use_cases.configs import publish, publish_judgement

VARIABLE: Final = "KARMA_TEST_MUTANT"


def always(value: Any) -> Callable[..., Any]:
    """A function that says the same of everything."""
    return lambda *_, **__: value


_edits_of = judgement.edits_of


def _without_base(changes: Any, inventory: Any) -> Any:
    return _edits_of([replace(change, base_version=None) for change in changes], inventory)


def _cones_alone(one: Any, other: Any) -> bool:
    return bool(set(one.cone) & set(other.cone))


def _named_alone(original: Any, changes: Any) -> Any:
    del changes
    return (original,)


def _end(workspace: Any, register: Any, kept: Any, status: Any, why: str) -> Any:
    del workspace
    return applying._end(register, kept, status, why)


MUTANTS: Final[dict[str, tuple[Any, str, Callable[..., Any]]]] = {
    "nobody looks who uses what is removed": (judgement, "live_consumers", always(())),
    "what is deployed is no consumer": (judgement, "applied_users", always({})),
    "new findings pass": (judgement, "new_findings", always(())),
    "old findings reject": (judgement, "new_findings", lambda _, after: iter(after)),
    "producers need not be deployed": (judgement, "not_deployed", always(())),
    "base versions are not compared": (judgement, "edits_of", _without_base),
    "sizes are not checked": (judgement, "_check_size", always(None)),
    "changes never overlap": (queue, "overlap", always(False)),
    "what a change reads does not matter": (queue, "overlap", _cones_alone),
    "the policy forbids nothing": (rules, "rejections", always(())),
    "protected fields are like others": (rules, "protected_fields", always(())),
    "other environments may be named": (rules, "_cross_environment", always(())),
    "the policy wants no approval": (rules, "approvals", always([])),
    "destroying needs no approval": (rules, "approvals_of_plan", always([])),
    "everybody may approve": (decisions, "may_approve", always("")),
    "an approval covers every plan": (digest, "exceeds", always([])),
    "what was written may have moved": (simulation, "_moved_on", always(())),
    "a freeze ends at the apply": (applying, "_refuse_frozen", always(None)),
    "a later set is taken back in part": (rollback, "with_later", _named_alone),
    "a failure is never taken back": (applying, "_end_badly", _end),
    "publishing is not judged": (publish, "judge_publish", always(None)),
    "what is in use is pruned": (publish_judgement, "_in_use", always(set())),
}


def pytest_configure() -> None:
    """Seed the fault that the environment names."""
    name = os.environ.get(VARIABLE)
    if name:
        module, attribute, fault = MUTANTS[name]
        setattr(module, attribute, fault)
