"""An upgrade of Karma alone applies nothing: what an earlier version deployed is in order for this one.

The fixtures are projects that a released version deployed, with all their stores: README.md beside this.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade.deployed import Deployed, unpacked

VERSIONS = ("v0_1",)
FIXTURES = [
    pytest.param((version, kind), id=f"{version}-{kind}", marks=pytest.mark.xdist_group(f"{version}-{kind}"))
    for version in VERSIONS
    for kind in ("embedded", "aws")
]
PROD = [
    *("agent/edge", "box/alpha", "box/beta", "box/delta", "box/early", "box/gamma", "database/orders"),
    *("network/core", "note/readme", "record/www", "service/api", "subnet/a", "subnet/b", "zone/public"),
]
LEAD = "lead-eve"


@pytest.fixture(scope="module", params=FIXTURES)
def kept(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The project, for tests that only read. Not to be changed."""
    with unpacked(*request.param, tmp_path_factory.mktemp("kept")) as project:
        yield project


@pytest.fixture(scope="module", params=FIXTURES)
def deployed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """The project, to go on with: each test leaves its part as it should be."""
    with unpacked(*request.param, tmp_path_factory.mktemp("deployed")) as project:
        yield project


def statuses(graph: Any) -> dict[str, str]:
    """Address → status."""
    return {node["id"]: node["status"] for node in graph["nodes"]}


def dead_run(project: Deployed) -> str:
    """The run of `worn` that began and did not end."""
    events = project.karma("worn", "log", "grep", "--action", "deploy")
    ended = {event["run_id"] for event in events if event["status"] != "started"}
    (dead,) = {event["run_id"] for event in events} - ended
    return str(dead)


def test_a_plan_of_everything_is_empty(kept: Deployed) -> None:
    """Every component keeps its fingerprint, and nothing is found that stops one."""
    plan = kept.karma("prod", "plan", "--all", "--detailed-exitcode")
    assert {entry["address"]: entry["action"] for entry in plan["components"]} == dict.fromkeys(PROD, "no-op")
    assert {entry["reason"] for entry in plan["components"]} == {
        "nothing that decides its deployment changed"
    }
    assert [entry["code"] for entry in plan["findings"] if entry["severity"] == "error"] == []


def test_a_deploy_of_everything_runs_nothing(kept: Deployed) -> None:
    """It finds nothing to do, so that no run is kept."""
    assert set(kept.deploy("prod", "--all").values()) <= {"unchanged"}


@pytest.mark.parametrize("env", ["prod", "worn"])
def test_the_log_is_intact(kept: Deployed, env: str) -> None:
    """Every event of the old version still hashes to what the next one says, in every sink."""
    verified = kept.karma(env, "log", "verify")
    assert verified["verified"] is True
    assert len(verified["sinks"]) > 1


@pytest.mark.parametrize("env", ["prod", "worn"])
def test_the_graph_that_is_stored_is_the_one_that_a_build_gives(kept: Deployed, env: str) -> None:
    """Nodes, edges and statuses are the old ones, and the earlier builds can be read."""
    shown, history, difference = kept.several(env, ["graph", "show"], ["graph", "history"], ["graph", "diff"])
    assert not any(difference[kind] for kind in ("added", "changed", "removed"))
    assert len(history["builds"]) > 5
    first, *_ = kept.several(env, ["graph", "show", "--at", "1"])
    assert statuses(first)["network/core"] == "absent"
    if env == "prod":
        expected = dict.fromkeys(PROD, "current") | {"legacy/mail": "external"}
    else:
        expected = {
            "box/burst": "failed", "box/drifted": "drifted", "box/early": "current", "box/gone": "removed",
            "box/late": "stale", "box/later": "current", "network/core": "current",
        }  # fmt: skip
    assert statuses(shown) == expected


def test_a_build_publishes_nothing_of_substance(kept: Deployed) -> None:
    """Where a build is made at all, it is the graph that was there."""
    for env in ("prod", "worn"):
        built = kept.karma(env, "graph", "build")
        assert (built["added"], built["changed"], built["removed"]) == (0, 0, 0)


def test_everything_that_was_kept_can_be_read(kept: Deployed) -> None:
    """Changes in all their states, why each component is as it is, configs, artifacts."""
    listed, events, artifacts, tokens = kept.several(
        "prod", ["change", "list"], ["log", "list", "-n", "1000"], ["log", "artifacts"], ["token", "list"]
    )
    assert {one["status"] for one in listed} == {
        "applied", "approved", "awaiting_approval", "cancelled", "rejected", "rolled_back"
    }  # fmt: skip
    shown = [["change", "show", one["change_id"]] for one in listed]
    whys = [["why", address] for address in ("agent/edge", "box/early", "record/www")]
    configs = [["config", "show", "network", "core", "--version", str(version)] for version in (1, 2, 3, 4)]
    with_plan = [event["id"] for event in events if event["artifacts"]][-3:]
    opened = [["log", "show", event, "--open"] for event in with_plan]
    *answers, difference = kept.several("prod", *shown, *whys, *configs, *opened, ["config", "diff"])
    assert all(answers)
    assert [one["status"] for one in answers[: len(listed)]] == [one["status"] for one in listed]
    assert not any(difference[kind] for kind in ("added", "changed", "removed", "ahead_of_git"))
    assert len(artifacts) > 20
    assert len(tokens) == 4


def test_old_tokens_count(kept: Deployed) -> None:
    """As the same users with the same roles; a revoked one does not, nor one of nobody."""
    held = {**kept.tokens, "nobody": f"{kept.tokens['root'][:-4]}AAAA"}
    assert kept.recognised("prod", held) == {
        "ann@example.org": ["ann@example.org", "operator"],
        "lead-eve": ["lead-eve", "approver"],
        "root": ["root", "admin"],
        "nobody": None,
    }


def test_what_is_read_of_modules_alone_stays(tmp_path: Path) -> None:
    """Dependencies by lookup and through parameters, of an environment that was never deployed."""
    with unpacked(VERSIONS[-1], "embedded", tmp_path) as project:
        shown, difference = project.several("sketch", ["graph", "show"], ["graph", "diff"])
        assert not any(difference[kind] for kind in ("added", "changed", "removed"))
        via = {(edge["source"], edge["target"]): edge["via"] for edge in shown["edges"]}
        assert "lookup" in str(via["lookup/www", "hosted-zone/public"])
        assert "module" in str(via["fleet/home", "hosted-zone/public"])
        assert ("fleet/home", "ship/one") in via


def test_changes_that_were_under_way_go_on(deployed: Deployed) -> None:
    """One waits for its approval, one for its apply; afterwards a plan of everything is empty again.

    0.1 proved nobody: where another than the requester must approve, nobody can say any more that it is
    another. Without that rule a waiting change can be approved; one that somebody was said to have approved
    asks for an approval that is proven, and nothing of it is applied before.
    """
    listed = deployed.karma("prod", "change", "list")
    under_way = {one["status"]: one["change_id"] for one in listed}
    waiting, approved = under_way["awaiting_approval"], under_way["approved"]
    refused = deployed.karma("prod", "change", "approve", waiting, user=LEAD, code=4)
    assert refused["error"]["code"] == "identity-unproven"
    settings = deployed.project / "karma.toml"
    settings.write_text(settings.read_text().replace("distinct_approver = true", "distinct_approver = false"))
    deployed.karma("prod", "change", "approve", waiting, user=LEAD)
    done = deployed.karma("prod", "apply", user=LEAD, code=4)
    ends = {one["change_id"]: one["status"] for one in done}
    assert ends == {waiting: "applied", approved: "awaiting_approval"}
    deployed.karma("prod", "change", "approve", approved, user=LEAD)
    (last,) = deployed.karma("prod", "apply", user=LEAD)
    assert (last["change_id"], last["status"]) == (approved, "applied")
    assert set(deployed.actions("prod", "--all").values()) == {"no-op"}


def test_a_new_change_goes_through(deployed: Deployed) -> None:
    """Its producer is applied, who consumes what changed follows, who does not is cut off."""
    patch = deployed.project / "patch.json"
    patch.write_text('{"dns_servers": ["10.0.0.9"]}')
    words = ["propose-change", "network", "core", "--input", str(patch), "--auto-approve"]
    assert deployed.karma("prod", *words)["status"] == "applied"
    run = deployed.karma("prod", "log", "grep", "--action", "deploy")[-1]["run_id"]
    events = deployed.karma("prod", "log", "list", "--run", run)
    done = {(event["component"], event["action"]) for event in events if event["status"] == "succeeded"}
    assert ("network/core", "terraform_apply") in done
    assert ("agent/edge", "reload") in done
    assert not {component for component, _ in done} & {"subnet/a", "database/orders", "service/api"}
    assert deployed.karma("prod", "log", "verify")["verified"] is True
    assert set(deployed.actions("prod", "--all").values()) == {"no-op"}


def test_what_went_wrong_is_brought_to_an_end(deployed: Deployed) -> None:
    """A dead run is resumed, what failed and what drifted is deployed, what has no config is destroyed."""
    dead = dead_run(deployed)
    resumed = deployed.karma("worn", "deploy", "--resume", dead, "--auto-approve")
    assert {one["address"]: one["status"] for one in resumed["components"]}["box/late"] == "applied"
    deployed.configure("worn", "box/burst", size="2")
    done = deployed.deploy("worn", "--all")
    assert done["box/burst"] == "applied"
    destroyed = deployed.karma("worn", "destroy", "box", "gone", "--auto-approve")
    assert {one["address"]: one["status"] for one in destroyed["components"]} == {"box/gone": "destroyed"}
    assert set(deployed.actions("worn", "--all").values()) == {"no-op"}
    assert deployed.karma("worn", "log", "verify")["verified"] is True


def test_a_dead_run_can_be_given_up(tmp_path: Path) -> None:
    """Then what it left is deployed by the next."""
    with unpacked(VERSIONS[-1], "embedded", tmp_path) as project:
        project.karma("worn", "deploy", "--abandon", dead_run(project))
        assert project.deploy("worn", "box", "late")["box/late"] in {"applied", "unchanged"}


def test_what_was_deployed_can_be_destroyed(tmp_path: Path) -> None:
    """From its last applied module and config; a destroy needs an approval by the old policy, and waits."""
    with unpacked(VERSIONS[-1], "embedded", tmp_path) as project:
        waiting = project.karma("prod", "destroy", "box", "early", "--auto-approve", code=4)["change_id"]
        project.karma("prod", "change", "approve", waiting, user=LEAD)
        assert project.karma("prod", "apply", waiting, user=LEAD)["status"] == "applied"
        assert statuses(project.karma("prod", "graph", "show"))["box/early"] == "absent"
