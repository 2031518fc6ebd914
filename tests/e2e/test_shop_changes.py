"""Three cases of protection, by the command line on the example shop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tests.e2e.command_line import SHOP, Karma
from tests.e2e.conftest import Shop

INSTANCE = "instance/bastion"


def propose(karma: Karma, address: str, patch: dict[str, Any], *words: str, code: int) -> Any:
    """Propose a change of one component; the result document."""
    path = karma.project / "patch.json"
    path.write_text(json.dumps(patch))
    return karma.json("propose-change", *address.split("/"), "--input", str(path), *words, code=code)


def configs(karma: Karma) -> dict[str, int]:
    """Address → config version, as the graph says."""
    karma.json("graph", "build")
    return {n["id"]: n["config_version"] for n in karma.json("graph", "show")["nodes"]}


def test_a_subnet_is_not_changed_under_a_running_instance(shop: Shop) -> None:
    """The example's policy rejects it, names the field and who uses the network; nothing was written."""
    before = configs(shop.karma)
    result = propose(shop.karma, "vpc/core", {"subnets": {"a": {"cidr": "192.0.2.192/26"}}}, code=4)
    assert (result["status"], result["plan"]) == ("rejected", None)
    finding = next(f for f in result["findings"] if f["code"] == "protected-field")
    assert (finding["component"], finding["pointer"]) == ("vpc/core", "/subnets")
    assert INSTANCE in finding["message"]
    assert configs(shop.karma) == before
    event = next(e for e in shop.karma.json("log", "list") if e["id"] == result["log_entry_id"])
    assert (event["action"], event["status"]) == ("change", "rejected")


def test_the_same_subnet_is_not_published_from_git_either(shop: Shop) -> None:
    """Git is no way around the policy."""
    path = shop.project / "iac/prod/vpc/core/config.json"
    body = json.loads(path.read_text())
    body["subnets"]["a"]["cidr"] = "192.0.2.192/26"
    path.write_text(json.dumps(body))
    refused = shop.karma.refuses("config", "publish", code=4)
    assert (refused.error["code"], refused.codes) == ("publish-rejected", ["protected-field"])


def test_an_alias_is_changed_where_the_distribution_has_outputs(shop: Shop) -> None:
    """Allowed, applied, and propagated to what depends on the record."""
    result = propose(shop.karma, "dns-record/www", {"ttl": 60}, "--auto-approve", code=0)
    assert result["status"] == "applied"
    assert "dashboard/operations" in result["affected_components"]
    why = shop.karma.json("why", "dns-record/www")
    assert result["change_id"] in {step.get("change_id") for step in why}


def test_an_alias_is_not_changed_before_the_distribution_has_outputs(tmp_path: Path) -> None:
    """Rejected, and the producers that are missing are named."""
    project = tmp_path / "shop"
    shutil.copytree(SHOP, project, ignore=shutil.ignore_patterns(".karma"))
    karma = Karma(project)
    karma.json("config", "publish")
    result = propose(karma, "dns-record/www", {"ttl": 60}, code=4)
    assert result["status"] == "rejected"
    missing = [f["message"] for f in result["findings"] if f["code"] == "producer-not-deployed"]
    assert any("cdn/shop" in message for message in missing)


def test_a_bucket_is_not_removed_under_a_function(shop: Shop) -> None:
    """Neither the bucket nor the function's reference to it."""
    path = shop.project / "change.json"
    path.write_text(json.dumps({"component": "s3-bucket/uploads", "remove": True}))
    bucket = shop.karma.json("change", "request", "--input", str(path), code=4)
    assert bucket["status"] == "rejected"
    finding = next(f for f in bucket["findings"] if f["code"] == "consumers-live")
    assert "lambda-function/thumbnails" in finding["message"]
    reference = propose(shop.karma, "lambda-function/thumbnails", {"s3_bucket_nickname": None}, code=4)
    assert reference["status"] == "rejected"
