"""Three cases of protection, on the example shop's own configs and component.yaml files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from karma_core.changes.states import State
from karma_core.records import ParameterWrite
from tests.change_system import ChangeSystem

SHOP = Path(__file__).parents[5] / "examples" / "shop"
CONFIGS = {
    f"{path.parts[-3]}/{path.parts[-2]}": json.loads(path.read_text("utf-8"))
    for path in sorted((SHOP / "iac" / "prod").glob("*/*/config.json"))
}


def shop() -> ChangeSystem:
    """The production shop's configs, nothing deployed.

    What a type counts of its producers' runtimes is left out: the modules in memory publish other keys.
    """
    definitions = {}
    for path in sorted((SHOP / "components").glob("*/component.yaml")):
        body = yaml.safe_load(path.read_text("utf-8"))
        definitions[path.parent.name] = {k: v for k, v in body.items() if k != "consumes"}
    system = ChangeSystem(definitions, " ".join(sorted(definitions)))
    for address, config in CONFIGS.items():
        system.parameters.put([ParameterWrite(name=f"/iac/{address}/config", value=json.dumps(config))])
    return system


@pytest.fixture
def deployed() -> ChangeSystem:
    """The same, deployed."""
    system = shop()
    assert system.deploy().status == "succeeded"
    return system


def test_a_subnet_is_not_changed_under_a_running_instance(deployed: ChangeSystem) -> None:
    """The example protects a network's subnets while something deployed depends on them."""
    change = deployed.request("vpc/core", proposed_change={"subnets": {"a": {"cidr": "192.0.2.192/26"}}})
    assert change.status is State.REJECTED
    finding = next(f for f in change.findings if f.code == "protected-field")
    assert (finding.component, finding.pointer) == ("vpc/core", "/subnets")
    assert "instance/bastion" in finding.message


def test_an_alias_is_changed_where_the_distribution_has_outputs(deployed: ChangeSystem) -> None:
    """The record's change is allowed, applied, and reaches what depends on it."""
    change = deployed.request("dns-record/www", proposed_change={"ttl": 60})
    assert change.status is State.APPROVED
    assert "dashboard/operations" in change.cone
    assert deployed.apply(change).status is State.APPLIED
    assert deployed.runtime("dns-record/www")["ttl"] == 60


def test_an_alias_is_not_changed_before_the_distribution_has_outputs() -> None:
    """The record is rejected, and the producer that is missing is named."""
    system = shop()
    system.parameters.put([ParameterWrite(name="/iac/route53-zone/shop/runtime", value='{"zone_id": "Z1"}')])
    change = system.request("dns-record/www", proposed_change={"ttl": 60})
    assert change.status is State.REJECTED
    missing = [f.message for f in change.findings if f.code == "producer-not-deployed"]
    assert missing == ["it needs cdn/shop, which is not deployed. Deploy that first."]


def test_a_bucket_is_not_removed_under_a_function(deployed: ChangeSystem) -> None:
    """Neither the bucket nor the function's reference to it."""
    bucket = deployed.request("s3-bucket/uploads", remove=True)
    assert bucket.status is State.REJECTED
    finding = next(f for f in bucket.findings if f.code == "consumers-live")
    assert "lambda-function/thumbnails" in finding.message
    reference = deployed.request("lambda-function/thumbnails", proposed_change={"s3_bucket_nickname": None})
    assert reference.status is State.REJECTED
    assert "schema" in deployed.codes(reference)
