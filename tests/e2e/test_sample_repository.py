"""A repository of configs without modules through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.command_line import ROOT, Karma

REPOSITORY = ROOT / "tests/data/site-repository"
SETTINGS = """
[[types.serverless-site.match]]
field = "route53_zone_name"
type = "route53-zone"
equals = "zone_name"
"""
ZONE = "route53-zone/example-net"
SITES = ["serverless-site/docs-example-net", "serverless-site/example-net"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The repository, copied, with the one rule that its configs need."""
    shutil.copytree(REPOSITORY / "iac", tmp_path / "iac", copy_function=shutil.copyfile)
    (tmp_path / "karma.toml").write_text(SETTINGS)
    return tmp_path


@pytest.mark.parametrize("dotless", [None, ZONE, SITES[0]])
def test_prod_is_three_components_and_two_matches(project: Path, dotless: str | None) -> None:
    """Both sites depend on the zone that they name, whichever side ends the name with a dot."""
    if dotless is not None:
        config = project / "iac/prod" / dotless / "config.json"
        config.write_text(config.read_text().replace('"example.net."', '"example.net"'))
    karma = Karma(project)
    assert len(karma.json("config", "publish")["written"]) == 3
    built = karma.json("graph", "build")
    assert built == {
        "environment": "prod", "build_id": 1, "status": "published", "components": 3, "dependencies": 2,
        "added": 3, "changed": 0, "removed": 0, "findings": [],
    }  # fmt: skip
    edges = karma.json("graph", "show")["edges"]
    matches = [(e["source"], e["target"], e["via"]) for e in edges if e["kind"] == "depends_on"]
    assert matches == [(site, ZONE, ["match"]) for site in SITES]


def test_show_has_the_contracts_form_and_the_same_bytes_every_time(project: Path) -> None:
    """Nodes and edges carry the contract's fields, sorted; a rebuild of a lost graph shows the same."""
    karma = Karma(project)
    karma.json("config", "publish")
    karma.json("graph", "build")
    first = karma.run("graph", "show", "--json")
    assert karma.run("graph", "show", "--json").out == first.out
    shown = first.document
    assert list(shown) == ["environment", "build_id", "nodes", "edges"]
    assert [node["id"] for node in shown["nodes"]] == [ZONE, *SITES]
    zone = shown["nodes"][0]
    wanted = {
        "type": "route53-zone", "nickname": "example-net", "status": "absent", "config_version": 1,
        "config_path": f"/iac/{ZONE}/config", "runtime_path": f"/iac/{ZONE}/runtime",
    }  # fmt: skip
    assert wanted.items() <= zone.items()
    assert all({"source", "target", "kind", "via", "keys"} <= edge.keys() for edge in shown["edges"])
    (karma.state / "graph.sqlite").unlink()
    karma.json("graph", "build")
    assert karma.run("graph", "show", "--json").out == first.out


def test_dev_warns_of_the_zone_that_lives_elsewhere(project: Path) -> None:
    """One component; its zone is not in this environment, which is said and does not stop the build."""
    karma = Karma(project, env="dev")
    karma.json("config", "publish")
    built = karma.json("graph", "build")
    assert (built["components"], built["dependencies"], built["status"]) == (1, 0, "published")
    warned = [f for f in built["findings"] if f["code"] == "unmatched-reference"]
    assert [(f["severity"], f["component"], f["pointer"]) for f in warned] == [
        ("warning", "serverless-site/example-net", "/route53_zone_name")
    ]


def test_without_modules_nothing_can_be_planned(project: Path) -> None:
    """A type without a module is an error for a plan, which names it and ends with 3."""
    karma = Karma(project)
    karma.json("config", "publish")
    planned = karma.json("plan", "--all", code=3)
    assert planned["status"] == "blocked"
    assert {c["action"] for c in planned["components"]} == {"blocked"}
    reasons = {c["address"]: c["reason"] for c in planned["components"]}
    assert "no Terraform module" in reasons[ZONE]
    assert "components/route53-zone/main.tf" in reasons[ZONE]
