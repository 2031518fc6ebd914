"""Run the change flow on a temporary Prefect server, twice under one key; prints the result documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flows.server import temporary_server


def main(project: str) -> None:
    """Request and apply a change of the component that `karma init` makes."""
    with temporary_server(Path(project) / ".karma" / "prefect"):
        from flows.change_run import change_run  # noqa: PLC0415 - imports Prefect, after its settings are made

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


if __name__ == "__main__":
    main(sys.argv[1])
