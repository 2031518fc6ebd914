"""A data source here finds what a resource there creates, in a build."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.inference.program import Program
from karma_core.model import Kind
from karma_core.references.base import Context, Reference, Resolved, Subject
from karma_core.references.entries import walk
from karma_core.references.lookup import Lookup
from karma_core.use_cases.fleet.values import consumed_by
from tests.unit.graph.environments import modules
from tests.unit.karma_core.references.building import codes, edges, messages, resolved

ZONE = 'resource "aws_route53_zone" "z" {\n  name = var.config.name\n}\n'
SITE = 'data "aws_route53_zone" "z" {\n  name = var.config.zone\n}\n'


@pytest.mark.parametrize("name", ["example.org", "example.org.", "Example.org"])
def test_a_data_source_finds_what_a_resource_creates(name: str) -> None:
    """Same type, same value: the dot at the end and case make no difference. The whole runtime counts."""
    configs = {"site/a": {"zone": "example.org."}, "zone/z": {"name": name}}
    built_edges = edges(configs, "site/a", sources={"zone": ZONE, "site": SITE})
    assert list(built_edges) == [("zone/z", Kind.DEPENDS_ON)]
    assert built_edges["zone/z", Kind.DEPENDS_ON].via == ("lookup",)
    assert built_edges["zone/z", Kind.DEPENDS_ON].pointers == ("main.tf:2",)
    assert consumed_by(built_edges.values()) == {"zone/z": None}


@pytest.mark.parametrize(
    ("data", "resource"),
    [
        ('"aws_s3_bucket" "x" {\n  bucket = "b"', '"aws_s3_bucket" "x" {\n  bucket = "b"'),
        ('"aws_ecs_cluster" "x" {\n  cluster_name = "b"', '"aws_ecs_cluster" "x" {\n  name = "b"'),
        (
            '"aws_iam_role" "x" {\n  name = "b"',
            '"aws_iam_role" "x" {\n  for_each = toset(["a", "b"])\n  name = each.key',
        ),
        ('"any_thing" "x" {\n  id = "b"', '"any_thing" "x" {\n  id = "b"'),
    ],
)
def test_any_type_with_an_identifying_argument(data: str, resource: str) -> None:
    """The rule knows no types but those that call one thing by two names."""
    sources = {"p": f"resource {resource}\n}}\n", "c": f"data {data}\n}}\n"}
    assert set(edges({"c/c": {}, "p/p": {}}, "c/c", sources=sources)) == {("p/p", Kind.DEPENDS_ON)}


ARN = "arn:aws:secretsmanager:eu-west-1:1:secret:apps/one-AbCdEf"
WRITER = (
    'resource "aws_ssm_parameter" "url" {\n  name = "/apps/${var.nickname}/url"\n  value = "x"\n}\n'
    'resource "aws_secretsmanager_secret" "s" {\n  name = "apps/${var.nickname}"\n}\n'
    'variable "nickname" {}\n'
)


@pytest.mark.parametrize(
    "reader",
    [
        'data "aws_ssm_parameter" "x" {\n  name = "/apps/one/url"\n}\n',
        'data "aws_ssm_parameter" "x" {\n  name = "/apps/${var.config.of}/url"\n}\n',
        'data "aws_ssm_parameter" "x" {\n  name = "arn:aws:ssm:eu-west-1:1:parameter/apps/one/url"\n}\n',
        'ephemeral "aws_ssm_parameter" "x" {\n  name = "/apps/one/url"\n}\n',
        'data "aws_secretsmanager_secret" "x" {\n  name = "apps/one"\n}\n',
        'data "aws_secretsmanager_secret_version" "x" {\n  secret_id = "apps/one"\n}\n',
        f'data "aws_secretsmanager_secret_version" "x" {{\n  secret_id = "{ARN}"\n}}\n',
    ],
)
def test_parameters_and_secrets_of_any_name(reader: str) -> None:
    """Writer and reader of one name are an edge, whatever the name; and of no other, to the letter."""
    configs = {"w/one": {}, "w/two": {}, "r/r": {"of": "one"}}
    assert set(edges(configs, "r/r", sources={"w": WRITER, "r": reader})) == {("w/one", Kind.DEPENDS_ON)}


SECRET = 'data "aws_secretsmanager_secret_version" "x" {\n  secret_id = '
UNNAMED = """
resource "aws_ssm_parameter" "own" {
  name  = "/own/x"
  value = "x"
}
data "aws_caller_identity" "me" {}
locals {
  name = "/apps/${data.aws_caller_identity.me.account_id}/url"
}
"""


@pytest.mark.parametrize(
    ("reader", "unseen"),
    [
        ('data "aws_ssm_parameter" "x" {\n  name = local.name\n}\n', True),
        ('data "aws_secretsmanager_secret" "x" {\n  name = aws_x.y.z\n}\n', True),
        ('data "aws_ssm_parameter" "x" {\n  name = aws_ssm_parameter.own.name\n}\n', False),
        (SECRET + 'aws_secretsmanager_secret.s.id\n}\n', False),
        (SECRET + 'var.dependencies["w/one"].arn\n}\n', False),
        ('variable "arn" {}\n' + SECRET + 'var.arn\n}\n', False),
        ('data "aws_vpc" "x" {\n  id = aws_x.y.id\n}\n', False),
    ],
)  # fmt: skip
def test_a_parameter_whose_name_does_not_follow_is_unseen(reader: str, unseen: bool) -> None:
    """It is said, and what the config declares is then not called unread.

    Not where another block of the module, or a producer's runtime, gives the name.
    """
    config = {"depends_on": ["w/one"], "arn": {"$runtime": "w/one#arn"}}
    made = codes({"w/one": {}, "r/r": config}, sources={"w": WRITER, "r": UNNAMED + reader})
    assert ("unseen-read" in {code for code, about, _ in made if about == "r/r"}) == unseen
    if unseen:
        assert "declared-never-read" not in {code for code, _, _ in made}


def test_an_export_of_cloudformation_is_said_once() -> None:
    """It is unseen; that nobody here creates one says nothing, for no resource is one."""
    reader = 'data "aws_cloudformation_export" "x" {\n  name = "x"\n}\n'
    assert codes({"r/r": {}}, sources={"r": reader}) == [("unseen-read", "type:r", "main.tf:1")]


def test_a_set_is_gone_through_by_its_items() -> None:
    """A config has a list for a variable of type set; `each.key` is the item, and no number."""
    reader = 'variable "of" {\n  type = set(string)\n}\n'
    reader += 'data "aws_ssm_parameter" "x" {\n  for_each = var.of\n  name = "/apps/${each.key}/url"\n}\n'
    configs = {"w/one": {}, "w/two": {}, "r/r": {"of": ["two", "one", "two"]}}
    assert set(edges(configs, "r/r", sources={"w": WRITER, "r": reader})) == {
        ("w/one", Kind.DEPENDS_ON), ("w/two", Kind.DEPENDS_ON),
    }  # fmt: skip


def test_parameters_of_aws_and_of_karma_are_looked_up_nowhere() -> None:
    """The first are nobody's; what a module reads of the second is found by their names."""
    reader = (
        'data "aws_ssm_parameter" "ami" {\n  name = "/aws/service/ami/latest"\n}\n'
        'data "aws_ssm_parameter" "config" {\n  name = "${var.iac_prefix}/r/r/config"\n}\n'
        'locals {\n  own = "${var.iac_prefix}/r/r"\n}\n'
        'data "aws_ssm_parameter" "own" {\n  name = join("/", [local.own, "config"])\n}\n'
        'variable "iac_prefix" {}\n'
    )
    assert codes({"r/r": {}}, sources={"r": reader}) == []


def test_a_lookup_without_a_producer_is_a_warning() -> None:
    """It may live outside; what AWS itself provides is not mentioned."""
    aws = 'data "aws_iam_policy" "p" {\n  arn = "arn:aws:iam::aws:policy/Admin"\n}\n'
    configs = {"site/a": {"zone": "example.org"}}
    assert codes(configs, sources={"site": SITE + aws}) == [("unmatched-reference", "site/a", "main.tf:2")]


def test_several_producers_are_all_taken() -> None:
    """Nobody declared anything: a warning, and an order that is right whichever is meant."""
    configs = {"site/a": {"zone": "x.org"}, "zone/p": {"name": "x.org"}, "zone/q": {"name": "x.org."}}
    sources = {"zone": ZONE, "site": SITE}
    assert {t for t, _ in edges(configs, "site/a", sources=sources)} == {"zone/p", "zone/q"}
    assert codes(configs, sources=sources) == [("ambiguous-match", "site/a", "main.tf:2")]


def test_a_component_that_looks_up_its_own_is_no_reference() -> None:
    """A module may find again what it created."""
    configs = {"z/z": {"name": "a", "zone": "a"}}
    assert edges(configs, "z/z", sources={"z": ZONE + SITE}) == {}
    assert codes(configs, sources={"z": ZONE + SITE}) == []


def test_names_that_only_the_apply_knows_are_left() -> None:
    """A data source on an own resource looks up nothing of others."""
    module = 'data "aws_subnet" "s" {\n  id = aws_subnet.x.id\n}\n'
    assert codes({"c/c": {}}, sources={"c": module}) == []


# -- one component, without a build -------------------------------------------------------------------------

SOURCES = {"zone": ZONE, "site": SITE}


def looked_up(zone: str, others: dict[str, dict[str, Any]]) -> list[Resolved]:
    """What is found of a site that looks up a zone by its name."""
    return resolved("site/a", {"zone": zone}, SOURCES, others=others)


def zones(count: int) -> dict[str, dict[str, Any]]:
    """So many zones of one name."""
    return {f"zone/{number}": {"name": "a.org"} for number in range(count)}


def test_one_creator_is_a_reference_and_nothing_more() -> None:
    """The place is that of the data source. The root of the DNS is a name, too."""
    assert looked_up("A.org", zones(1)) == [Reference("site/a", "zone/0", "lookup", "main.tf:2")]
    root = looked_up(".", {"zone/root": {"name": "."}})
    assert root == [Reference("site/a", "zone/root", "lookup", "main.tf:2")]


@pytest.mark.parametrize("others", [{}, {"zone/z": {"name": "other.org"}}, {"zone/z": {}}])
def test_what_nobody_creates_is_said(others: dict[str, dict[str, Any]]) -> None:
    """Also where there is no component of the type that could."""
    [said] = messages(looked_up("A.org", others), "unmatched-reference")
    assert said == (
        "no component here creates the aws_route53_zone with name 'A.org' that its module looks up; "
        "it may live outside this environment. If it should be here, add its config."
    )


def test_several_creators_are_listed() -> None:
    """Five at most, in the order of their addresses."""
    results = looked_up("A.org", zones(6))
    assert [one.target for one in results if isinstance(one, Reference)] == [f"zone/{n}" for n in range(6)]
    [said] = messages(results, "ambiguous-match")
    assert said == (
        "6 components create a aws_route53_zone with name 'A.org': zone/0, zone/1, zone/2, zone/3, zone/4. "
        "It depends on all of them; make the value unique if one is meant."
    )


def test_only_modules_that_create_what_is_sought_are_evaluated() -> None:
    """An environment of many types has few that create a thing that is looked up."""
    compiled: set[str] = set()

    class Counting(Context):
        def program(self, component_type: str) -> Program | None:
            compiled.add(component_type)
            return super().program(component_type)

    sources = {**SOURCES, "box": 'resource "aws_instance" "x" {\n  name = "a.org"\n}\n'}
    config = {"zone": "a.org"}
    context = Counting(
        prefix="/iac", configs={"box": {"box/a": {}}, **_by_type(zones(1))}, definitions={},
        modules=modules(sources),
    )  # fmt: skip
    results = list(Lookup(context).find(Subject("site/a", "site", config, walk(config), [])))
    assert [one.target for one in results if isinstance(one, Reference)] == ["zone/0"]
    assert compiled == {"site", "zone"}


def _by_type(configs: dict[str, dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    return {"zone": configs}


def reads_below(path: str, recursive: str = "") -> str:
    """A module that reads all parameters below a path."""
    more = f"  recursive = {recursive}\n" if recursive else ""
    return f'data "aws_ssm_parameters_by_path" "x" {{\n  path = {path}\n{more}}}\n'


@pytest.mark.parametrize(
    ("path", "recursive", "writers"),
    [
        ('"/apps/one"', "", ["p/one"]),
        ('"/apps/one/"', "false", ["p/one"]),
        ('"/apps"', "", []),
        ('"/apps"', "true", ["p/one", "p/two"]),
        ('"/apps"', "var.unknown", ["p/one", "p/two"]),
        ('"/app"', "true", []),
        ('"/apps/one/url"', "true", []),
        ('"/apps/${var.config.app}"', "", ["p/two"]),
        ('"/iac/p/one"', "", ["p/one"]),
        ('"/iac/p"', "", []),
        ('"/iac/p"', "true", ["p/one", "p/two"]),
        ('"/aws/service"', "true", []),
    ],
)
def test_parameters_by_path_are_found_by_the_names_that_are_written(
    path: str, recursive: str, writers: list[str]
) -> None:
    """Every writer below the path, by levels as the data source has them; runtimes are below, too."""
    configs = {"c/c": {"app": "two"}, "p/one": {}, "p/two": {}}
    sources = {"p": WRITER, "c": reads_below(path, recursive) + 'variable "unknown" {\n  type = bool\n}\n'}
    made = edges(configs, "c/c", sources=sources)
    assert sorted({target for target, _ in made}) == writers
    assert {edge.via for edge in made.values()} <= {("lookup",)}
    said = [code for code, component, _ in codes(configs, sources=sources) if code == "unmatched-reference"]
    assert len(said) == (not writers and "/aws/" not in path)


def test_parameters_by_an_unknown_path_are_not_seen() -> None:
    """On the type, with the place of the path."""
    sources = {"c": reads_below("aws_vpc.x.id"), "p": WRITER}
    assert codes({"c/c": {}, "p/one": {}}, sources=sources) == [("unseen-read", "type:c", "main.tf:2")]
