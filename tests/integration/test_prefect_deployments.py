"""prefect.yaml against a real Prefect server: its deployments can be registered, and their flows run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import prefect_database

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from flows.server import temporary_server

with temporary_server(Path(sys.argv[1])):
    import subprocess
    from prefect.client.orchestration import get_client
    command = [sys.executable, "-m", "prefect", "work-pool", "create", "karma", "--type", "process"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with get_client(sync_client=True) as client:
        found = {
            d.name: {"parameters": sorted(d.parameter_openapi_schema["properties"]), "pool": d.work_pool_name,
                     "schedules": [s.active for s in d.schedules]}
            for d in client.read_deployments()
        }
    from flows.graph_rebuild import graph_rebuild
    built = graph_rebuild(project=sys.argv[2], environment="prod")
    from flows.drift import drift_check
    checked = drift_check(project=sys.argv[2], environment="prod")
print(json.dumps({"deployments": found, "built": built, "checked": checked}))
"""


@pytest.mark.timeout(180)
def test_deployments_register_and_the_rebuild_runs(tmp_path: Path) -> None:
    """Every deployment has its typed form and its pool; the rebuild publishes a graph, the check ends."""
    project = tmp_path / "shop"
    shutil.copytree(ROOT / "examples" / "shop", project)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KARMA_", "PREFECT_"))}
    environment["PYTHONPATH"] = str(ROOT)
    publish = [
        sys.executable,
        "-m",
        "karma_cli",
        "config",
        "publish",
        "--env",
        "prod",
        "--project",
        str(project),
    ]
    subprocess.run(publish, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, timeout=60)
    prefect_database.prepare(tmp_path / "prefect")
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "prefect"), str(project)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=150,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    said = json.loads(ended.stdout.splitlines()[-1])
    assert {"deploy", "drift-check", "graph-rebuild"} <= said["deployments"].keys()
    for deployment in said["deployments"].values():
        assert deployment["pool"] == "karma"
        assert {"project", "environment"} <= set(deployment["parameters"])
    for scheduled in ("drift-check", "graph-rebuild"):
        assert said["deployments"][scheduled]["schedules"] == [False]
    assert (said["built"]["components"], said["built"]["status"]) == (22, "published")
    assert (said["checked"]["status"], said["checked"]["components"]) == ("clean", [])
