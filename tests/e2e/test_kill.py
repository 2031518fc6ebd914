"""kill -9 of a deploy, at every named place and at random: what is left is readable, and the next one heals.

The oracle is a ledger that a stand-in around the real Terraform writes: it knows what ran, whatever Karma
believes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Karma, statuses, write_config
from tests.e2e.ledger import Ledger

RANDOM_KILLS = 30 if os.environ.get("KARMA_SOAK") == "1" else 5
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
    "build.after_commit",
    "graph.commit.before_commit",
]
SETTINGS = """
[project]
orchestrator = "direct"
[environments.prod]
parallelism = 2
lease_seconds = 5
"""
BOX = """
variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = { size = var.config.size, seen = var.dependencies }
}
output "runtime" {
  value = { size = var.config.size }
}
"""
AGENT = """
propagation: reload
reload:
  command: ["true"]
"""
COMPONENTS = {
    "box/a": {"size": 1},
    "box/b": {"size": 2, "box_nickname": "a"},
    "box/c": {"size": 3, "box_nickname": "a"},
    "agent/d": {"size": 4, "depends_on": ["box/b", "box/c"]},
}


class System:
    """Four components, a diamond whose last one reloads, and their ledger."""

    def __init__(self, root: Path) -> None:
        (root / "karma.toml").write_text(SETTINGS)
        for name in ("box", "agent"):
            folder = root / "components" / name
            folder.mkdir(parents=True)
            (folder / "main.tf").write_text(BOX)
        (root / "components/agent/component.yaml").write_text(AGENT)
        self.ledger = Ledger(root / "bin")
        self.karma = Karma(root).under(**self.ledger.variables)
        self.configure(0)

    def configure(self, more: int) -> None:
        """Publish the configs, the boxes' sizes raised by `more`."""
        for address, config in COMPONENTS.items():
            size = int(str(config["size"])) + (more if address.startswith("box/") else 0)
            write_config(self.karma.project, "prod", address, json.dumps({**config, "size": size}))
        self.karma.json("config", "publish")

    def deploy_until_free(self) -> dict[str, Any]:
        """Deploy; while the dead run's lease lives on, wait and try again."""
        deadline = time.monotonic() + 40
        while True:
            ran = self.karma.run("deploy", "--all", "--auto-approve", "--json")
            if ran.code == 0:
                document: dict[str, Any] = ran.document
                return document
            assert ran.error["code"] == "lease-held", (ran.out, ran.err)
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def forget_leases(self) -> None:
        """Let the dead run's leases expire now."""
        with sqlite3.connect(self.karma.state / "state.sqlite") as state:
            state.execute("UPDATE leases SET expires_at = 0")
        state.close()

    def runtimes(self) -> dict[str, str]:
        """Every runtime that is published."""
        with sqlite3.connect(self.karma.state / "parameters.sqlite") as store:
            rows = store.execute("SELECT name, value FROM parameter WHERE name LIKE '%/runtime'").fetchall()
        store.close()
        return dict(rows)

    def generations(self) -> dict[str, int]:
        """How many generations of each component were begun to be applied."""
        with sqlite3.connect(self.karma.state / "state.sqlite") as state:
            bodies = [json.loads(body) for (body,) in state.execute("SELECT body FROM journal")]
        state.close()
        begun = {(e["address"], e["generation"]) for e in bodies if e["step"] == "apply"}
        done = [(e["address"], e["generation"]) for e in bodies
                if (e["step"], e["status"]) == ("apply", "succeeded")]  # fmt: skip
        assert len(done) == len(set(done))
        return {a: sum(address == a for address, _ in begun) for a in COMPONENTS}

    def check_what_is_left(self) -> None:
        """After a death: graph, state and log can be read, and the chain verifies."""
        assert self.karma.run("graph", "show", "--json").code in {0, 1}
        assert self.karma.json("log", "verify")["verified"]

    def check_the_end(self, more: int) -> None:
        """Everything is as configured, by Terraform's own state, and nothing was done twice."""
        for address, config in COMPONENTS.items():
            state = json.loads((self.karma.state / "tfstate" / address / "terraform.tfstate").read_text())
            (resource,) = state["resources"]
            if not address.startswith("agent/"):
                size = int(str(config["size"])) + more
                assert resource["instances"][0]["attributes"]["input"]["value"]["size"] == size
                assert json.loads(self.runtimes()[f"/iac/{address}/runtime"]) == {"size": size}
        assert self.ledger.overlaps() == []
        assert self.ledger.running() == 0
        begun = self.generations()
        assert all(self.ledger.applies(address) <= begun[address] for address in COMPONENTS)
        assert self.karma.json("log", "verify")["verified"]
        processes = self.ledger.started()
        again = self.karma.json("deploy", "--all", "--auto-approve")
        assert set(statuses(again).values()) == {"unchanged"}
        assert self.ledger.started() == processes


@pytest.fixture
def system(tmp_path: Path) -> System:
    """A system with nothing deployed."""
    return System(tmp_path)


@pytest.mark.parametrize("place", PLACES)
def test_a_death_at_a_named_place_is_healed_by_the_next_deploy(system: System, place: str) -> None:
    """The process dies there, at once; the next deploy converges to what the configs say."""
    if "reload" in place:
        system.deploy_until_free()
        system.configure(10)
    more = 10 if "reload" in place else 0
    ran = system.karma.run("deploy", "--all", "--auto-approve", "--json", KARMA_FAILPOINT=place)
    assert ran.code == -signal.SIGKILL
    system.forget_leases()
    system.check_what_is_left()
    assert system.deploy_until_free()["status"] == "succeeded"
    system.check_the_end(more)


def test_the_lease_of_a_dead_run_ends_by_itself(system: System) -> None:
    """Nobody is in the way for longer than the lease, and until then others are told who holds it."""
    settings = system.karma.project / "karma.toml"
    settings.write_text(settings.read_text().replace("lease_seconds = 5", "lease_seconds = 12"))
    ran = system.karma.run("deploy", "--all", "--auto-approve", KARMA_FAILPOINT="deploy.after_apply")
    assert ran.code == -signal.SIGKILL
    refused = system.karma.refuses("deploy", "--all", "--auto-approve", code=4)
    assert refused.error["code"] == "lease-held"
    assert system.deploy_until_free()["status"] == "succeeded"
    system.check_the_end(0)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(RANDOM_KILLS))
def test_deaths_at_random_are_healed(system: System, seed: int) -> None:
    """Killed twice at any moment of a deploy, Terraform running or not, it still ends where it should."""
    rng = random.Random(seed)
    for _ in range(2):
        process = system.karma.start("deploy", "--all", "--auto-approve", "--json")
        time.sleep(rng.uniform(0.3, 3.0))
        process.kill()
        process.communicate(timeout=30)
        system.forget_leases()
        system.check_what_is_left()
    assert system.deploy_until_free()["status"] == "succeeded"
    system.check_the_end(0)


@pytest.mark.parametrize("place", ["destroy.after_intent", "destroy.after_destroy"])
def test_a_death_during_destroy_is_healed_by_the_next(system: System, place: str) -> None:
    """What was not destroyed, or not noted as destroyed, is destroyed by the next call."""
    system.deploy_until_free()
    ran = system.karma.run("destroy", "--all", "--auto-approve", KARMA_FAILPOINT=place)
    assert ran.code == -signal.SIGKILL
    system.forget_leases()
    system.check_what_is_left()
    ended = system.karma.json("destroy", "--all", "--auto-approve")
    assert set(statuses(ended).values()) == {"destroyed"}
    assert system.runtimes() == {}
    for state in (system.karma.state / "tfstate").rglob("terraform.tfstate"):
        assert json.loads(state.read_text())["resources"] == []
    assert system.karma.json("log", "verify")["verified"]
