"""A program that reads a Prefect server (PREFECT_API_URL) as its UI does, and prints one JSON document."""

from __future__ import annotations

import json
import sys
from typing import Any

from prefect.client.orchestration import get_client


def read() -> dict[str, Any]:
    """Flow runs, task runs (name, state, the names of those they waited for) and artifacts."""
    with get_client(sync_client=True) as client:
        tasks = client.read_task_runs(limit=200)
        names = {task.id: task.name for task in tasks}
        artifacts = client.read_artifacts(limit=200)
        flows = client.read_flow_runs()
    return {
        "flows": [{"name": run.name, "state": run.state_name} for run in flows],
        "tasks": {
            task.name: {
                "state": task.state_name,
                "after": sorted(names[entry.id] for entry in task.task_inputs.get("wait_for", [])
                                if getattr(entry, "id", None) in names),
            }
            for task in tasks
        },
        "artifacts": sorted({entry.key for entry in artifacts if entry.key}),
    }  # fmt: skip


if __name__ == "__main__":
    json.dump(read(), sys.stdout)
