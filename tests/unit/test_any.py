"""`Any` stands where a type cannot be known, and each place says why: a new one needs a reason here.

JSON documents have their aliases (`karma_core/json_types.py`), which are not counted where they are used.
"""

from __future__ import annotations

import tokenize
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "karma_core", "karma_log", "karma_adapters", "tasks", "flows",
    "karma_api", "karma_lambda", "karma_ui", "karma_service", "karma_cli",
)  # fmt: skip
REASONS: dict[str, dict[str, int]] = {
    "The alias of what has no type, defined once with its reason": {
        "karma_adapters/sqlite/connection.py": 1,
        "karma_core/documents.py": 1,
        "karma_core/inference/values.py": 1,
        "karma_core/json_types.py": 4,
        "karma_core/walk.py": 1,
        "karma_log/sinks/service.py": 2,
        "karma_log/sinks/sqlite.py": 1,
    },
    "boto3 makes its clients and their calls at run time": {
        "karma_adapters/aws/access.py": 8,
        "karma_adapters/aws/api.py": 11,
        "karma_adapters/aws/creation.py": 1,
        "karma_adapters/aws/failures.py": 2,
        "karma_adapters/aws/state_table.py": 3,
        "karma_adapters/reloads/aws.py": 2,
        "karma_log/sinks/service.py": 2,
    },
    "gremlinpython has no types; arguments are passed on to it": {
        "karma_adapters/gremlin/client.py": 2,
        "karma_adapters/gremlin/queries.py": 1,
        "karma_adapters/gremlin/sigv4.py": 1,
    },
    "Prefect's objects are generic in what a flow returns, or typed by its version": {
        "flows/automations.py": 1,
        "flows/deploy.py": 1,
        "flows/executor.py": 2,
        "flows/hooks.py": 2,
        "flows/notices.py": 2,
        "flows/local.py": 6,
        "flows/process_worker.py": 1,
        "flows/progress.py": 1,
        "flows/registration.py": 2,
        "tasks/steps.py": 3,
    },
    "strawberry and graphql-core: a node or a type of any kind": {
        "karma_api/graphql/limits.py": 3,
        "karma_api/graphql/types.py": 2,
    },
    "The signature is another library's": {
        "karma_adapters/modules/component_yaml.py": 2,
        "karma_adapters/reloads/pinned.py": 1,
        "karma_adapters/terraform/command_line.py": 1,
        "karma_ui/api.py": 2,
    },
    "Loaded by its name, so that no import leads there": {
        "karma_adapters/wiring/kinds.py": 3,
        "karma_lambda/handlers.py": 1,
    },
    "Fields of a struct or arguments of a call, gathered before or passed on": {
        "flows/stamped_log.py": 1,
        "karma_adapters/terraform/runner.py": 1,
        "karma_cli/change.py": 1,
        "karma_cli/config.py": 1,
        "karma_core/events.py": 2,
        "karma_core/use_cases/audit/causes.py": 1,
        "karma_core/use_cases/changes/decisions.py": 1,
        "karma_core/use_cases/changes/intake.py": 1,
        "karma_core/use_cases/changes/planning.py": 2,
        "karma_core/use_cases/changes/register.py": 2,
        "karma_core/use_cases/changes/rollback.py": 1,
        "karma_core/use_cases/configs/writing.py": 1,
        "karma_core/use_cases/runs/journalling.py": 1,
        "karma_core/use_cases/runs/runtime_writing.py": 1,
        "karma_ui/view.py": 1,
    },
    "A table of functions or values that each take or hold a type of their own": {
        "karma_adapters/reloads/reloader.py": 1,
        "karma_api/cached_graph.py": 3,
        "karma_api/route.py": 2,
        "karma_core/inference/compiler.py": 1,
        "karma_core/inference/module_scope.py": 1,
        "karma_core/use_cases/runs/deployment.py": 1,
        "karma_ui/graph_cache.py": 1,
        "karma_ui/pages/graph.py": 1,
    },
    "The type `Any` itself, as the answer to what a setting's type is": {
        "karma_adapters/wiring/reading.py": 2,
    },
}
"""Reason → module → how often `Any` stands there for it."""


def uses(path: Path) -> int:
    """How often a module says `Any` in its code, imports left out."""
    with path.open("rb") as file:
        return sum(
            token.type == tokenize.NAME and token.string == "Any" and "import" not in token.line
            for token in tokenize.tokenize(file.readline)
        )


def test_every_any_has_its_reason() -> None:
    """By module and number: one more, or one in another module, needs a line above; one less loses it."""
    counted: Counter[str] = Counter()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            counted[path.relative_to(ROOT).as_posix()] = uses(path)
    said: Counter[str] = Counter()
    for modules in REASONS.values():
        said.update(modules)
    assert {module: n for module, n in counted.items() if n} == dict(said)
