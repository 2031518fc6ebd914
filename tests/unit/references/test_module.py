"""The ways `module` and `lookup` in a build: edges, keys, findings, runtimes that are written for others."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.graph.graph import Graph
from karma_core.model import Edge, Kind, Severity, Status
from karma_core.use_cases.fleet.values import consumed_by
from tests.unit.graph.environments import built, findings, parameters

NET = 'locals {\n  vpc = var.dependencies["vpc/${var.config.vpc_nickname}"]\n}\n'
READS_ID = NET + 'output "id" {\n  value = local.vpc.vpc_id\n}\n'
BASIC = {"app/web": {"vpc_nickname": "core"}, "vpc/core": {}}


def edges(configs: dict[str, Any], source: str = "app/web", **facts: Any) -> dict[tuple[str, str], Edge]:
    """(target, kind) → edge of one component."""
    found = built(parameters(configs, facts.pop("runtimes", None)), **facts).graph.edges
    return {(edge.target, edge.kind): edge for edge in found if edge.source == source}


def codes(configs: dict[str, Any], **facts: Any) -> list[tuple[str, str, str]]:
    """(code, component, pointer) of every finding."""
    runtimes = facts.pop("runtimes", None)
    return [(f.code, f.component, f.pointer) for f in findings(parameters(configs, runtimes), **facts)]


def test_what_the_module_reads_is_what_is_consumed() -> None:
    """The edge names both ways and both places, and only the key that the module reads counts."""
    found = edges(BASIC, sources={"app": READS_ID})
    assert found["vpc/core", Kind.DEPENDS_ON].via == ("module", "nickname")
    assert found["vpc/core", Kind.DEPENDS_ON].pointers == ("/vpc_nickname", "main.tf:2")
    assert found["vpc/core", Kind.CONSUMES].keys == ("vpc_id",)
    assert consumed_by(found.values()) == {"vpc/core": ("vpc_id",)}


def test_what_the_type_says_goes_before_what_the_module_reads() -> None:
    """`consumes` is a decision of people; the inference does not overrule it."""
    types = {"app": {"consumes": {"vpc": ["cidr"]}}}
    found = edges(BASIC, sources={"app": READS_ID}, types=types)
    assert found["vpc/core", Kind.CONSUMES].keys == ("cidr",)


def test_the_module_goes_before_a_parameter_named_in_the_config() -> None:
    """A config that names the runtime says nothing of keys; the module that reads it does."""
    configs = {"app/web": {"from": "/iac/vpc/core/runtime"}, "vpc/core": {}}
    address = 'join("/", slice(split("/", var.config.from), 2, 4))'
    module = f'output "x" {{\n  value = var.dependencies[{address}].id\n}}\n'
    assert edges(configs)["vpc/core", Kind.CONSUMES].keys is None
    assert edges(configs, sources={"app": module})["vpc/core", Kind.CONSUMES].keys == ("id",)


def test_one_unknown_read_makes_every_runtime_count_as_a_whole() -> None:
    """It might read any key of any producer: too much is counted rather than too little."""
    module = READS_ID + 'output "y" {\n  value = var.dependencies[x.y.z].a\n}\n'
    assert edges(BASIC, sources={"app": module})["vpc/core", Kind.CONSUMES].keys is None
    [(code, component, pointer)] = codes(BASIC, sources={"app": module})
    assert (code, component, pointer) == ("unresolved-reference", "type:app", "main.tf:8")


def test_an_unresolved_reference_is_said_once_a_type() -> None:
    """A hundred components of a type have one module: one warning, with the expression."""
    configs = {f"app/n{n}": {} for n in range(100)}
    module = 'output "y" {\n  value = var.dependencies[x.y.z].a\n}\n'
    [finding] = findings(parameters(configs), sources={"app": module})
    assert finding.severity is Severity.WARNING
    assert "`var.dependencies[x.y.z]`" in finding.message


def test_a_config_that_lacks_a_name_is_said_of_the_component() -> None:
    """The module is right for others: the finding is on the one whose config does not serve it."""
    configs = {"app/web": {"vpc_nickname": "core"}, "app/lone": {}, "vpc/core": {}}
    assert codes(configs, sources={"app": READS_ID}) == [("unresolved-reference", "app/lone", "main.tf:2")]


def test_a_module_that_reads_what_does_not_exist_is_an_error() -> None:
    """Its apply would fail, so it is said before; a read that is only tried is no dependency."""
    module = 'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n'
    assert ("missing-component", "app/web", "main.tf:2") in codes({"app/web": {}}, sources={"app": module})
    tried = 'output "x" {\n  value = try(var.dependencies["vpc/core"].id, null)\n}\n'
    assert codes({"app/web": {}}, sources={"app": tried}) == []


def test_a_runtime_without_config_that_a_module_reads_is_external() -> None:
    """Somebody else provides it."""
    module = 'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n'
    made = built(parameters({"app/web": {}}, {"vpc/core": {"id": 1}}), sources={"app": module})
    assert {n.address: n.status for n in made.graph.nodes}["vpc/core"] is Status.EXTERNAL


def test_the_module_settles_what_a_key_leaves_open() -> None:
    """`cluster_nickname` names an `ecs-cluster` where the module reads that, without a rule."""
    module = 'output "x" {\n  value = var.dependencies["ecs-cluster/${var.config.cluster_nickname}"].id\n}\n'
    configs = {"app/web": {"cluster_nickname": "main"}, "ecs-cluster/main": {}}
    assert ("missing-component", "app/web", "/cluster_nickname") in codes(configs)
    assert codes(configs, sources={"app": module}) == []
    other = {**configs, "app/web": {"cluster_nickname": "other"}}
    assert ("missing-component", "app/web", "main.tf:2") in codes(other, sources={"app": module})


class TestFindings:
    def test_a_named_producer_that_is_never_read(self) -> None:
        """A field that orders deployments for nothing, or a read that Karma does not see."""
        assert codes(BASIC, sources={"app": ""}) == [("declared-never-read", "app/web", "/vpc_nickname")]

    @pytest.mark.parametrize(
        ("module", "definition"),
        [
            ('output "y" {\n  value = var.dependencies[x.y.z].a\n}\n', {}),
            ('data "terraform_remote_state" "s" {\n  backend = "s3"\n}\n', {}),
            ("", {"consumes": {"vpc": ["id"]}}),
            ("", {"propagation": "none"}),
        ],
    )
    def test_what_may_be_read_elsewhere_is_not_called_unread(self, module: str, definition: Any) -> None:
        """Not where a read is unresolved, other data come in, or the type says who reads."""
        found = codes(BASIC, sources={"app": module}, types={"app": definition})
        assert "declared-never-read" not in {code for code, _, _ in found}

    def test_a_read_that_no_field_names(self) -> None:
        """A fixed address in a module is a dependency that the config hides."""
        module = 'output "x" {\n  value = var.dependencies["vpc/core"].id\n}\n'
        configs = {"app/web": {}, "vpc/core": {}}
        assert codes(configs, sources={"app": module}) == [("read-undeclared", "app/web", "main.tf:2")]

    @pytest.mark.parametrize("config", [{"net": "core"}, {"nets": {"core": {}}}, {"net": "x:vpc/core"}])
    def test_a_name_in_any_field_or_key_declares(self, config: dict[str, Any]) -> None:
        """The field's name does not matter, as long as people can see the producer in the config."""
        module = 'output "x" {\n  value = var.dependencies["vpc/core"].id\n}\n'
        assert codes({"app/web": config, "vpc/core": {}}, sources={"app": module}) == []

    def test_a_key_that_something_stands_in_for_may_be_missing(self) -> None:
        """consumed-key-missing is for keys without which the apply would fail."""
        module = NET + 'output "x" {\n  value = [try(local.vpc.a, 0), local.vpc.b]\n}\n'
        runtimes = {"vpc/core": {"c": 1}}
        found = findings(parameters(BASIC, runtimes), sources={"app": module})
        assert [f.message.split(",")[0] for f in found] == ["it reads b of vpc/core"]


FUNCTIONS = (
    'resource "aws_ssm_parameter" "r" {\n  for_each = var.config.functions\n'
    '  name = "${var.iac_prefix}/lambda/${each.key}/runtime"\n}\n'
)
SET = {"set/main": {"functions": {"mail": {}}}, "api/web": {"lambda_nickname": "mail"}}


class TestEmits:
    def test_a_written_runtime_is_a_node_of_its_own_before_it_is_there(self) -> None:
        """Consumers may name it; it is neither missing nor external, and comes after who writes it."""
        made = built(parameters(SET), sources={"set": FUNCTIONS})
        assert made.findings == ()
        [emits] = [e for e in made.graph.edges if e.kind is Kind.EMITS]
        assert (emits.source, emits.target, emits.via, emits.pointers) == (
            "set/main",
            "lambda/mail",
            ("module",),
            ("main.tf:3",),
        )
        assert Graph(made.graph).order() == ["set/main", "lambda/mail", "api/web"]
        assert {n.address: n.status for n in made.graph.nodes}["lambda/mail"] is Status.ABSENT

    def test_a_written_runtime_is_no_orphan(self) -> None:
        """Nobody consumes it and nobody configures it, and yet it is known where it comes from."""
        configs = {"set/main": {"functions": {"mail": {}}}}
        made = built(parameters(configs, {"lambda/mail": {"arn": "x"}}), sources={"set": FUNCTIONS})
        assert made.findings == ()
        assert {n.address: n.status for n in made.graph.nodes}["lambda/mail"] is Status.CURRENT

    def test_edges_stay_sorted(self) -> None:
        """A graph is sorted by source, target and kind, whatever edges it has."""
        configs = {
            **SET,
            "set/main": {"functions": {"mail": {}, "a": {}}, "zone_nickname": "z"},
            "zone/z": {},
        }
        found = built(parameters(configs), sources={"set": FUNCTIONS}).graph.edges
        assert [e.key for e in found] == sorted(e.key for e in found)


ZONE = 'resource "aws_route53_zone" "z" {\n  name = var.config.name\n}\n'
SITE = 'data "aws_route53_zone" "z" {\n  name = var.config.zone\n}\n'


class TestLookup:
    @pytest.mark.parametrize("name", ["example.org", "example.org.", "Example.org"])
    def test_a_data_source_finds_what_a_resource_creates(self, name: str) -> None:
        """Same type, same value: the dot at the end and case make no difference. The whole runtime counts."""
        configs = {"site/a": {"zone": "example.org."}, "zone/z": {"name": name}}
        found = edges(configs, "site/a", sources={"zone": ZONE, "site": SITE})
        assert list(found) == [("zone/z", Kind.DEPENDS_ON)]
        assert found["zone/z", Kind.DEPENDS_ON].via == ("lookup",)
        assert found["zone/z", Kind.DEPENDS_ON].pointers == ("main.tf:2",)
        assert consumed_by(found.values()) == {"zone/z": None}

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
    def test_any_type_with_an_identifying_argument(self, data: str, resource: str) -> None:
        """The rule knows no types but those that call one thing by two names."""
        sources = {"p": f"resource {resource}\n}}\n", "c": f"data {data}\n}}\n"}
        assert set(edges({"c/c": {}, "p/p": {}}, "c/c", sources=sources)) == {("p/p", Kind.DEPENDS_ON)}

    def test_a_lookup_without_a_producer_is_a_warning(self) -> None:
        """It may live outside; what AWS itself provides is not mentioned."""
        aws = 'data "aws_iam_policy" "p" {\n  arn = "arn:aws:iam::aws:policy/Admin"\n}\n'
        configs = {"site/a": {"zone": "example.org"}}
        assert codes(configs, sources={"site": SITE + aws}) == [
            ("unmatched-reference", "site/a", "main.tf:2")
        ]

    def test_several_producers_are_all_taken(self) -> None:
        """Nobody declared anything: a warning, and an order that is right whichever is meant."""
        configs = {"site/a": {"zone": "x.org"}, "zone/p": {"name": "x.org"}, "zone/q": {"name": "x.org."}}
        sources = {"zone": ZONE, "site": SITE}
        assert {t for t, _ in edges(configs, "site/a", sources=sources)} == {"zone/p", "zone/q"}
        assert codes(configs, sources=sources) == [("ambiguous-match", "site/a", "main.tf:2")]

    def test_a_component_that_looks_up_its_own_is_no_reference(self) -> None:
        """A module may find again what it created."""
        configs = {"z/z": {"name": "a", "zone": "a"}}
        assert edges(configs, "z/z", sources={"z": ZONE + SITE}) == {}
        assert codes(configs, sources={"z": ZONE + SITE}) == []

    def test_names_that_only_the_apply_knows_are_left(self) -> None:
        """A data source on an own resource looks up nothing of others."""
        module = 'data "aws_subnet" "s" {\n  id = aws_subnet.x.id\n}\n'
        assert codes({"c/c": {}}, sources={"c": module}) == []
