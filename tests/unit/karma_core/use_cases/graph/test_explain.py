"""`graph explain`: every place where a dependency was found, with what stands there."""

from __future__ import annotations

import pytest

from karma_core.errors import NotFound
from karma_core.inference.read import read_module
from karma_core.use_cases.graph.evaluation import Lookup, NotSeen, VariableSource
from karma_core.use_cases.graph.explain import Explanation, Occurrence, Step, explain
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
            steps=(
                Step(
                    expression='var.dependencies["a/${var.config.a_nickname}"]',
                    value="the runtime of a/one",
                    place="main.tf:7",
                    depth=0,
                ),
                Step(expression='"a/${var.config.a_nickname}"', value='"a/one"', place="main.tf:7", depth=1),
                Step(expression="var.config.a_nickname", value='"one"', place="main.tf:7", depth=2),
            ),
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


STEPS = b"""
variable "config" {}
variable "iac_prefix" {}
variable "id" {}
variable "pin" { sensitive = true }
variable "size" { default = 1 }
variable "owner" {}
locals {
  name = try(var.config.vpc, "none")
  copy = "${var.pin}x"
}
data "aws_ssm_parameter" "vpc" { name = "${var.iac_prefix}/a/${local.name}/runtime" }
data "aws_ssm_parameter" "pinned" { name = "${var.iac_prefix}/a/${trimsuffix(local.copy, "x")}/runtime" }
data "aws_ssm_parameter" "odd" { name = "/iac/a/${timestamp()}/runtime" }
data "aws_ssm_parameter" "ami" { name = "/images/linux" }
data "http" "outside" { url = "https://example.org" }
resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/b/two/runtime"
  value = jsonencode({ id = jsondecode(data.aws_ssm_parameter.vpc.value).id })
}
output "odd" { value = [data.aws_ssm_parameter.odd.value, data.aws_ssm_parameter.pinned.value] }
"""
IMAGES = b"""
resource "aws_ssm_parameter" "ami" {
  name  = "/images/${"linux"}"
  value = "ami-1"
}
"""


@pytest.fixture
def stepped(system: System) -> System:
    """b/two puts the names of what it reads together."""
    system.modules.known_facts["b"] = read_module("b", {"b/main.tf": STEPS})
    system.modules.known_facts["d"] = read_module("d", {"d/main.tf": IMAGES})
    system.configure(
        a_x1={}, d_ami={}, b_two={"vpc": "one", "pin": "x1", "id": {"$runtime": "a/one#id"}, "owner": "me"}
    )
    return system


def test_an_evaluation_is_shown_step_by_step(stepped: System) -> None:
    """The whole expression first, then what it is made of, through locals to the config's values."""
    read = next(one for one in explain(stepped.workspace, "b/two", "a/one").occurrences if one.steps)
    assert [(step.depth, step.expression, step.value, step.place) for step in read.steps] == [
        (0, '"${var.iac_prefix}/a/${local.name}/runtime"', '"/iac/a/one/runtime"', "main.tf:12"),
        (1, "var.iac_prefix", '"/iac"', "main.tf:12"),
        (1, "local.name", '"one"', "main.tf:12"),
        (2, 'try(var.config.vpc, "none")', '"one"', "main.tf:9"),
        (3, "var.config.vpc", '"one"', "main.tf:9"),
    ]


def test_a_secret_is_masked_in_every_step_that_is_made_of_it(stepped: System) -> None:
    """However short it is: what is derived from a sensitive variable is as secret as that."""
    (read,) = explain(stepped.workspace, "b/two", "a/x1").occurrences
    assert {step.value for step in read.steps if step.expression != "var.iac_prefix"} == {"(sensitive)"}


def test_a_component_is_told_what_was_seen_of_its_module_and_what_was_not(stepped: System) -> None:
    """Variables with their sources, lookups, written runtimes; and what is not followed or not computed."""
    view = explain(stepped.workspace, "b/two").module
    assert view is not None
    assert view.variables == (
        VariableSource(name="config", place="main.tf:2", source="Karma"),
        VariableSource(name="iac_prefix", place="main.tf:3", source="Karma"),
        VariableSource(name="id", place="main.tf:4", source="runtime", key="a/one#id"),
        VariableSource(name="owner", place="main.tf:7", source="config", key="/owner"),
        VariableSource(name="pin", place="main.tf:5", source="config", key="/pin"),
        VariableSource(name="size", place="main.tf:6", source="default"),
    )
    assert view.lookups == (
        Lookup(
            resource="aws_ssm_parameter",
            argument="name",
            value="/images/linux",
            place="main.tf:15",
            producers=("d/ami",),
        ),
    )
    assert view.writes == {"b/two": ("main.tf:18",)}
    assert [(one.what, one.place) for one in view.not_seen] == [
        ("data.http.outside", "main.tf:16"),
        ('"/iac/a/${timestamp()}/runtime"', "main.tf:14"),
        ("timestamp()", "main.tf:14"),
    ]
    assert view.not_seen[2] == NotSeen(
        what="timestamp()", place="main.tf:14", why="timestamp() is not computed here"
    )


def test_a_lookup_is_shown_step_by_step(stepped: System) -> None:
    """Its identifying value is evaluated as the name of a read is."""
    (found,) = explain(stepped.workspace, "b/two", "d/ami").occurrences
    assert (found.via, found.steps) == ("lookup", ())  # a literal has no steps
