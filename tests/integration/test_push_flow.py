"""The push flow on a real Prefect server, a real clone and a real Terraform."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import prefect_database
from tests.e2e.command_line import Karma, write_config
from tests.e2e.conftest import commit, git

ROOT = Path(__file__).parents[2]
SCRIPT = """
import json, sys
from pathlib import Path
from flows.server import temporary_server
from tests.e2e.vouched import vouched_for

project, commit = sys.argv[1:]
with temporary_server(Path(project) / ".karma" / "prefect"):
    from flows.push_run import push_run
    given = {"environment": "dev", "addresses": ["hello/world", "hello/moon"], "commit": commit,
             "author": "ann@example.org", "message": "hey"}
    for _ in range(2):
        ordered = vouched_for(Path(project), "webhook:ann", "push-run", given)
        found = push_run(project=project, **ordered)
        print(json.dumps(found))
"""


@pytest.mark.timeout(240)
def test_a_push_runs_as_a_flow(tmp_path: Path) -> None:
    """What the commit holds is applied as one change; the second time there is nothing to do."""
    karma = Karma(tmp_path, env="dev")
    karma.json("init")
    karma.json("config", "publish")
    git(tmp_path, "init", "-q", "-b", "main")
    write_config(tmp_path, "dev", "hello/world", '{"greeting": "hey"}')
    write_config(tmp_path, "dev", "hello/moon", '{"greeting": "night"}')
    pushed = commit(tmp_path)
    write_config(tmp_path, "dev", "hello/world", '{"greeting": "not committed"}')
    prefect_database.prepare(tmp_path / ".karma" / "prefect")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), pushed],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
        check=True,
    )
    first, second = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(("{", "null"))]
    assert first["status"] == "applied"
    assert first["affected_components"] == ["hello/moon", "hello/world"]
    assert second is None
    change = karma.json("change", "list")[0]
    assert (change["requested_by"], change["components"]) == ("webhook:ann", ["hello/moon", "hello/world"])
    assert karma.json("config", "show", "hello", "world")["config"] == {"greeting": "hey"}
