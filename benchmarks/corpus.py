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
FIFTY_TYPES = tuple(f"{name}-{number}" for number in range(10) for name in TYPES)
"""As many types as a fleet of ten thousand components has."""
REFERENCES = 3


def configs(count: int, *, seed: int = 1, types: tuple[str, ...] = TYPES) -> Iterator[tuple[str, str]]:
    """(address, config as JSON text) of `count` components; each refers to three earlier ones.

    Two references are nicknames and one names a runtime parameter, as real configs have it.
    """
    rng = random.Random(seed)
    addresses: list[str] = []
    for number in range(count):
        address = f"{types[number % len(types)]}/c{number:06}"
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


BY_PARAMETER = """
variable "config" { type = any }
variable "iac_prefix" { type = string }

locals {
  named  = try(var.config.upstream_runtime, null)
  links  = { for key, value in var.config : key => value if substr(key, 0, 5) == "link_" }
  target = flatten([for link in local.links : [for key, nickname in link :
    "${replace(trimsuffix(key, "_nickname"), "_", "-")}/${nickname}"]])
}

data "aws_ssm_parameter" "upstream" {
  count = local.named == null ? 0 : 1
  name  = local.named
}

data "aws_ssm_parameter" "linked" {
  for_each = toset(local.target)
  name     = "${var.iac_prefix}/${each.key}/runtime"
}

output "endpoint" { value = try(jsondecode(data.aws_ssm_parameter.upstream[0].value).endpoint, null) }
output "ids" { value = [for one in data.aws_ssm_parameter.linked : jsondecode(one.value).id] }
"""
"""It reads the parameters of all three producers by names that it puts together."""

PLAIN = """
variable "name" { type = string }
variable "description" { default = "" }
variable "image" { type = string }
variable "cpu" { type = number }
variable "memory" { type = number }
variable "enabled" { type = bool }
variable "timeout_seconds" { type = number }
variable "subnets" { type = list(string) }
variable "tags" { type = map(string) }
variable "upstream_runtime" { default = null }
variable "dependencies" { type = any }
variable "region" {}

locals {
  tags = merge(var.tags, { Name = var.name, Region = var.region })
}

resource "terraform_data" "this" {
  for_each = var.enabled ? toset(var.subnets) : toset([])
  input    = { subnet = each.key, tags = local.tags, ids = { for k, v in var.dependencies : k => v.id } }
}
"""
"""A module of plain variables, beside them what its producers say."""

STYLES = (MODULE, BY_PARAMETER, PLAIN)


def modules(types: tuple[str, ...] = TYPES) -> ModuleInputs:
    """The facts of a module for every type, which reads all three producers that a config names.

    Five types have one style of module, more have all of them in turn.
    """
    styles = STYLES if len(types) > len(TYPES) else (MODULE,)
    texts = {name: styles[number % len(styles)] for number, name in enumerate(types)}
    facts = {name: read_module(name, {f"{name}/main.tf": text.encode()}) for name, text in texts.items()}
    return ModuleInputs(facts=facts, region="eu-west-1")


def parameters(count: int, *, seed: int = 1, types: tuple[str, ...] = TYPES) -> list[Parameter]:
    """The same configs as current parameters, by name."""
    made = [
        Parameter(name=f"{PREFIX}/{address}/config", value=text, version=1)
        for address, text in configs(count, seed=seed, types=types)
    ]
    return sorted(made, key=lambda parameter: parameter.name)


def write(
    root: Path, count: int, *, environment: str = "bench", seed: int = 1, types: tuple[str, ...] = TYPES
) -> Path:
    """The same configs as files `iac/<environment>/<type>/<nickname>/config.json`; returns that directory."""
    base = root / "iac" / environment
    for address, text in configs(count, seed=seed, types=types):
        directory = base / address
        directory.mkdir(parents=True)
        (directory / "config.json").write_text(text)
    return base
