"""A platform of the usual kind: modules that read their configs and each other's runtimes by parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from karma_core.graph.build import Built, build
from karma_core.graph.graph import Graph
from karma_core.graph.validate import validate
from karma_core.inference.read import read_module
from karma_core.model import Finding, Kind
from karma_core.references.base import ModuleInputs
from tests.unit.graph.environments import inventory, parameters

MODULES = Path(__file__).parent / "world"
CONFIGS: dict[str, dict[str, Any]] = {
    "vpc/core": {"cidr": "192.0.2.0/24", "subnets": {"a": "192.0.2.0/26"}},
    "vpc/edge": {"cidr": "198.51.100.0/24", "subnets": {}},
    "ecs-cluster/main": {"vpc_nickname": "core"},
    "ecs-service/api": {"cluster_nickname": "main", "vpc_nickname": "core", "s3_bucket_nickname": ""},
    "ecs-service/worker": {"cluster_nickname": "main", "vpc_nickname": "edge", "s3_bucket_nickname": "logs"},
    "route53-zone/root": {"zone_name": "example.org."},
    "serverless-site/www": {
        "site_name": "example.org",
        "route53_zone_name": "example.org",
        "enable_custom_domain": True,
        "domain_aliases": ["example.org", "www.example.org"],
    },
    "serverless-site/draft": {
        "site_name": "draft",
        "route53_zone_name": "example.org.",
        "enable_custom_domain": False,
        "domain_aliases": [],
    },
    "lambda-set/tools": {"functions": {"mail": {"vpc_nickname": "core"}, "resize": {}}},
    "http-api/public": {"routes": {"/mail": {"function": "mail"}, "/size": {"function": "resize"}}},
}


def facts() -> dict[str, Any]:
    """The facts of every type below `world`."""
    files = {str(p.relative_to(MODULES)): p.read_bytes() for p in sorted(MODULES.glob("**/*.tf"))}
    types = sorted(p.name for p in MODULES.iterdir() if not p.name.startswith("_"))
    return {name: read_module(name, files) for name in types}


def made() -> tuple[Built, tuple[Finding, ...]]:
    """The build and its findings; the bucket is somebody else's."""
    stock = inventory(parameters(CONFIGS, {"s3-bucket/logs": {"bucket_arn": "arn:aws:s3:::logs"}}))
    built_graph = build(stock, {}, modules=ModuleInputs(facts=facts(), region="eu-west-1"))
    return built_graph, validate(stock, built_graph, {})


BUILT, FINDINGS = made()


def test_every_dependency_is_found_with_its_keys() -> None:
    """Through locals, jsondecode, for_each, count, join, format, a child module; nothing is declared."""
    consumed = {
        (e.source, e.target): e.keys
        for e in BUILT.graph.edges
        if e.kind is Kind.CONSUMES and "module" in e.via
    }
    assert consumed == {
        ("ecs-cluster/main", "vpc/core"): ("vpc_id",),
        ("ecs-service/api", "ecs-cluster/main"): ("cluster_arn", "security_group_id"),
        ("ecs-service/api", "vpc/core"): ("subnet_ids",),
        ("ecs-service/worker", "ecs-cluster/main"): ("cluster_arn", "security_group_id"),
        ("ecs-service/worker", "s3-bucket/logs"): ("bucket_arn",),
        ("ecs-service/worker", "vpc/edge"): ("subnet_ids",),
        ("http-api/public", "lambda/mail"): ("arn",),
        ("http-api/public", "lambda/resize"): ("arn",),
        ("lambda-set/tools", "vpc/core"): ("subnet_ids",),
    }


def test_a_site_finds_its_zone_by_the_data_source() -> None:
    """With or without the dot, and only where the config switches the domain on."""
    edges = [(e.source, e.target, e.pointers) for e in BUILT.graph.edges if "lookup" in e.via]
    assert edges == [("serverless-site/www", "route53-zone/root", ("main.tf:32",))]


def test_functions_of_one_config_have_nodes_of_their_own() -> None:
    """The API waits for the functions, and they for the one component that deploys them."""
    emitted = {(e.source, e.target) for e in BUILT.graph.edges if e.kind is Kind.EMITS}
    assert emitted == {("lambda-set/tools", "lambda/mail"), ("lambda-set/tools", "lambda/resize")}
    cone = Graph(BUILT.graph).cone("lambda-set/tools")
    assert cone == {"lambda-set/tools", "lambda/mail", "lambda/resize", "http-api/public"}


def test_nothing_is_left_unresolved() -> None:
    """No finding, though no type has a component.yaml: `cluster_nickname` is what the module reads by it."""
    assert FINDINGS == ()
