"""prefect.yaml against a real Prefect server: Karma registers it, `prefect deploy` does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import registration
from tests import prefect_database

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import json, subprocess, sys
from pathlib import Path
from flows.server import temporary_server

def prefect_deploy():
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    ended = subprocess.run(command, capture_output=True, text=True)
    return [ended.returncode, " ".join((ended.stdout + ended.stderr).split())]

with temporary_server(Path(sys.argv[1])):
    from prefect.client.orchestration import get_client
    from flows import registration
    with get_client(sync_client=True) as client:
        bare = [*prefect_deploy(), len(client.read_deployments())]
        registration.main(sys.argv[2])
        registered = sorted(d.model_dump_json() for d in client.read_deployments())
        refused = prefect_deploy()
        unchanged = registered == sorted(d.model_dump_json() for d in client.read_deployments())
    from flows.graph_rebuild import graph_rebuild
    built = graph_rebuild(project=sys.argv[2], environment="prod")
    from flows.drift import drift_check
    checked = drift_check(project=sys.argv[2], environment="prod")
print(json.dumps({"bare": bare, "registered": len(registered), "refused": refused, "unchanged": unchanged,
                  "built": built, "checked": checked}))
"""


@pytest.mark.timeout(180)
def test_prefect_deploy_changes_nothing_and_the_rebuild_runs(tmp_path: Path) -> None:
    """It ends with an error on a bare server and on a registered one; the flows do their work."""
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
    code, why, deployments = said["bare"]
    assert (code, deployments) == (1, 0)
    assert "work pool 'karma' which does not exist" in why
    assert said["registered"] == len(registration.deployments())
    code, why = said["refused"]
    assert code == 1
    assert "python -m flows.registration PROJECT" in why
    assert said["unchanged"] is True
    assert (said["built"]["components"], said["built"]["status"]) == (22, "published")
    assert (said["checked"]["status"], said["checked"]["components"]) == ("clean", [])
