"""The change flow on a real Prefect server and a real Terraform."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests import prefect_database
from tests.e2e.command_line import Karma, environment

FIELDS = ["change_id", "status", "affected_components", "warnings", "findings", "plan", "log_entry_id"]
ROOT = Path(__file__).parents[2]


def test_a_change_runs_as_a_flow_once_for_its_key(tmp_path: Path) -> None:
    """It is requested, applied and propagated; a second run under the key gives the same change again."""
    karma = Karma(tmp_path, env="dev")
    karma.json("init")
    karma.json("config", "publish")
    prefect_database.prepare(tmp_path / ".karma" / "prefect")
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.change_flow", str(tmp_path)],
        cwd=ROOT,
        env=environment({"KARMA_API__PUBLIC_URL": "https://karma.example.org"}),
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    one, other, again, made, form, others = lines
    assert one["status"] == other["status"] == again["status"] == "applied"
    assert one["change_id"] == other["change_id"] == again["change_id"]
    assert list(made) == FIELDS
    assert made["status"] == "approved"
    assert form["dry_run"]["type"] == "boolean"
    assert {"object", "array"} <= {kind["type"] for kind in form["proposed_change"]["anyOf"]}
    pages = {flow: text.partition("](")[2].rstrip(")") for flow, text in others["links"].items()}
    root = "https://karma.example.org/ui/dev"
    assert pages["drift-check"] == f"{root}/graph?status=drifted"
    assert pages["graph-rebuild"].startswith(f"{root}/graph?at=")
    assert pages["change-run"].startswith(f"{root}/changes/")
    events = karma.json("log", "list", "--limit", "200")
    applied = [e for e in events if e["action"] == "terraform_apply" and e["status"] == "succeeded"]
    assert [e["change_id"] for e in applied] == [one["change_id"]]
