"""Which attributes a configuration sets, in the form in which Terraform 1.11 prints it."""

from __future__ import annotations

from typing import Any

import pytest

from karma_adapters.terraform.configured import expressions_of, is_set

DOCUMENT: dict[str, Any] = {
    "configuration": {
        "root_module": {
            "resources": [
                {"address": "aws_route_table.this", "expressions": {"vpc_id": {"references": ["var.vpc"]}}},
                {"address": "terraform_data.empty", "expressions": {}},
            ],
            "module_calls": {
                "net": {
                    "module": {
                        "resources": [
                            {
                                "address": "aws_instance.this",
                                "expressions": {
                                    "tags": {"constant_value": {"Name": "x"}},
                                    "root_block_device": [{"volume_size": {"constant_value": 8}}],
                                    "metadata_options": [{}],
                                },
                            }
                        ]
                    }
                }
            },
        }
    }
}


@pytest.mark.parametrize(
    ("address", "pointer", "expected"),
    [
        ("aws_route_table.this", "/vpc_id", True),
        ("aws_route_table.this", "/route/0", False),
        ("aws_route_table.this[0]", "/route", False),
        ("terraform_data.empty", "/output", False),
        ('module.net["a.b"].aws_instance.this["x]"]', "/tags/Name", True),
        ("module.net.aws_instance.this[1]", "/tags/other", True),
        ("module.net.aws_instance.this", "/root_block_device/0/volume_size", True),
        ("module.net.aws_instance.this", "/root_block_device/0/volume_id", False),
        ("module.net.aws_instance.this", "/root_block_device/1/volume_id", True),
        ("module.net.aws_instance.this", "/public_dns", False),
        ("module.other.aws_instance.this", "/public_dns", True),
        ("aws_vpc.gone", "/tags", True),
    ],
)
def test_what_is_set(address: str, pointer: str, expected: bool) -> None:
    """By module call and resource, without the instance; what is in no configuration counts as set."""
    assert is_set(expressions_of(DOCUMENT, address), pointer) is expected


def test_a_plan_without_a_configuration_sets_everything() -> None:
    """Then nothing becomes a baseline: every difference is drift."""
    assert is_set(expressions_of({}, "x.y"), "/a")
