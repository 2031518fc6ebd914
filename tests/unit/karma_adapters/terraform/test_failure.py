"""Terraform's own errors as Karma tells them."""

from __future__ import annotations

import pytest

from karma_adapters.processes.children import Finished
from karma_adapters.terraform import failure

UNSUITABLE = """
Error: Invalid value for input variable

  on zz_karma_planned.tf line 4, in module "karma_planned_inputs":
   4:   dependencies = { "a/one" = { id = jsondecode(terraform_data.x.id) } }

The given value is not suitable for
module.karma_planned_inputs.var.dependencies declared at
karma_planned_inputs/main.tf:1,1-24: element "a/one": attribute "arn" is
required.

Error: Something else

  on main.tf line 1:
"""
REFUSED = """
╷
│ Error: Invalid value for variable
│
│   on v.tfvars.json line 1:
│    1: {"name":"abc"}
│     ├────────────────
│     │ var.name is "abc"
│
│ The name is
│ too short.
│
│ This was checked by the validation rule at main.tf:6,2-12.
╵
"""


NULL = """
Error: Required variable not set

  on v.tfvars.json line 1:
   1: {"v":null}

The given value is not suitable for var.v defined at main.tf:1,1-9: it may
not be null.
"""
TYPE = (
    "The given value is not suitable for var.dependencies declared at main.tf:1,1-24: "
    'element "a/one": attribute "arn" is required.'
)


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (
            UNSUITABLE,
            TYPE,
        ),
        (
            NULL,
            "The given value is not suitable for var.v defined at main.tf:1,1-9: it may not be null.",
        ),
        (
            REFUSED,
            "var.name: The name is too short. This was checked by the validation rule at main.tf:6,2-12.",
        ),
    ],
)
def test_a_value_that_a_variable_does_not_take_is_said_in_one_line(output: str, why: str) -> None:
    """With the attribute's name, and without what Karma has added to a copy."""
    error = failure.failed("a/one", "plan", Finished(code=1, out="", err=output))
    assert (error.code, error.why.splitlines()[0]) == ("invalid-variable", why)
    assert failure.variable_fault("Error: Unsupported attribute") == ""
