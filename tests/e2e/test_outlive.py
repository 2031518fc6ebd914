"""kill -9 while resources are made: what was made is in the state, and nothing is made twice.

The oracle is a ledger that each resource writes itself, outside Karma and Terraform.
"""

from __future__ import annotations

import os
import random
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests import local_aws
from tests.e2e.slow_fleet import SlowFleet
from tests.e2e.victims import until

SOAK = os.environ.get("KARMA_SOAK") == "1"
KILLS = 240 if SOAK else 2
KILLS_IN_S3 = 60 if SOAK else 1
KILLS_OF_TERRAFORM = 60 if SOAK else 1
SEED = 20261130
VICTIMS = ("group", "karma")
COMMANDS = ("deploy", "resume", "destroy", "deploy", "deploy", "plan", "publish")


def _start(fleet: SlowFleet, command: str, size: int) -> Any:
    """Start what is to be killed; a resume is killed after a deploy was."""
    if command == "destroy":
        return fleet.karma.start("destroy", "--all", "--auto-approve", "--json")
    fleet.configure(size)
    if command == "publish":
        return fleet.karma.start("config", "publish", "--json")
    if command == "plan":
        return fleet.karma.start("plan", "--all", "--json")
    return fleet.karma.start("deploy", "--all", "--auto-approve", "--json")


def _round(fleet: SlowFleet, rng: random.Random, command: str, victim: str, size: int) -> None:
    """Kill one command, at a random moment or while resources are made, and let the next one heal it."""
    before = len(fleet.made())
    process = _start(fleet, command, size)
    if command in {"deploy", "resume"} and rng.random() < 0.8:
        until(lambda: len(fleet.made()) > before or process.poll() is not None)
        time.sleep(rng.uniform(0, 0.9))
    else:
        time.sleep(rng.uniform(0.2, 3.0))
    fleet.kill(process, victim)
    dead = fleet.dead_run()
    if command == "resume" and dead:
        again = fleet.karma.start("deploy", "--resume", dead, "--auto-approve", "--json")
        time.sleep(rng.uniform(0.5, 3.0))
        fleet.kill(again, rng.choice(VICTIMS))
    if rng.random() < 0.5:  # else whoever heals has to wait for the Terraform that still saves
        fleet.until_quiet()
        assert fleet.lost() == set()
    healed = fleet.heal(resume=rng.random() < 0.5)
    assert healed.code == 0, (command, healed.out, healed.err)
    fleet.until_quiet()
    assert fleet.lost() == set()


def _kill_and_heal(fleet: SlowFleet, kills: int, capsys: pytest.CaptureFixture[str]) -> None:
    rng = random.Random(SEED)
    with fleet.watched():
        for number in range(kills):
            command = COMMANDS[number % len(COMMANDS)]
            size = number if command == "destroy" else number + 1
            _round(fleet, rng, command, VICTIMS[number % len(VICTIMS)], size)
        fleet.configure(size)  # a publish that was killed, or a resume of what it began with, left older ones
        assert fleet.heal(resume=False).code == 0
    assert fleet.lost() == set()
    fleet.check_the_end(size)
    with capsys.disabled():
        sys.stdout.write(f"\n{fleet.kills.total()} kills ({dict(sorted(fleet.kills.items()))}); ")
        sys.stdout.write(f"{len(fleet.made())} made, 0 lost\n")


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_what_was_made_when_karma_was_killed_is_in_the_state(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """0 made twice, 0 made and not in the state, and every command converges, on local states."""
    _kill_and_heal(SlowFleet(tmp_path), KILLS, capsys)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_what_was_made_when_karma_was_killed_is_in_the_state_in_s3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same with states in S3, where Terraform saves at the end only."""
    bucket = local_aws.bucket(local_aws.fresh(monkeypatch))
    _kill_and_heal(SlowFleet(tmp_path, bucket), KILLS_IN_S3, capsys)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_what_a_killed_terraform_may_have_made_is_named_and_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Terraform itself is killed, Karma with it or not: its component waits until a person has looked."""
    rng = random.Random(SEED)
    for number in range(KILLS_OF_TERRAFORM):
        folder = tmp_path / str(number)
        folder.mkdir()
        bucket = local_aws.bucket(local_aws.fresh(monkeypatch))
        _kill_terraform(SlowFleet(folder, bucket), rng, with_karma=number % 2 == 0)


def _kill_terraform(fleet: SlowFleet, rng: random.Random, *, with_karma: bool) -> None:
    """Kill it while slow/a is made; then everything waits, names both resources, and makes neither again."""
    fleet.configure(1)
    process = fleet.karma.start("deploy", "--all", "--auto-approve", "--json")
    until(lambda: len(fleet.made()) == 2)
    time.sleep(rng.uniform(0, 0.7))
    fleet.kill_terraforms(process, with_karma=with_karma)
    made = fleet.made()
    assert fleet.ids() == set()
    run, status = next(iter(fleet.deploys().items()))
    assert status == ("running" if with_karma else "failed")

    planned = fleet.karma.json("plan", "--all", code=3)
    [finding] = [one for one in planned["findings"] if one["code"] == "maybe-created"]
    assert finding["component"] == "slow/a"
    assert all(f'terraform_data.made["{key}"]' in finding["message"] for key in ("x", "y"))
    for words in (["--all"], ["--resume", run]):
        blocked = fleet.karma.json("deploy", *words, "--auto-approve", code=3)
        assert {one["status"] for one in blocked["components"]} == {"blocked"}
    assert fleet.made() == made

    [check] = [one for one in fleet.karma.json("doctor")["checks"] if one["name"] == "maybe-created"]
    assert "karma doctor --accept maybe-created:slow/a" in check["next_step"]
    accepted = fleet.karma.json("doctor", "--accept", "maybe-created:slow/a")
    assert accepted["resources"] == ['terraform_data.made["x"]', 'terraform_data.made["y"]']
    healed = fleet.karma.json("deploy", "--resume", run, "--auto-approve")
    assert {one["status"] for one in healed["components"]} == {"applied"}
    assert set(fleet.made()) - set(made) == fleet.ids()
    fleet.check_the_end(1)
