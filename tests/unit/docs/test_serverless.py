"""docs/serverless.md says which function has which route, and which variables the deployment takes."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from karma_api.routes import ROUTES
from karma_lambda.packaging.__main__ import names

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "serverless.md").read_text("utf-8")
ROWS = {
    name: (said, orders)
    for name, said, orders in re.findall(r"^\| `(\w+)` \| (.+) \| (yes)? ?\|$", TEXT, re.MULTILINE)
}
NOT_SERVED = {"metrics", "config-diff", "publication", "publication-request"}


@pytest.mark.parametrize("name", names())
def test_a_function_has_the_routes_of_its_row(name: str) -> None:
    """Each route is named by method and path; the acts on a change by their last words."""
    module = import_module(f"karma_lambda.functions.{name}")
    said, orders = ROWS[name]
    for route in module.SERVED:
        act = re.fullmatch(r"/changes/\{change_id\}/(\w+)", route.path)
        assert f"`{act[1]}`" in said if act else f"`{route.method} {route.path}`" in said, route.path
    assert len(re.findall(r"`(?:GET|POST) ", said)) == len(
        {r.path + r.method for r in module.SERVED if not r.path.startswith("/changes/{change_id}/")}
    )
    assert bool(orders) is hasattr(module, "make_starter")


def test_every_route_has_a_function() -> None:
    """No door of the API is forgotten: it has a function, or the page says that it has none."""
    served = {r.name for name in names() for r in import_module(f"karma_lambda.functions.{name}").SERVED}
    assert {route.name for route in ROUTES} - served == NOT_SERVED
    for route in ROUTES:
        assert route.name not in NOT_SERVED or f"`{route.method} {route.path}`" in TEXT


def test_every_variable_is_explained() -> None:
    """What can be given to the deployment is in the page's table."""
    text = (ROOT / "deployments" / "aws" / "variables.tf").read_text()
    table = TEXT.partition("The variables of")[2].partition("The workers'")[0]
    assert {
        name for name in re.findall(r'^variable "(\w+)"', text, re.MULTILINE) if f"`{name}`" not in table
    } == set()
