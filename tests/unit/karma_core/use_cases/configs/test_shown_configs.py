"""What the module marks sensitive is masked where a config is shown, and not quoted by findings."""

from __future__ import annotations

from karma_core.inference.read import read_module
from karma_core.use_cases.configs.show import show
from karma_core.use_cases.graph.build import read_fleet
from tests.memory_system import System

MODULE = b"""
variable "pin" { sensitive = true }
variable "open" { sensitive = false }
variable "size" {}
"""


def _system() -> System:
    system = System()
    system.modules.known_facts["b"] = read_module("b", {"b/main.tf": MODULE})
    system.modules._definitions["b"] = {"schema": {"properties": {"pin": {"type": "integer"}}}}
    system.configure(b_one={"pin": "k1w1", "open": "o", "size": 1})
    return system


def test_the_key_of_a_sensitive_variable_is_masked() -> None:
    """`sensitive = true` in the module is enough: nobody has to say it again in a schema."""
    shown = show(_system().workspace, "b/one")
    assert shown.config == {"pin": "(sensitive)", "open": "o", "size": 1}


def test_a_schema_fault_does_not_quote_it() -> None:
    """A finding is shown to whoever may see the graph."""
    (fault,) = [one for one in read_fleet(_system().workspace).findings if one.code == "schema"]
    assert (fault.pointer, "k1w1" in fault.message) == ("/pin", False)
