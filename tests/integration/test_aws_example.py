"""The example on AWS: real modules, the real AWS provider, every store in AWS and the graph in Gremlin."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import local_aws
from tests.e2e.command_line import Karma, edit_config, statuses
from tests.integration import aws_provider, gremlin_server

pytestmark = [pytest.mark.xdist_group("gremlin"), pytest.mark.timeout(900)]
ENV = "dev"
SUBNETS = {
    "a": {"cidr": "10.20.1.0/24", "zone": "a"},
    "b": {"cidr": "10.20.2.0/24", "zone": "b"},
    "c": {"cidr": "10.20.3.0/24", "zone": "c"},
}
LEFT_TO_KARMA = {
    "iam-role": """
variable "dependencies" {
  type = any
}
locals {
  bucket = var.dependencies["s3-bucket/${var.config.s3_bucket_nickname}"]
  table  = var.dependencies["dynamodb-table/${var.config.dynamodb_table_nickname}"]
}
output "runtime" {
  value = { role_name = aws_iam_role.this.name, role_arn = aws_iam_role.this.arn }
}
""",
    "app-settings": """
variable "config" {
  type = any
}
variable "dependencies" {
  type = any
}
locals {
  config = var.config
  role   = var.dependencies["iam-role/${var.config.iam_role_nickname}"]
  table  = var.dependencies["dynamodb-table/${var.config.dynamodb_table_nickname}"]
}
""",
}
"""`parameters.tf` of the types that use Parameter Store, as it has to be where parameters are elsewhere."""
EMBEDDED = '[project]\ndefault_environment = "dev"\n[environments.dev]\nregion = "eu-central-1"\n'


@dataclass(frozen=True)
class Job:
    """How a whole job ended: the first deploy and its graph, then the deploy of a third subnet."""

    karma: Karma
    first: dict[str, str]
    graph: Any
    planned: Any
    changed: dict[str, str]


def run_job(project: Path, variables: dict[str, str]) -> Job:
    """Publish, build and deploy the example; add a subnet, plan what follows, deploy it."""
    endpoint = json.dumps({"aws_endpoint": local_aws.url()})
    karma = Karma(project, ENV).under(
        TF_CLI_CONFIG_FILE=aws_provider.required(), KARMA_ENVIRONMENTS__DEV__VARIABLES=endpoint, **variables
    )
    karma.json("aws", "create", "--auto-approve")
    publish(karma)
    first = deploy(karma)
    graph = shown_graph(karma)
    edit_config(project, ENV, "vpc/core", subnets=SUBNETS)
    publish(karma)
    planned = karma.json("plan", "vpc", "core")
    return Job(karma, first, graph, planned, deploy(karma))


def publish(karma: Karma) -> None:
    """Configs to the parameter store, and the graph of them."""
    karma.json("config", "publish")
    karma.json("graph", "build")


def deploy(karma: Karma) -> dict[str, str]:
    """What the deploy of everything did to each component."""
    return statuses(karma.json("deploy", "--all", "--auto-approve"))


def shown_graph(karma: Karma) -> Any:
    """Nodes and edges, apart from where the edges were found."""
    shown = karma.json("graph", "show")
    nodes = [(n["id"], n["status"], n["config_version"], n["runtime_path"]) for n in shown["nodes"]]
    edges = [(e["source"], e["target"], e["kind"], e["keys"]) for e in shown["edges"]]
    return nodes, edges


def example(folder: Path) -> Path:
    """A copy of the example."""
    return shutil.copytree(aws_provider.EXAMPLE, folder, ignore=shutil.ignore_patterns(".karma", "*.txt"))


@pytest.fixture(scope="module")
def patched() -> Any:
    """Test credentials as long as this module runs."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def on_embedded_stores(patched: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The job with every store on this machine; only the provider works on AWS."""
    aws_provider.required()
    local_aws.fresh(patched)
    project = example(tmp_path_factory.mktemp("embedded") / "project")
    (project / "karma.toml").write_text(EMBEDDED, "utf-8")
    for component_type, text in LEFT_TO_KARMA.items():
        (project / "components" / component_type / "parameters.tf").write_text(text, "utf-8")
    return run_job(project, {})


@pytest.fixture(scope="module")
def on_aws(
    on_embedded_stores: Job, patched: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Job:
    """The job with parameters, state, log, artifacts and Terraform's states in AWS, the graph in Gremlin."""
    server = gremlin_server.required()
    gremlin_server.empty()
    local_aws.fresh(patched)
    section = "KARMA_ENVIRONMENTS__DEV__"
    return run_job(
        example(tmp_path_factory.mktemp("aws") / "project"),
        {
            f"{section}AWS__ENDPOINT_URL": local_aws.url(),
            f"{section}GRAPH": "gremlin",
            f"{section}GREMLIN_URL": server.url,
        },
    )


def test_both_end_alike(on_aws: Job, on_embedded_stores: Job) -> None:
    """The same statuses, nodes and edges, whether the stores are in AWS or on this machine."""
    assert on_aws.first == on_embedded_stores.first
    assert on_aws.graph == on_embedded_stores.graph
    assert on_aws.changed == on_embedded_stores.changed
    assert set(on_aws.first.values()) == {"applied"}
    assert len(on_aws.first) == 7


def test_a_change_reaches_only_what_consumes_the_changed_keys(on_aws: Job) -> None:
    """A subnet more: the routes consume the ids of subnets; the group and all others do not."""
    assert on_aws.changed == {
        "app-settings/orders": "unchanged",
        "dynamodb-table/orders": "unchanged",
        "iam-role/orders": "unchanged",
        "route-table/private": "applied",
        "s3-bucket/uploads": "unchanged",
        "security-group/web": "cut_off",
        "vpc/core": "applied",
    }
    planned = {c["address"]: (c["action"], c["add"], c["destroy"]) for c in on_aws.planned["components"]}
    assert planned["vpc/core"] == planned["route-table/private"] == ("update", 1, 0)
    assert planned["security-group/web"] == ("cut_off", 0, 0)


def test_modules_that_read_parameter_store_have_their_edges(on_aws: Job) -> None:
    """Both types that read by `data "aws_ssm_parameter"` consume what their modules read, and no more."""
    consumed = {(s, t): keys for s, t, kind, keys in on_aws.graph[1] if kind == "consumes_runtime_from"}
    assert consumed["iam-role/orders", "s3-bucket/uploads"] == ["bucket_arn"]
    assert consumed["iam-role/orders", "dynamodb-table/orders"] == ["table_arn"]
    assert consumed["app-settings/orders", "iam-role/orders"] == ["role_arn"]
    assert consumed["app-settings/orders", "dynamodb-table/orders"] == ["table_name"]


def test_the_runtime_that_a_module_writes_is_its_own(on_aws: Job) -> None:
    """Parameter Store holds what Terraform wrote, once, and a state object for each component."""
    access = local_aws.Access(region=local_aws.REGION, endpoint_url=local_aws.url())
    answer = local_aws.api(access, "ssm").call("get_parameter", Name="/iac/iam-role/orders/runtime")
    assert json.loads(answer["Parameter"]["Value"])["role_name"] == "orders"
    assert answer["Parameter"]["Version"] == 1
    listed = local_aws.api(access, "s3").call("list_objects_v2", Bucket="karma-example", Prefix="dev/tfstate")
    assert [item["Key"] for item in listed["Contents"]] == [
        f"dev/tfstate/{address}/terraform.tfstate" for address in sorted(on_aws.first)
    ]


def test_the_log_in_aws_verifies_and_leads_to_the_artifacts(on_aws: Job) -> None:
    """One chain in DynamoDB and S3; a person finds a run's plan by date, run and address."""
    verified = on_aws.karma.json("log", "verify")
    assert verified["verified"]
    assert [sink["sink"] for sink in verified["sinks"]] == ["dynamodb", "s3"]
    rows = on_aws.karma.json("log", "artifacts", "--component", "route-table/private")
    assert [row["key"].rpartition("/")[2] for row in rows] == ["plan.json", "plan.txt"] * 2
    last = rows[-1]
    assert last["key"] == f"dev/{last['timestamp'][:10]}/{last['run_id']}/route-table/private/plan.txt"
    opened = on_aws.karma.json("log", "show", last["event"], "--open")["opened"]
    assert "aws_route_table_association.this" in opened[last["key"]]
