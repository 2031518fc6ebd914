"""kill -9 of deploys that change everything, each resumed: always the same end, and nothing completed twice.

Two ledgers outside Karma say what happened: a stand-in notes every Terraform process, and a provisioner of
each resource appends a line for each time that it really ran.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Karma, write_config
from tests.e2e.ledger import Ledger

SOAK = os.environ.get("KARMA_SOAK") == "1"
RANDOM_KILLS = 100 if SOAK else 4
PLACES = [
    "deploy.after_start",
    "deploy.after_intent",
    "deploy.before_apply",
    "deploy.after_apply",
    "deploy.before_outcome",
    "deploy.before_runtime",
    "deploy.after_runtime",
    "deploy.before_reload",
    "deploy.after_reload",
    "build.before_commit",
]
AT_PLACES = PLACES if SOAK else PLACES[3:6:2]
SEED = 20261124
SETTINGS = """
[project]
orchestrator = "direct"
[environments.prod]
parallelism = 2
lease_seconds = 5
"""
BOX = """
variable "config" {{
  type = any
}}
variable "dependencies" {{
  type    = any
  default = {{}}
}}
variable "nickname" {{
  type = string
}}
resource "terraform_data" "this" {{
  triggers_replace = {{ size = var.config.size, seen = var.dependencies }}
  provisioner "local-exec" {{
    command = "echo ${{var.nickname}} ${{var.config.size}} >>{effects}; sleep 0.2"
  }}
}}
output "runtime" {{
  value = {{ size = var.config.size }}
}}
"""
AGENT = 'propagation: reload\nreload:\n  command: ["true"]\n'
BOXES: dict[str, dict[str, Any]] = {"a": {}, "b": {"box_nickname": "a"}, "c": {"box_nickname": "a"}}


class System:
    """A diamond of boxes under an agent that reloads, both ledgers, and the deploys that are killed."""

    def __init__(self, root: Path) -> None:
        self.effects = root / "effects"
        self.effects.touch()
        (root / "karma.toml").write_text(SETTINGS)
        for name in ("box", "agent"):
            (root / "components" / name).mkdir(parents=True)
            (root / "components" / name / "main.tf").write_text(BOX.format(effects=self.effects))
        (root / "components/agent/component.yaml").write_text(AGENT)
        self.ledger = Ledger(root / "bin")
        self.karma = Karma(root).under(**self.ledger.variables)
        write_config(root, "prod", "agent/d", json.dumps({"size": 0, "depends_on": ["box/b", "box/c"]}))
        self.killed: Counter[str] = Counter()
        self.twice: Counter[str] = Counter()

    def configure(self, size: int) -> None:
        """Give every box this size, so that all of them have to be replaced."""
        for nickname, config in BOXES.items():
            write_config(self.karma.project, "prod", f"box/{nickname}", json.dumps({**config, "size": size}))
        self.karma.json("config", "publish")

    def kill_after(self, seconds: float, *words: str) -> None:
        """Start a command, and kill it after so many seconds, whatever it is at."""
        process = self.karma.start(*words, "--auto-approve", "--json")
        time.sleep(seconds)
        process.kill()
        process.communicate(timeout=60)
        self.killed["while Terraform ran" if self.ledger.running() else "otherwise"] += 1
        self.forget_leases()

    def forget_leases(self) -> None:
        """Let the dead run's leases expire now."""
        with sqlite3.connect(self.karma.state / "state.sqlite") as state:
            state.execute("UPDATE leases SET expires_at = 0")
        state.close()

    def _bodies(self, query: str) -> list[dict[str, Any]]:
        with sqlite3.connect(self.karma.state / "state.sqlite") as state:
            bodies = [json.loads(body) for (body,) in state.execute(query)]
        state.close()
        return bodies

    def dead_runs(self) -> list[str]:
        """Runs that never came to their end."""
        return [run["id"] for run in self._bodies("SELECT body FROM runs") if run["status"] == "running"]

    def heal(self) -> None:
        """Resume the run that died; where none had begun, or it had ended, deploy."""
        dead = self.dead_runs()
        for run_id in dead:
            assert self.karma.json("deploy", "--resume", run_id)["status"] == "succeeded"
        if not dead:
            assert self.karma.json("deploy", "--all", "--auto-approve")["status"] == "succeeded"

    def check(self, size: int) -> None:
        """The end is that of an undisturbed run; nothing completed twice; repeated effects are counted."""
        with sqlite3.connect(self.karma.state / "parameters.sqlite") as store:
            rows = store.execute("SELECT name, value FROM parameter WHERE name LIKE '/iac/box/%/runtime'")
            runtimes = {name: json.loads(value) for name, value in rows.fetchall()}
        store.close()
        assert runtimes == {f"/iac/box/{nickname}/runtime": {"size": size} for nickname in BOXES}
        for nickname in BOXES:
            path = self.karma.state / "tfstate/box" / nickname / "terraform.tfstate"
            (resource,) = json.loads(path.read_text())["resources"]
            assert resource["instances"][0]["attributes"]["triggers_replace"]["value"]["size"] == size
            assert resource["instances"][0].get("status") != "tainted"
        completed = Counter(
            (entry["address"], entry["generation"], entry["step"])
            for entry in self._bodies("SELECT body FROM journal")
            if entry["status"] == "succeeded"
        )
        assert {one for one, times in completed.items() if times > 1} == set()
        assert self.ledger.overlaps() == []
        assert self.ledger.running() == 0
        self._count_repeated(size)

    def _count_repeated(self, size: int) -> None:
        """A provisioner runs again only where the Terraform that ran it was cut off."""
        ran = Counter(
            line.split()[0] for line in self.effects.read_text().splitlines() if line.split()[1] == str(size)
        )
        assert ran.keys() >= BOXES.keys()
        cut = Counter(
            line.component.partition("/")[2]
            for line in self.ledger.lines()
            if (line.event, line.command) == ("end", "apply") and line.code != 0
        )
        for nickname, times in ran.items():
            if times > 1:
                assert cut[nickname] >= self.twice[nickname] + times - 1
                self.twice[nickname] += times - 1

    def check_nothing_is_left(self) -> None:
        """The log verifies, and a deploy of everything finds nothing to do, without a process."""
        assert self.karma.json("log", "verify")["verified"]
        processes = self.ledger.started()
        again = self.karma.json("deploy", "--all", "--auto-approve")
        assert {c["status"] for c in again["components"]} == {"unchanged"}
        assert self.ledger.started() == processes


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A deployed system."""
    made = System(tmp_path)
    made.configure(1)
    made.heal()
    return made


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_deploys_that_are_killed_at_random_are_resumed_to_the_same_end(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each round changes every box; the deploy, and now and then the run that resumes it, is killed."""
    rng = random.Random(SEED)
    system.configure(2)
    begun = time.monotonic()
    whole_run = system.karma.run_by_itself("deploy", "--all", "--auto-approve", "--json")
    whole = time.monotonic() - begun
    assert whole_run.document["status"] == "succeeded"
    for size in range(3, 3 + RANDOM_KILLS):
        system.configure(size)
        system.kill_after(rng.uniform(0.2, whole), "deploy", "--all")
        if rng.random() < 0.2:
            for run in system.dead_runs():
                system.kill_after(rng.uniform(0.2, whole), "deploy", "--resume", run)
        system.heal()
        system.check(size)
    system.check_nothing_is_left()
    with capsys.disabled():
        sys.stdout.write(
            f"\n{system.killed.total()} kills, {system.killed['while Terraform ran']} while Terraform ran; "
            f"provisioners that a cut Terraform ran again: {system.twice.total()}\n"
        )


@pytest.mark.parametrize("place", AT_PLACES)
def test_deploys_that_die_at_a_named_place_are_resumed_to_the_same_end(system: System, place: str) -> None:
    """The process dies there, at once, after everything had to be done anew."""
    system.configure(2)
    ran = system.karma.run("deploy", "--all", "--auto-approve", "--json", KARMA_FAILPOINT=place)
    assert ran.code == -signal.SIGKILL
    system.forget_leases()
    system.heal()
    system.check(2)
    system.check_nothing_is_left()
