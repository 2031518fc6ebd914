"""Run the change flow on a temporary Prefect server; prints the result documents and the form.

Twice under one key, then again by the change's id, then for a component that is new and waits for an apply.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from flows.server import temporary_server


def main(project: str) -> None:
    """Request and apply a change of the component that `karma init` makes."""
    with temporary_server(Path(project) / ".karma" / "prefect"):
        from flows.change_run import change_run  # noqa: PLC0415 - imports Prefect, after its settings are made

        found: dict[str, Any] = {}
        for _ in range(2):
            found = change_run(
                project=project,
                environment="dev",
                component="hello/world",
                proposed_change={"greeting": "flow"},
                apply_when_approved=True,
                idempotency_key="delivery-1",
            )
            sys.stdout.write(json.dumps(found) + "\n")
        again = change_run(project=project, environment="dev", change_id=found["change_id"])
        sys.stdout.write(json.dumps(again) + "\n")
        made = change_run(
            project=project,
            environment="dev",
            component="hello/new",
            create={"greeting": "made"},
            reason="a form",
        )
        sys.stdout.write(json.dumps(made) + "\n")
        sys.stdout.write(json.dumps(change_run.parameters.model_dump()["properties"]) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
