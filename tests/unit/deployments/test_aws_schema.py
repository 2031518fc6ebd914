"""Every argument and block of deployments/aws is one that Terraform's AWS provider 5 has, and 6 has.

No such provider can be had on the machines of this project: tests/provider_schema stands for it.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform import binary
from tests.hcl_blocks import Block, blocks_of, references

ROOT = Path(__file__).parents[3]
AWS = ROOT / "deployments" / "aws"
META = {"count", "depends_on", "for_each", "lifecycle", "provider"}
SCHEMAS: dict[str, dict[str, Any]] = {
    version: json.loads((ROOT / f"tests/provider_schema/provider-{version}.json").read_text("utf-8"))
    for version in ("5", "6")
}
PLACES = [block for block in blocks_of(AWS) if block.kind in {"resource", "data"}]


def faults(block: Block, schemas: dict[str, Any]) -> list[str]:
    """What a provider would refuse of a resource or data source."""
    name = ("data." if block.kind == "data" else "") + block.labels[0]
    if name not in schemas:
        return [f"{name}: unknown"]
    wrong = _faults(name, block, schemas[name])
    for kind, attribute in (pair for text in block.texts() for pair in references(text)):
        known = schemas.get(kind, {}).get("read", [])
        if attribute.replace("_", "") not in {one.replace("_", "") for one in known}:
            wrong.append(f"{kind}.{attribute} cannot be read")
    return wrong


def _faults(place: str, block: Block, schema: dict[str, Any]) -> list[str]:
    arguments, nested = schema["arguments"], schema.get("blocks", {})
    written = {name for name in block.arguments if name not in META}
    inner = [one for one in block.written() if one.kind not in META]
    wrong = [f"{place}.{name}: no such argument" for name in sorted(written - set(arguments))]
    wrong += [
        f"{place}.{name}: missing"
        for name, how in arguments.items()
        if how == "required" and name not in written
    ]
    for one in inner:
        if one.kind not in nested:
            wrong.append(f"{place}.{one.kind}: no such block")
        else:
            wrong += _faults(f"{place}.{one.kind}", one, nested[one.kind])
    return wrong


@pytest.mark.parametrize("version", SCHEMAS)
def test_the_provider_has_every_argument_and_block(version: str) -> None:
    """Nothing is unknown to the provider, nothing that it requires is missing, what is read is there."""
    assert SCHEMAS[version]["version"].startswith(f"{version}.")
    wrong = [f"{one.name}: {fault}" for one in PLACES for fault in faults(one, SCHEMAS[version])]
    assert wrong == []
    assert len(PLACES) > 80


def test_a_wrong_argument_is_found(tmp_path: Path) -> None:
    """The guard: a mistyped argument, block and reference, and a missing argument, each are said."""
    (tmp_path / "main.tf").write_text(
        """
resource "aws_neptune_cluster" "this" {
  engine_versoin = aws_neptune_cluster.other.endpiont

  scaling {
    max_capacity = 1
  }
}

resource "aws_sqs_queue_policy" "this" {
  policy = "{}"
}
""",
        "utf-8",
    )
    found = [fault for one in blocks_of(tmp_path) for fault in faults(one, SCHEMAS["6"])]
    assert found == [
        "aws_neptune_cluster.engine_versoin: no such argument",
        "aws_neptune_cluster.scaling: no such block",
        "aws_neptune_cluster.endpiont cannot be read",
        "aws_sqs_queue_policy.queue_url: missing",
    ]


def test_the_files_are_formatted() -> None:
    """`terraform fmt` would change nothing."""
    words = [*binary.find("").words, "fmt", "-check", "-recursive", "-no-color", str(AWS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_providers_have_both_bounds_and_a_lock() -> None:
    """No root and no module takes a provider that was not looked at; the root's lock names the version."""
    bounds = {
        block.file.parent: one.arguments["aws"]
        for block in blocks_of(AWS)
        if block.kind == "terraform"
        for one in block.inner("required_providers")
    }
    assert {place.file.parent for place in PLACES} <= set(bounds)
    assert all('">= 5.31, < 7.0"' in one for one in bounds.values())
    locked = (AWS / ".terraform.lock.hcl").read_text("utf-8")
    assert f'version     = "{SCHEMAS["6"]["version"]}"' in locked
    assert 'constraints = ">= 5.31.0, < 7.0.0"' in locked
