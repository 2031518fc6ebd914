"""The pages say which function has which route and which permission, and the deployment's variables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karma_api.registry import FUNCTIONS, RESOURCES
from karma_api.routes import ROUTES
from karma_lambda.permissions import PERMISSIONS as PERMITTED
from tests.api_table import table

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "serverless.md").read_text("utf-8")
PERMISSIONS = {
    "put events on the bus": {name for name, one in FUNCTIONS.items() if one.orders_runs},
    "write and delete in Neptune": {name for name, one in FUNCTIONS.items() if one.updates_graph},
    "read the parameters of the webhooks' secrets": {n for n, one in FUNCTIONS.items() if one.takes_webhooks},
    "write tokens": {name for name, one in PERMITTED.items() if "document#token" in one.writes},
    "write changes": {name for name, one in PERMITTED.items() if "document#change" in one.writes},
    "delete leases": {name for name, one in PERMITTED.items() if "lease" in one.deletes},
    "read parameters below": {n for n, one in PERMITTED.items() if "ssm:GetParameter" in one.parameters},
    "read artifacts": {name for name, one in PERMITTED.items() if one.artifacts},
}
"""What only some functions may do, and which."""


def test_the_table_of_the_api_names_the_function_of_each_route() -> None:
    """No route is forgotten; one without a function says "none" there, and is named in this page."""
    served = {
        f"{route.method} {route.path}": resource.name
        for resource in RESOURCES
        for route in resource.function_routes()
    }
    said = {door: row.function for door, row in table().items()}
    assert said == {f"{route.method} {route.path}": None for route in ROUTES} | served
    assert [door for door, function in said.items() if function is None and f"`{door}`" not in TEXT] == []


@pytest.mark.parametrize("permission", PERMISSIONS)
def test_who_has_a_permission_is_said(permission: str) -> None:
    """The last cell of the permission's row names these functions and no others."""
    [cell] = re.findall(rf"^\|.*{permission}.*\| (.+) \|$", TEXT, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", cell)) == PERMISSIONS[permission]


def test_every_variable_is_explained() -> None:
    """What can be given to the deployment is in the page's table."""
    text = (ROOT / "deployments" / "aws" / "variables.tf").read_text()
    table = TEXT.partition("The variables of")[2].partition("The workers'")[0]
    assert {
        name for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE) if f"`{name}`" not in table
    } == set()
