"""Made-up environments of any size: twelve keys a config, three references each, from one seed."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

from karma_core.inference.read import read_module
from karma_core.records import Parameter
from karma_core.references.base import ModuleInputs

PREFIX = "/iac"
TYPES = ("vpc", "cluster", "bucket", "service", "queue")
REFERENCES = 3


def configs(count: int, *, seed: int = 1) -> Iterator[tuple[str, str]]:
    """(address, config as JSON text) of `count` components; each refers to three earlier ones.

    Two references are nicknames and one names a runtime parameter, as real configs have it.
    """
    rng = random.Random(seed)
    addresses: list[str] = []
    for number in range(count):
        address = f"{TYPES[number % len(TYPES)]}/c{number:06}"
        config: dict[str, object] = {
            "name": f"component-{number}",
            "description": "one of many, made up",
            "image": f"registry.example.org/app:1.{number % 50}.0",
            "cpu": 256,
            "memory": 512,
            "enabled": True,
            "timeout_seconds": 30,
            "subnets": ["subnet-a", "subnet-b"],
            "tags": {"Owner": "team", "Project": "corpus"},
        }
        producers = rng.sample(addresses, REFERENCES) if len(addresses) >= REFERENCES else []
        for place, producer in enumerate(producers):
            component_type, nickname = producer.split("/")
            if place == 0:
                config["upstream_runtime"] = f"{PREFIX}/{producer}/runtime"
            else:
                config[f"link_{place}"] = {f"{component_type}_nickname": nickname}
        addresses.append(address)
        yield address, json.dumps(config)


MODULE = """
variable "config" { type = any }
variable "dependencies" { type = any }
variable "region" {}
variable "iac_prefix" {}

locals {
  named    = try(var.config.upstream_runtime, "")
  address  = trimsuffix(trimprefix(local.named, "${var.iac_prefix}/"), "/runtime")
  upstream = local.named == "" ? null : var.dependencies[local.address]
}

resource "terraform_data" "this" {
  input = {
    name     = "${var.config.name}-${var.region}"
    endpoint = try(local.upstream.endpoint, "")
    ids      = [for address, runtime in var.dependencies : runtime.id if address != ""]
  }
}
"""


def modules() -> ModuleInputs:
    """The facts of a module for every type, which reads all three producers that a config names."""
    facts = {name: read_module(name, {f"{name}/main.tf": MODULE.encode()}) for name in TYPES}
    return ModuleInputs(facts=facts, region="eu-west-1")


def parameters(count: int, *, seed: int = 1) -> list[Parameter]:
    """The same configs as current parameters, by name."""
    made = [
        Parameter(name=f"{PREFIX}/{address}/config", value=text, version=1)
        for address, text in configs(count, seed=seed)
    ]
    return sorted(made, key=lambda parameter: parameter.name)


def write(root: Path, count: int, *, environment: str = "bench", seed: int = 1) -> Path:
    """The same configs as files `iac/<environment>/<type>/<nickname>/config.json`; returns that directory."""
    base = root / "iac" / environment
    for address, text in configs(count, seed=seed):
        directory = base / address
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(text)
    return base
