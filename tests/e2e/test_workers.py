"""Several workers on one Prefect server: they share the runs, and one that ends hands its runs on."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.processes.signs_of_life import is_fresh
from tests import prefect_database
from tests.e2e import unit_sandbox
from tests.e2e.command_line import Karma, write_config
from tests.e2e.running_service import wait_for
from tests.e2e.victims import kill_all_but_terraform, terraforms, until
from tests.e2e.worker_fleet import LEDGER, NAPS, Fleet, make_project

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]
ENVIRONMENTS = ("east", "west")
SECONDS = 8
WORKER_KILLS = 20 if os.environ.get("KARMA_SOAK") == "1" else 1


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A server without workers."""
    karma = make_project(tmp_path_factory.mktemp("workers"), ENVIRONMENTS, SECONDS)
    prefect_database.prepare(karma.project / ".karma" / "prefect")
    made = Fleet(karma)
    yield made
    made.close()


def events(fleet: Fleet, env: str) -> list[dict[str, Any]]:
    """The log of an environment, oldest first."""
    listed: list[dict[str, Any]] = Karma(fleet.karma.project, env=env).json("log", "list", "--limit", "500")
    return listed


def test_workers_share_the_runs_and_an_environment_has_one_at_a_time(fleet: Fleet) -> None:
    """Each run is taken once, each worker takes some; deploys of one environment come one after the other."""
    workers = [fleet.worker(name, limit=2) for name in ("one", "two")]
    for worker in workers:
        worker.ready()
    runs = [fleet.deploy(env, address) for address in NAPS for env in ENVIRONMENTS]
    assert {fleet.ended(run).type for run in runs} == {"COMPLETED"}
    taken = [worker.taken() & set(runs) for worker in workers]
    assert sorted(taken[0] | taken[1]) == sorted(runs)
    assert not taken[0] & taken[1]
    assert all(taken)
    for env in ENVIRONMENTS:
        said = [event["status"] for event in events(fleet, env) if event["action"] == "deploy"]
        assert said == ["started", "succeeded", "started", "succeeded"]
    assert [worker.end(signal.SIGINT) for worker in workers] == [0, 0]


def test_a_worker_that_is_told_to_end_hands_its_run_on(fleet: Fleet) -> None:
    """SIGTERM: its Terraform is interrupted in order, it ends with 0, and another worker resumes the run."""
    Karma(fleet.karma.project, env="east").json("destroy", "--all", "--auto-approve")
    known = len(events(fleet, "east"))
    first = fleet.worker("first").ready()
    run = fleet.deploy("east", *NAPS, key="again")
    wait_for(lambda: any(e["action"] == "terraform_apply" for e in events(fleet, "east")[known:]))
    assert first.end() == 0
    said = first.said()
    assert f"deploy run {run} is handed on" in said
    assert "Traceback" not in said, said[said.index("Traceback") :]
    after = [(e["action"], e["status"]) for e in events(fleet, "east")[known:]]
    assert ("terraform_apply", "interrupted") in after
    assert after.count(("deploy", "interrupted")) == 1
    second = fleet.worker("second").ready()
    wait_for(lambda: ("deploy", "succeeded") in deploys(fleet, known))
    resumed = [e for e in events(fleet, "east")[known:] if e["action"] == "deploy"]
    assert len({e["run_id"] for e in resumed}) == 1
    assert resumed[-1]["user"] == "ann"
    assert second.end() == 0


def deploys(fleet: Fleet, known: int) -> list[tuple[str, str]]:
    """What the newer events say of deploys."""
    new_events = events(fleet, "east")[known:]
    return [(e["action"], e["status"]) for e in new_events if e["action"] == "deploy"]


def test_a_worker_under_its_unit_s_restrictions_deploys_and_saves(fleet: Fleet, tmp_path: Path) -> None:
    """The unit lets it do all that a run needs. Stopped in an apply, it ends in order, its state saved.

    systemd is told when it is ready, that it lives, and that it ends.
    """
    unit_sandbox.required()
    root, health = fleet.karma.project, tmp_path / "health"
    Karma(root, env="east").json("destroy", "--all", "--auto-approve")
    Karma(root, env="west").json("destroy", "--all", "--auto-approve")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)

        def restricted(words: list[str]) -> list[str]:
            words += ["--until-saved", "--health-file", str(health)]
            return unit_sandbox.command("karma-worker@.service", root, tmp_path, words=words)

        own = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "TMPDIR": str(tmp_path), "HOME": str(tmp_path)}
        worker = fleet.worker("restricted", variables=own, wrap=restricted).ready()
        status = Path(f"/proc/{worker.process.pid}/status").read_text()
        assert "Seccomp:\t2" in status
        assert "CapBnd:\t0000000000000000" in status
        assert fleet.ended(fleet.deploy("west", NAPS[0], key="restricted")).type == "COMPLETED"
        assert is_fresh(health, 60)
        known, made = len(events(fleet, "east")), len((root / LEDGER).read_text().split())
        fleet.deploy("east", *NAPS, key="restricted")
        wait_for(lambda: (root / LEDGER).read_text().split()[made:])
        assert worker.end() == 0
        said = [systemd.recv(100) for _ in range(3)]
    assert said[0] == b"WATCHDOG=1"
    assert b"READY=1" in said
    assert ("terraform_apply", "interrupted") in [
        (e["action"], e["status"]) for e in events(fleet, "east")[known:]
    ]
    assert set((root / LEDGER).read_text().split()[made:]) <= ids(Karma(root, env="east"))
    assert not terraforms(root)


def test_a_change_is_carried_on_by_another_worker(fleet: Fleet) -> None:
    """It is tried again; what its worker left half made is replaced only once that has been approved."""
    west = Karma(fleet.karma.project, env="west")
    request = fleet.karma.project / "change.json"
    request.write_text(json.dumps({"component": "nap/three", "create": {"seconds": SECONDS}}))
    change = west.json("change", "request", "--input", str(request), code=4)["change_id"]
    known = len(events(fleet, "west"))
    first = fleet.worker("third").ready()
    fleet.runs.start("change-run", {"environment": "west", "change_id": change}, idempotency_key=change)
    wait_for(lambda: applies(fleet, known))
    assert first.end() == 0
    assert west.json("change", "show", change)["status"] == "queued"
    fleet.worker("fourth").ready()
    wait_for(lambda: west.json("change", "show", change)["status"] == "awaiting_approval")
    assert "replace" in west.json("change", "show", change)["why"]
    west.json("change", "approve", change)
    body = {"environment": "west", "change_id": change}
    ended = fleet.ended(fleet.runs.start("change-run", body, idempotency_key="approved"))
    assert ended.type == "COMPLETED", ended
    assert west.json("change", "show", change)["status"] == "applied"
    assert applies(fleet, known)[-1] == ("succeeded", change)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_a_killed_worker_had_begun_is_in_the_state(fleet: Fleet) -> None:
    """Killed with its run and its watchers, it takes no Terraform along; the run is resumed."""
    east, root = Karma(fleet.karma.project, env="east"), fleet.karma.project
    ledger = root / LEDGER
    for address in NAPS:
        write_config(root, "east", address, json.dumps({"seconds": 1}))
    east.json("config", "publish")
    for worker in fleet.workers:
        worker.end()
    rng = random.Random(20261130)
    for number in range(WORKER_KILLS):
        east.json("destroy", "--all", "--auto-approve")
        ledger.write_text("")
        worker = fleet.worker(f"killed-{number}").ready()
        if number:
            reconciled = fleet.runs.start("reconcile", {"environment": "east"}, idempotency_key=f"r{number}")
            assert fleet.ended(reconciled).type == "COMPLETED"
        fleet.deploy("east", *NAPS, key=f"killed-{number}")
        until(ledger.read_text, seconds=180)  # the dead run's place is free when Prefect's lease of it ends
        time.sleep(rng.uniform(0, 0.8))
        kill_all_but_terraform(worker.process.pid, root)
        worker.process.wait(10)
        until(lambda: not terraforms(root))
        made = set(ledger.read_text().split())
        assert made <= ids(east)
        time.sleep(6)  # longer than the lease
        run = [e for e in events(fleet, "east") if (e["action"], e["status"]) == ("deploy", "started")][-1]
        assert east.json("deploy", "--resume", run["run_id"], "--auto-approve")["status"] == "succeeded"
        assert len(ids(east)) == len(NAPS)


def ids(karma: Karma) -> set[str]:
    """Ids of everything that is in a state, whole or tainted."""
    states = [json.loads(path.read_bytes()) for path in karma.state.rglob("tfstate/**/terraform.tfstate")]
    instances = [one for state in states for r in state["resources"] for one in r["instances"]]
    return {one["attributes"]["id"] for one in instances}


def applies(fleet: Fleet, known: int) -> list[tuple[str, str]]:
    """Status and change of the newer events of applies in `west`."""
    new_events = events(fleet, "west")[known:]
    return [(e["status"], e["change_id"]) for e in new_events if e["action"] == "terraform_apply"]
