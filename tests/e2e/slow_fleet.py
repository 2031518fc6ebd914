"""Components whose resources take a second to make, and a ledger outside Karma of what was made.

Each resource appends its id to the ledger when it is made, and again when it is taken away in order (not when
it is tainted: Terraform then runs no provisioner of its). What is killed are processes, by their ids.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

from karma_adapters.aws.api import Api
from karma_core.errors import NotFound
from tests import local_aws
from tests.e2e.command_line import Karma, Ran, write_config
from tests.e2e.victims import kill, kill_all_but_terraform, terraforms, until

SETTINGS = """
[project]
orchestrator = "direct"
[environments.prod]
parallelism = 2
lease_seconds = 5
{more}
[terraform]
save_seconds = 20
lock_timeout_seconds = 1
"""
IN_S3 = """
region = "{region}"
terraform_state = "s3"
[environments.prod.aws]
endpoint_url = "{url}"
bucket = "{bucket}"
requests_per_second = 1000
"""
MODULE = """
variable "config" {{
  type = any
}}
variable "dependencies" {{
  type    = any
  default = {{}}
}}
resource "terraform_data" "made" {{
  for_each         = toset(["x", "y"])
  triggers_replace = {{ size = var.config.size }}
  provisioner "local-exec" {{
    command = "echo made ${{self.id}} >>{ledger}; sleep {seconds}"
  }}
  provisioner "local-exec" {{
    when    = destroy
    command = "echo gone ${{self.id}} >>{ledger}; sleep 0.2"
  }}
}}
output "runtime" {{
  value = {{ size = var.config.size, ids = sort([for one in terraform_data.made : one.id]) }}
}}
"""
COMPONENTS: dict[str, dict[str, Any]] = {"slow/a": {}, "slow/b": {"slow_nickname": "a"}}


class SlowFleet:
    """Two components, one behind the other; their states are local, or in `bucket`."""

    def __init__(self, root: Path, bucket: Api | None = None, *, seconds: float = 0.8) -> None:
        self.root = root
        self.bucket = bucket
        self.ledger = root / "ledger"
        self.ledger.touch()
        place = IN_S3.format(region=local_aws.REGION, url=local_aws.url(), bucket=local_aws.BUCKET)
        (root / "karma.toml").write_text(SETTINGS.format(more=place if bucket else ""))
        (root / "components/slow").mkdir(parents=True)
        (root / "components/slow/main.tf").write_text(MODULE.format(ledger=self.ledger, seconds=seconds))
        self.karma = Karma(root)
        self.known: set[str] = set()
        self.kills: Counter[str] = Counter()

    def configure(self, size: int) -> None:
        """Give every component this size, so that all resources have to be made anew; published."""
        for address, config in COMPONENTS.items():
            write_config(self.root, "prod", address, json.dumps({**config, "size": size}))
        self.karma.json("config", "publish")

    # -- what is there ------------------------------------------------------------------------------------

    def state(self, address: str) -> dict[str, Any]:
        """The component's Terraform state; empty where there is none, or half of one."""
        try:
            if self.bucket is not None:
                raw = self.bucket.content(Bucket=local_aws.BUCKET, Key=f"{address}/terraform.tfstate")
            else:
                raw = (self.karma.state / "tfstate" / address / "terraform.tfstate").read_bytes()
            found: dict[str, Any] = json.loads(raw)
        except (FileNotFoundError, NotFound, ValueError):
            return {}
        return found

    def instances(self, address: str) -> list[dict[str, Any]]:
        """The instances in the component's state."""
        return [one for r in self.state(address).get("resources", ()) for one in r["instances"]]

    def ids(self) -> set[str]:
        """Ids of everything that is in a state, whole or tainted."""
        return {one["attributes"]["id"] for address in COMPONENTS for one in self.instances(address)}

    def made(self) -> list[str]:
        """Ids of everything that was ever made, in order."""
        words = (line.split() for line in self.ledger.read_text().splitlines())
        return [name for event, name in words if event == "made"]

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Note meanwhile whatever is in a state at any time."""
        ended = threading.Event()

        def look() -> None:
            while not ended.wait(0.05):
                self.known |= self.ids()

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()

    def lost(self) -> set[str]:
        """What was made and was never in a state: nobody knows of it, and it will be made again."""
        self.known |= self.ids()
        return set(self.made()) - self.known

    # -- processes ----------------------------------------------------------------------------------------

    def until_quiet(self) -> None:
        """Wait until no Terraform runs any more."""
        until(lambda: not terraforms(self.root))

    def kill(self, process: subprocess.Popen[str], victim: str) -> None:
        """`karma` alone, or its whole `group`: its watchers too, but no Terraform."""
        running = terraforms(self.root)
        self.kills[f"{victim}, {'while Terraform ran' if running else 'otherwise'}"] += 1
        if victim == "group":
            kill_all_but_terraform(process.pid, self.root)
        process.kill()
        process.communicate(timeout=90)
        self.forget_leases()

    def kill_terraforms(self, process: subprocess.Popen[str], *, with_karma: bool) -> None:
        """Kill every Terraform; with the Karma that waits for them, or so that it sees the end."""
        if with_karma:
            os.kill(process.pid, signal.SIGSTOP)  # it sees no end, and dies with its Terraform
        kill(terraforms(self.root))
        if with_karma:
            process.kill()
        process.communicate(timeout=90)
        self.until_quiet()
        self.forget_leases()

    def forget_leases(self) -> None:
        """Let the dead run's leases expire now."""
        with contextlib.closing(sqlite3.connect(self.karma.state / "state.sqlite")) as state, state:
            state.execute("UPDATE leases SET expires_at = 0")

    # -- runs ---------------------------------------------------------------------------------------------

    def deploys(self) -> dict[str, str]:
        """Deploys → how they are, the oldest first."""
        with contextlib.closing(sqlite3.connect(self.karma.state / "state.sqlite")) as state:
            bodies = [json.loads(body) for (body,) in state.execute("SELECT body FROM runs")]
        return {
            run["id"]: run["status"]
            for run in sorted(bodies, key=itemgetter("id"))
            if run["kind"] == "deploy"
        }

    def dead_run(self) -> str | None:
        """The newest deploy that never came to its end."""
        return max((name for name, status in self.deploys().items() if status == "running"), default=None)

    def heal(self, *, resume: bool) -> Ran:
        """Resume the run that died, or deploy everything."""
        dead = self.dead_run() if resume else None
        words = ["--resume", dead] if dead else ["--all"]
        return self.karma.run("deploy", *words, "--auto-approve", "--json")

    def check_the_end(self, size: int) -> None:
        """Everything is there once, whole, of this size, and a deploy finds nothing to do."""
        for address in COMPONENTS:
            instances = self.instances(address)
            assert sorted(one["index_key"] for one in instances) == ["x", "y"]
            assert not [one for one in instances if one.get("status") == "tainted"]
            assert {one["attributes"]["triggers_replace"]["value"]["size"] for one in instances} == {size}
        again = self.karma.json("deploy", "--all", "--auto-approve")
        assert {one["status"] for one in again["components"]} == {"unchanged"}
        assert list((self.karma.state / "applies").iterdir()) == []
