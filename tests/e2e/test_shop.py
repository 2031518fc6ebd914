"""The example shop, deployed by real Terraform: what follows from a change, and what does not."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command_line import Karma, edit_config, statuses, with_status
from tests.e2e.conftest import Shop, commit

ALL = 22


def parameters(karma: Karma) -> list[tuple[Any, ...]]:
    """Name and version of every parameter, and how often the store was written."""
    with sqlite3.connect(karma.state / "parameters.sqlite") as store:
        rows = store.execute("SELECT name, version FROM parameter ORDER BY name").fetchall()
        return [*rows, *store.execute("SELECT writes FROM store")]


def journal(karma: Karma, run: str) -> list[dict[str, Any]]:
    """A run's journal entries, in order."""
    with sqlite3.connect(karma.state / "state.sqlite") as state:
        rows = state.execute("SELECT body FROM journal WHERE run_id = ? ORDER BY position", (run,))
        return [json.loads(body) for (body,) in rows]


def completed(karma: Karma, run: str, step: str) -> set[str]:
    """Components with a completed step in a run's journal; each at most once."""
    addresses = [e["address"] for e in journal(karma, run) if (e["step"], e["status"]) == (step, "succeeded")]
    assert len(addresses) == len(set(addresses))
    return set(addresses)


def producers(karma: Karma) -> dict[str, set[str]]:
    """Consumer → producers, as the graph shows them."""
    by_consumer: dict[str, set[str]] = {}
    for edge in karma.json("graph", "show")["edges"]:
        if edge["kind"] == "depends_on":
            by_consumer.setdefault(edge["source"], set()).add(edge["target"])
    return by_consumer


# -- the first deploy ---------------------------------------------------------------------------------


def test_the_first_deploy_applies_everything_in_order(first_shop: tuple[Shop, Any]) -> None:
    """All are applied once, and none starts before the runtimes of its producers are published."""
    shop, document = first_shop
    assert document["status"] == "succeeded"
    assert len(with_status(document, "applied")) == ALL
    assert completed(shop.karma, document["run_id"], "apply") == with_status(document, "applied")
    events = shop.karma.json("log", "list", "--limit", "1000")
    started = {e["component"]: e["seq"] for e in events
               if (e["action"], e["status"]) == ("terraform_apply", "started")}  # fmt: skip
    published = {e["component"]: e["seq"] for e in events if e["action"] == "runtime_publish"}
    for consumer, awaited in producers(shop.karma).items():
        for producer in awaited:
            assert published[producer] < started[consumer]
    ids = {e["id"] for e in events}
    assert all(e["cause"] in ids for e in events if e.get("component"))


def test_an_unchanged_deploy_does_nothing(shop: Shop) -> None:
    """No Terraform process, no parameter written, no event logged, no lease taken: everything unchanged."""
    before = parameters(shop.karma), shop.karma.json("log", "verify")["events"]
    document = shop.deploy()
    assert set(statuses(document).values()) == {"unchanged"}
    assert len(document["components"]) == ALL
    assert all(c["reason"] for c in document["components"])
    assert shop.ledger.lines() in ([], [line for line in shop.ledger.lines() if line.command == "version"])
    assert (parameters(shop.karma), shop.karma.json("log", "verify")["events"]) == before
    assert shop.karma.json("config", "publish")["written"] == []
    assert shop.karma.json("graph", "build")["status"] == "unchanged"
    assert parameters(shop.karma) == before[0]


# -- one change at a time -----------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, dict[str, Any], set[str], set[str], set[str], set[str]]] = {
    # the changed component, its change, applied (with it), reloaded, cut off, behind those that are cut off
    "a second name server": (
        "vpc/core",
        {"dns_servers": ["192.0.2.2", "198.51.100.2"]},
        {"ecs-cluster/main"},
        {"config-agent/edge"},
        {
            "security-group/web", "security-group/data", "database/orders", "instance/bastion",
            "lambda-function/order-mail", "service/api", "service/worker",
        },
        {"cdn/shop", "dns-record/www", "dashboard/operations"},
    ),
    "a longer life for uploads": (
        "s3-bucket/uploads",
        {"expire_after_days": 60},
        set(),
        set(),
        {"lambda-function/thumbnails"},
        {"dashboard/operations"},
    ),
    "one more alias": (
        "cdn/shop",
        {"aliases": ["shop.example.org", "www.shop.example.org", "static.shop.example.org"]},
        {"dns-record/www", "dashboard/operations"},
        set(),
        {"config-agent/edge"},
        set(),
    ),
    "another image": (
        "instance/bastion",
        {"image_id": "ami-0fedcba9876543210"},
        {"dashboard/operations"},
        set(),
        set(),
        set(),
    ),
    "a new password": (
        "database/orders",
        {"password_generation": 2},
        {"service/api", "service/worker"},
        set(),
        {"cdn/shop", "dashboard/operations"},
        {"dns-record/www", "config-agent/edge"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_applies_exactly_what_it_reaches(shop: Shop, change: str) -> None:
    """The sets that the README names, as counted in the journal; what is skipped in the cone is cut off."""
    changed, edit, applied, reloaded, cut_off, behind = CHANGES[change]
    if change == "one more alias":
        config = json.loads((shop.project / "iac/prod/cdn/shop/config.json").read_text())
        edit = {"aliases": [*config["aliases"], "static.shop.example.org"]}
    if change == "a new password":  # it replaces a resource: protected, it would wait for an approval
        with (shop.project / "karma.toml").open("a") as settings:
            settings.write("\n[types.database]\nprotected = false\n")
    edit_config(shop.project, "prod", changed, **edit)
    shop.publish_and_build()
    document = shop.deploy(*changed.split("/"))
    assert document["status"] == "succeeded"
    assert with_status(document, "applied") == {changed} | applied
    assert completed(shop.karma, document["run_id"], "apply") == {changed} | applied
    assert with_status(document, "reloaded") == reloaded
    assert completed(shop.karma, document["run_id"], "reload") == reloaded
    skipped = {c["address"]: c for c in document["components"] if c["status"] not in {"applied", "reloaded"}}
    assert skipped.keys() == cut_off | behind
    assert {c["status"] for c in skipped.values()} <= {"cut_off"}
    assert all(" was applied, but what is consumed of it (" in skipped[a]["reason"] for a in cut_off)
    assert all("the change ends before it, at " in skipped[a]["reason"] for a in behind)
    assert all(c["reason"] for c in document["components"])
    assert set(statuses(shop.deploy()).values()) == {"unchanged"}


def test_the_reload_ran_once(shop: Shop) -> None:
    """A reload is the type's own command, carried out with the component and its key."""
    edit_config(shop.project, "prod", "vpc/core", dns_servers=["198.51.100.2"])
    shop.publish_and_build()
    shop.deploy("vpc", "core")
    (line,) = (shop.project / ".karma/reloads.log").read_text().splitlines()
    assert "prod config-agent/edge config-agent/edge#" in line


def test_a_secret_stays_where_it_belongs(shop: Shop) -> None:
    """The database's password is in state and in its SecureString, and nowhere that is shown or kept."""
    secrets = []
    for generation in (1, 2):
        state = json.loads((shop.karma.state / "tfstate/database/orders/terraform.tfstate").read_text())
        secrets.append(state["outputs"]["password"]["value"])
        edit_config(shop.project, "prod", "database/orders", password_generation=generation + 1)
        shop.publish_and_build()
        ran = shop.karma.run("deploy", "database", "orders", "--auto-approve")
        assert ran.code == 4  # it would be replaced, and its type is protected
        change = shop.karma.json("change", "list")[0]["change_id"]
        approved, applied = shop.karma.run("change", "approve", change), shop.karma.run("apply", change)
        assert (approved.code, applied.code) == (0, 0)
        said = "".join(one.out + one.err for one in (ran, approved, applied))
        assert not any(secret in said for secret in secrets)
    places = [shop.karma.state / name for name in ("log.jsonl", "log.sqlite", "graph.sqlite", "artifacts")]
    files = [f for place in places for f in (place.rglob("*") if place.is_dir() else [place]) if f.is_file()]
    assert len(files) > 20
    assert [f for f in files for secret in secrets if secret.encode() in f.read_bytes()] == []
    shown = [
        shop.karma.run(*w).out for w in (("plan", "--all"), ("graph", "show", "--json"), ("log", "export"))
    ]
    assert not any(secret in text for text in shown for secret in secrets)


# -- failure ------------------------------------------------------------------------------------------


def test_a_failure_stops_its_cone_and_nothing_else(shop: Shop) -> None:
    """The failed one fails, siblings are applied; what would have changed in its cone is blocked and says so.

    What the plan left alone stays as it was. Then it heals.
    """
    edit_config(shop.project, "prod", "s3-bucket/uploads", expire_after_days=61)
    module = shop.project / "components/queue/main.tf"
    good = module.read_text()
    module.write_text(
        good + 'resource "terraform_data" "broken" {\n  provisioner "local-exec" {\n'
        '    command = "test ${var.nickname} != dead-letters"\n  }\n}\n'
    )
    shop.publish_and_build()
    document = shop.deploy(code=1)
    assert document["status"] == "failed"
    assert with_status(document, "failed") == {"queue/dead-letters"}
    assert with_status(document, "applied") == {"s3-bucket/uploads"}
    cone = set(shop.karma.json("graph", "impact", "queue", "dead-letters")["downstream"])
    blocked = with_status(document, "blocked")
    assert blocked == {"queue/orders"}  # it has the type's new module, too
    assert cone - blocked <= with_status(document, "unchanged") | with_status(document, "cut_off")
    reasons = {c["address"]: c["reason"] for c in document["components"]}
    assert all("queue/dead-letters" in reasons[address] for address in blocked)
    assert shop.karma.json("graph", "query", "downstream", "queue/dead-letters")["nodes"]
    nodes = {n["id"]: n["status"] for n in shop.karma.json("graph", "show")["nodes"]}
    assert nodes["queue/dead-letters"] == "failed"
    module.write_text(good)
    healed = shop.deploy()
    assert healed["status"] == "succeeded"
    assert with_status(healed, "failed") == with_status(healed, "blocked") == set()
    assert shop.karma.json("log", "verify")["verified"]


# -- destroy ------------------------------------------------------------------------------------------


def test_destroy_is_refused_while_consumers_live(shop: Shop) -> None:
    """Exit 4 and the consumers by name; nothing is touched."""
    ran = shop.karma.refuses("destroy", "cdn", "shop", "--auto-approve", code=4)
    assert ran.error["code"] == "consumers-live"
    assert ran.error["consumers"] == ["config-agent/edge", "dashboard/operations", "dns-record/www"]
    assert [line for line in shop.ledger.lines() if line.command != "version"] == []


def test_destroy_takes_consumers_first(shop: Shop) -> None:
    """All of it, each before what it consumes, and nothing is left but configs.

    Types are protected, so that it waits for an approval, whatever --auto-approve says.
    """
    edges = producers(shop.karma)
    shown = shop.karma.json("plan", "--all", "--destroy")
    assert {c["action"] for c in shown["components"]} == {"destroy"}
    unanswered = shop.karma.run("destroy", "--all")
    assert (unanswered.code, "will be destroyed" in unanswered.out) == (4, True)
    waiting = shop.karma.json("destroy", "--all", "--auto-approve", code=4)
    assert (waiting["status"], waiting["run_id"]) == ("waiting", None)
    assert len(with_status(waiting, "waiting")) == ALL
    assert [line for line in shop.ledger.lines() if line.command == "apply"] == []
    shop.karma.json("change", "approve", waiting["change_id"])
    applied = shop.karma.json("apply", waiting["change_id"])
    assert applied["status"] == "applied"
    assert len(applied["affected_components"]) == ALL
    nothing = shop.karma.run("destroy", "--all")
    assert (nothing.code, "nothing to destroy" in nothing.out) == (0, True)
    events = shop.karma.json("log", "grep", "--action", "terraform_destroy")
    ended = {e["component"]: e["seq"] for e in events if e["status"] == "succeeded"}
    started = {e["component"]: e["seq"] for e in events if e["status"] == "started"}
    for consumer, consumed in edges.items():
        assert all(ended[consumer] < started[producer] for producer in consumed)
    assert [name for name, *_ in parameters(shop.karma)[:-1] if name.endswith("/runtime")] == []
    for state in (shop.karma.state / "tfstate").rglob("terraform.tfstate"):
        assert json.loads(state.read_text())["resources"] == []
    nodes = shop.karma.json("graph", "show")["nodes"]
    assert {n["status"] for n in nodes} == {"absent"}


def test_a_removed_config_can_still_be_destroyed(shop: Shop) -> None:
    """Config and module are gone from Git; the last applied config and the archived module destroy it."""
    shutil.rmtree(shop.project / "iac/prod/dashboard")
    shutil.rmtree(shop.project / "components/dashboard")
    published = shop.karma.json("config", "publish", "--prune")
    assert published["removed_from_git"] == ["dashboard/operations"]
    assert [kept["address"] for kept in published["kept"]] == ["dashboard/operations"]
    document = shop.karma.json("destroy", "dashboard", "operations", "--auto-approve")
    assert statuses(document) == {"dashboard/operations": "destroyed"}
    assert shop.karma.json("config", "publish", "--prune")["pruned"] == ["dashboard/operations"]
    shop.karma.json("graph", "build")
    assert "dashboard/operations" not in {n["id"] for n in shop.karma.json("graph", "show")["nodes"]}


# -- what changed -------------------------------------------------------------------------------------


def test_changed_means_since_the_last_deployed_commit(shop: Shop) -> None:
    """--changed takes what the commits since then touch, a module's components too; then nothing more."""
    edit_config(shop.project, "prod", "s3-bucket/uploads", expire_after_days=62)
    second = commit(shop.project)
    with (shop.project / "components/dashboard/main.tf").open("a") as module:
        module.write("# a comment\n")
    commit(shop.project)
    shop.publish_and_build()
    document = shop.deploy("--changed")
    assert set(statuses(document)) == {
        "s3-bucket/uploads",
        "lambda-function/thumbnails",
        "dashboard/operations",
    }
    assert with_status(document, "applied") == {"s3-bucket/uploads"}
    assert shop.deploy("--changed")["components"] == []
    planned = shop.karma.json("plan", "--since", second)
    assert {c["address"] for c in planned["components"]} == {"dashboard/operations"}


def test_an_unknown_commit_is_a_usage_error_that_says_so(shop: Shop) -> None:
    """--since takes what Git knows and nothing that looks like an option."""
    for ref in ("nonsense", "--output=written"):
        ran = shop.karma.run("plan", f"--since={ref}", "--json")
        assert ran.code in {1, 2}
        assert ran.error["next"]
    assert not (shop.project / "written").exists()


# -- the graph is derived -----------------------------------------------------------------------------


def test_a_deleted_graph_is_rebuilt_and_applies_nothing(shop: Shop) -> None:
    """The graph store holds no truth of its own."""
    nodes = shop.karma.json("graph", "show")["nodes"]
    for file in shop.karma.state.glob("graph.sqlite*"):
        file.unlink()
    document = shop.deploy()
    assert set(statuses(document).values()) == {"unchanged"}
    assert [line for line in shop.ledger.lines() if line.command != "version"] == []
    shop.karma.json("graph", "build")
    assert shop.karma.json("graph", "show")["nodes"] == nodes


# -- plan ---------------------------------------------------------------------------------------------


def test_plan_changes_nothing(shop: Shop) -> None:
    """Not a parameter, not a state, not an applied record, not the graph; it says what would be done."""
    edit_config(shop.project, "prod", "vpc/core", dns_servers=["198.51.100.2"])
    shop.publish_and_build()

    def everything() -> list[object]:
        states = sorted((shop.karma.state / "tfstate").rglob("terraform.tfstate"))
        with sqlite3.connect(shop.karma.state / "state.sqlite") as state:
            tables = ("applied", "journal", "generations", "runs")
            rows = [state.execute(f"SELECT * FROM {t} ORDER BY 1").fetchall() for t in tables]  # noqa: S608
        shown = shop.karma.run("graph", "show", "--json").out
        return [parameters(shop.karma), [s.read_bytes() for s in states], rows, shown]

    before = everything()
    planned = shop.karma.json("plan", "vpc", "core")
    actions = {c["address"]: c["action"] for c in planned["components"]}
    assert actions["vpc/core"] == "update"
    assert actions["security-group/web"] == "cut_off"
    assert all(c["reason"] for c in planned["components"])
    assert next(c["address"] for c in planned["components"]) == "vpc/core"
    assert everything() == before


def test_detailed_exit_codes_are_terraforms(shop: Shop) -> None:
    """0 without changes, 2 with; without the option always 0."""
    assert shop.karma.run("plan", "--all", "--detailed-exitcode").code == 0
    edit_config(shop.project, "prod", "s3-bucket/uploads", expire_after_days=63)
    shop.publish_and_build()
    assert shop.karma.run("plan", "s3-bucket", "uploads", "--detailed-exitcode").code == 2
    assert shop.karma.run("plan", "s3-bucket", "uploads").code == 0


def test_without_an_answer_nothing_is_applied(shop: Shop) -> None:
    """No terminal to ask on: the plan is shown, nothing is applied, exit 4."""
    edit_config(shop.project, "prod", "s3-bucket/uploads", expire_after_days=64)
    shop.publish_and_build()
    ran = shop.karma.run("deploy", "s3-bucket", "uploads")
    assert ran.code == 4
    assert "1 update" in ran.out
    ran = shop.karma.run("destroy", "dashboard", "operations")
    assert ran.code == 4
    assert not [line for line in shop.ledger.lines() if line.command == "apply"]


# -- the log ------------------------------------------------------------------------------------------


def _edit_line(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"user":"tester"', b'"user":"nobody"', 1))


def _drop_last(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))


def _swap(path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("tamper", [_edit_line, _drop_last, _swap])
def test_tampering_is_found(shop: Shop, tamper: Callable[[Path], None]) -> None:
    """An edited, a removed and two exchanged events: `karma log verify` says where, and ends with 1."""
    shop = Shop(shop.project, shop.karma.under(KARMA_LOG__REQUIRED="file"), shop.ledger)
    assert shop.karma.json("log", "verify")["verified"]
    tamper(shop.karma.state / "log.jsonl")
    verification = shop.karma.json("log", "verify", code=1)
    assert not verification["verified"]
    assert verification["problems"]
    assert "CHAIN BROKEN" in shop.karma.run("log", "verify").out


def test_a_torn_last_line_is_no_tampering(shop: Shop) -> None:
    """What a crash leaves in the file is healed and said, and the next event continues the chain."""
    with (shop.karma.state / "log.jsonl").open("ab") as log:
        log.write(b'{"id":"01M')
    edit_config(shop.project, "prod", "s3-bucket/uploads", expire_after_days=65)
    shop.publish_and_build()
    assert shop.karma.json("log", "verify")["verified"]
