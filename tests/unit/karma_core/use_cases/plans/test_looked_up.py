"""Things that a module looks up and another component creates: they stand in no runtime, and count."""

from __future__ import annotations

import pytest

from karma_core.inference.read import read_module
from karma_core.plan.document import Action, PlannedComponent
from karma_core.records import PlannedResource
from karma_core.references.base import LookedUp
from karma_core.use_cases.plans.looked_up import foreseen
from karma_core.use_cases.plans.plan import plan
from tests.memory_system import ALL, System, statuses

PARAMETER = "aws_ssm_parameter"
SECRET = "aws_secretsmanager_secret"
ZONE = "aws_route53_zone"
VARIABLE = 'variable "nickname" {}\n'
WRITER = f'{VARIABLE}resource "{PARAMETER}" "x" {{\n  name = "/x/${{var.nickname}}"\n}}\n'
READER = f'data "{PARAMETER}" "x" {{\n  name = "/x/one"\n}}\n'


@pytest.mark.parametrize(
    ("resource", "changed", "action", "name", "parameters", "waits"),
    [
        (PARAMETER, PARAMETER, "update", "/x", ["/x"], False),
        (PARAMETER, PARAMETER, "create", None, ["/x"], False),
        (PARAMETER, PARAMETER, "update", "/other", [], False),
        (PARAMETER, PARAMETER, "no-op", "/x", [], False),
        (PARAMETER, ZONE, "create", "/x", [], False),
        ("aws_ssm_parameters_by_path", PARAMETER, "update", "/x/y", [], True),
        (f"{SECRET}_version", f"{SECRET}_version", "update", None, [], True),
        (SECRET, SECRET, "read", None, [], False),
        (ZONE, ZONE, "create", None, [], True),
        (ZONE, ZONE, "update", None, [], False),
    ],
)
def test_what_will_be_another(
    resource: str, changed: str, action: str, name: str | None, parameters: list[str], waits: bool
) -> None:
    """A parameter is unknown; what else is not there yet, or a secret that changes, makes its reader wait."""
    change = PlannedResource(address=f"{changed}.x", type=changed, action=action, after={"name": name})
    producer = PlannedComponent(address="a/one", action=Action.UPDATE, reason="", resources=(change,))
    made = foreseen([LookedUp(resource, "/x", "a/one")], {"a/one": producer})
    assert (list(made.parameters), bool(made.waits)) == (parameters, waits)


def test_a_change_that_no_runtime_shows_reaches_who_looks_it_up() -> None:
    """In the plan, and in the deploy once; who does not look it up is cut off."""
    system = System()
    system.modules.known_facts["a"] = read_module("a", {"a/main.tf": WRITER.encode()})
    system.modules.known_facts["b"] = read_module("b", {"b/main.tf": READER.encode()})
    system.configure(a_one={"secret": "x"}, b_two={}, c_three={"a_nickname": "one"})
    system.deploy()
    assert not plan(system.workspace, ALL).changes
    system.configure(a_one={"secret": "y"})
    system.applies()
    reasons = {c.address: c.reason for c in plan(system.workspace, ALL).components}
    assert "a/one: (looked up) changed" in reasons["b/two"]
    assert "what is consumed of it (id) is the same" in reasons["c/three"]
    ended = statuses(system.deploy())
    assert (ended["a/one"], ended["c/three"]) == ("applied", "cut_off")
    assert ("plan", "b/two") in system.terraform.calls
    assert set(statuses(system.deploy()).values()) == {"unchanged"}
