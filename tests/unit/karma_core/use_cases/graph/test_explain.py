"""`graph explain`: every place where a dependency was found, with what stands there."""

from __future__ import annotations

import pytest

from karma_core.errors import NotFound
from karma_core.inference.read import read_module
from karma_core.use_cases.graph.explain import Explanation, Occurrence, explain
from tests.memory_system import System

MODULE = b"""
variable "config" {}
variable "id" {}
variable "dependencies" {
  type = any
}
locals { one = var.dependencies["a/${var.config.a_nickname}"] }
resource "terraform_data" "x" { input = try(local.one.size, 1) }
"""


@pytest.fixture
def system() -> System:
    """b/two depends on a/one by its nickname, by a value and by what its module reads."""
    system = System()
    system.modules.known_facts["b"] = read_module("b", {"b/main.tf": MODULE})
    id_of_one = {"$runtime": "a/one#id", "default": "s3cret"}
    system.configure(
        a_one={"size": 1}, c_x={}, b_two={"a_nickname": "one", "id": id_of_one, "depends_on": ["c/x"]}
    )
    return system


def test_each_way_is_told_with_its_place_and_keys(system: System) -> None:
    """Sorted; what the module does not know for sure may be missing; beside it what counts in the end."""
    made = explain(system.workspace, "b/two", "a/one")
    assert made.occurrences == (
        Occurrence(
            producer="a/one",
            via="module",
            place="main.tf:7",
            written='var.dependencies["a/${var.config.a_nickname}"]',
            keys=("size",),
            optional_keys=("size",),
        ),
        Occurrence(producer="a/one", via="nickname", place="/a_nickname", written='"one"'),
        Occurrence(
            producer="a/one",
            via="value",
            place="/id",
            written='{"$runtime":"a/one#id","default":"s3cret"}',
            keys=("id",),
            optional_keys=("id",),
        ),
    )
    assert (made.consumed, made.module_seen) == ({"a/one": ("id", "size")}, True)


def test_a_component_is_told_with_all_its_producers_and_findings(system: System) -> None:
    """The findings say what was not seen, and what does not fit."""
    made = explain(system.workspace, "b/two")
    assert {one.producer for one in made.occurrences} == {"a/one", "c/x"}
    assert [f.code for f in made.findings] == ["declared-never-read"]
    assert explain(system.workspace, "c/x") == Explanation(
        component="c/x", occurrences=(), consumed={}, findings=(), module_seen=False
    )


def test_a_secret_place_is_masked(system: System) -> None:
    """What the type's schema says is secret is shown to nobody."""
    system.modules._definitions["b"] = {"schema": {"properties": {"id": {"writeOnly": True}}}}
    assert "s3cret" not in repr(explain(system.workspace, "b/two").occurrences)


def test_what_does_not_exist_is_said(system: System) -> None:
    """No config, or no dependency."""
    for consumer, producer in (("b/none", None), ("a/one", "b/two")):
        with pytest.raises(NotFound):
            explain(system.workspace, consumer, producer)
