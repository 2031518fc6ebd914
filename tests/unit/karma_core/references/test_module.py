"""What a module reads, in a build: edges, keys, findings, runtimes that are written for others."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.graph.graph import Graph
from karma_core.model import Kind, Severity, Status
from karma_core.references.base import Reference, Resolved
from karma_core.use_cases.fleet.values import consumed_by
from tests.unit.graph.environments import built, findings, parameters
from tests.unit.karma_core.references.building import codes, edges, messages, resolved

NET = 'locals {\n  vpc = var.dependencies["vpc/${var.config.vpc_nickname}"]\n}\n'
READS_ID = NET + 'output "id" {\n  value = local.vpc.vpc_id\n}\n'
BASIC = {"app/web": {"vpc_nickname": "core"}, "vpc/core": {}}


def test_what_the_module_reads_is_what_is_consumed() -> None:
    """The edge names both ways and both places, and only the key that the module reads counts."""
    built_edges = edges(BASIC, sources={"app": READS_ID})
    assert built_edges["vpc/core", Kind.DEPENDS_ON].via == ("module", "nickname")
    assert built_edges["vpc/core", Kind.DEPENDS_ON].pointers == ("/vpc_nickname", "main.tf:2")
    assert built_edges["vpc/core", Kind.CONSUMES].keys == ("vpc_id",)
    assert consumed_by(built_edges.values()) == {"vpc/core": ("vpc_id",)}


@pytest.mark.parametrize(
    ("path", "known"),
    [
        ("../../data/a.json", False),
        ("/etc/hostname", False),
        ("~/.bashrc", False),
        ("./a.json", True),
        ("files/a.json", True),
        ("../../policies/web.json", True),
        ({"$runtime": "vpc/core#path"}, True),
    ],
)
def test_a_file_by_a_path_of_the_config_that_does_not_come_along_is_an_error(path: Any, known: bool) -> None:
    """`fileexists` and `fileset` would find nothing where Terraform runs, without a word."""
    source = """
variable "path" {}
variable "nickname" {}
output "x" { value = fileexists(var.path) }
output "y" { value = file("${path.module}/../../policies/${var.nickname}.json") }
"""
    configs = {"app/web": {"path": path}, "vpc/core": {}}
    said = codes(configs, sources={"app": source}, runtimes={"vpc/core": {"path": "/x"}})
    assert (("outside-file", "app/web", "main.tf:4") in said) is not known
    assert {code for code, *_ in said} <= {"outside-file"}


@pytest.mark.parametrize(
    "kind",
    [
        "terraform_remote_state",
        "external",
        "http",
        "local_file",
        "aws_ssm_parameters_by_path",
        "aws_cloudformation_export",
    ],
)
def test_what_is_read_and_not_followed_is_said_once(kind: str) -> None:
    """On the type, with the place: nobody has to wonder why an edge is missing."""
    sources = {"app": f'\ndata "{kind}" "x" {{\n  count = 1\n}}\n'}
    assert codes({"app/a": {}, "app/b": {}}, sources=sources) == [("unseen-read", "type:app", "main.tf:2")]


def test_what_the_type_says_goes_before_what_the_module_reads() -> None:
    """`consumes` is a decision of people; the inference does not overrule it."""
    types = {"app": {"consumes": {"vpc": ["cidr"]}}}
    built_edges = edges(BASIC, sources={"app": READS_ID}, types=types)
    assert built_edges["vpc/core", Kind.CONSUMES].keys == ("cidr",)


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
        reported = codes(BASIC, sources={"app": module}, types={"app": definition})
        assert "declared-never-read" not in {code for code, _, _ in reported}

    def test_a_read_that_no_field_names(self) -> None:
        """A fixed address in a module is a dependency that the config hides."""
        module = 'output "x" {\n  value = var.dependencies["vpc/core"].id\n}\n'
        configs = {"app/web": {}, "vpc/core": {}}
        assert codes(configs, sources={"app": module}) == [("read-undeclared", "app/web", "main.tf:2")]

    @pytest.mark.parametrize("config", [{"net": "core"}, {"nets": {"core": {}}}, {"net": "x:vpc/core"}])
    def test_a_name_in_any_field_or_key_declares(self, config: dict[str, Any]) -> None:
        """The field's name does not matter, as long as people can see the producer in the config."""
        module = 'output "x" {\n  value = var.dependencies["vpc/core"].id\n}\nvariable "config" {}\n'
        assert codes({"app/web": config, "vpc/core": {}}, sources={"app": module}) == []

    def test_a_key_that_something_stands_in_for_may_be_missing(self) -> None:
        """consumed-key-missing is for keys without which the apply would fail."""
        module = NET + 'output "x" {\n  value = [try(local.vpc.a, 0), local.vpc.b]\n}\n'
        runtimes = {"vpc/core": {"c": 1}}
        reported = findings(parameters(BASIC, runtimes), sources={"app": module})
        assert [f.message.split(",")[0] for f in reported] == ["it reads b of vpc/core"]


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
        built_edges = built(parameters(configs), sources={"set": FUNCTIONS}).graph.edges
        assert [e.key for e in built_edges] == sorted(e.key for e in built_edges)


# -- one component, without a build -------------------------------------------------------------------------

FIXED = 'output "x" {\n  value = var.dependencies["vpc/core"].id\n}\n'
"""Reads a producer that no config names."""


def read(results: list[Resolved]) -> dict[str, tuple[str, ...] | None]:
    """Component → the keys that the module reads of it."""
    references = [one for one in results if isinstance(one, Reference) and one.via == "module"]
    assert {one.source for one in references} == {"app/web"}
    return {one.target: one.keys for one in references}


def test_every_component_that_is_read_is_a_reference() -> None:
    """Each with its own keys, sorted."""
    module = FIXED + 'output "y" {\n  value = [for k in ["b", "a"] : var.dependencies["db/main"][k]]\n}\n'
    assert read(resolved("app/web", {}, {"app": module})) == {"vpc/core": ("id",), "db/main": ("a", "b")}


def test_a_module_that_goes_through_its_dependencies_reads_those_that_other_resolvers_found() -> None:
    """`dependencies` holds what the config names, and nothing else."""
    module = 'output "x" {\n  value = [for address, runtime in var.dependencies : runtime.id]\n}\n'
    config = {"vpc_nickname": "core", "depends_on": ["db/main"]}
    assert read(resolved("app/web", config, {"app": module})) == {"vpc/core": ("id",), "db/main": ("id",)}


class TestNamedAndNeverRead:
    """A field that names a producer for nothing is said, with what to do."""

    CODE = "declared-never-read"

    def test_each_is_said_whatever_stands_before_it(self) -> None:
        """After a finding of another resolver, after one that is read, and after one that is meant."""
        config = {
            "depends_on": ["no address", "zone/z"],
            "vpc_nickname": "core",
            "cluster_nickname": "main",
            "queue_nickname": "jobs",
        }
        module = FIXED + 'output "y" {\n  value = var.dependencies["ecs-cluster/main"].id\n}\n'
        assert messages(resolved("app/web", config, {"app": module}), self.CODE) == [
            f"the config names {target} ({via}), but the module never reads it. The dependency holds and its "
            f"whole runtime counts; drop the field, or list in component.yaml under consumes what is read of "
            f"it elsewhere."
            for target, via in (("zone/z", "declared"), ("queue/jobs", "nickname"))
        ]

    def test_a_producer_that_a_rule_finds_is_named_for_its_value(self) -> None:
        """The module reads the value itself: the producer need not be read, however else it is named."""
        types = {"app": {"match": [{"field": "zone", "type": "zone", "equals": "name"}]}}
        config = {"zone": "a.org", "zone_nickname": "z"}
        others = {"zone/z": {"name": "a.org"}}
        results = resolved("app/web", config, {"app": ""}, others=others, types=types)
        assert messages(results, self.CODE) == []


class TestReadAndNotNamed:
    """A producer that only the module knows is said: nobody sees it in the config."""

    CODE = "read-undeclared"
    SAID = (
        "the module reads vpc/core, which no field of the config names. The dependency holds; name it in the "
        "config, so that it can be seen and changed there."
    )

    def test_another_text_names_nothing(self) -> None:
        """Also where it stands under some key."""
        results = resolved("app/web", {"note": "any text", "size": 7}, {"app": FIXED})
        assert messages(results, self.CODE) == [self.SAID]

    def test_what_a_rule_finds_is_named_by_its_value(self) -> None:
        """Though neither its address nor its nickname stands there; the others are still said."""
        types = {"app": {"match": [{"field": "net", "type": "vpc", "equals": "cidr"}]}}
        others = {"vpc/core": {"cidr": "10"}}
        module = FIXED + 'output "y" {\n  value = var.dependencies["db/main"].id\n}\n'
        results = resolved("app/web", {"net": "10"}, {"app": module}, others=others, types=types)
        assert messages(results, self.CODE) == [self.SAID.replace("vpc/core", "db/main")]

    def test_its_own_runtime_needs_no_name(self) -> None:
        """A module may read what its component published before."""
        assert messages(resolved("vpc/core", {}, {"vpc": FIXED}), self.CODE) == []


DEEP = """output "y" {
  value = [for a in var.config.n : [for b in var.config.n : var.dependencies["vpc/core"]]]
}
"""


class TestUnresolved:
    """What cannot be followed is said, with what to do about it."""

    CODE = "unresolved-reference"
    ELSE = "Until it is, every runtime that is read counts as a whole."

    @pytest.mark.parametrize(
        ("module", "config", "begins", "advice"),
        [
            (READS_ID, {}, "`var.dependencies[", "Complete the config, or guard the read."),
            (
                'output "y" {\n  value = var.dependencies[x.y.z].a\n}\n',
                {},
                "`var.dependencies[x.y.z]` cannot be resolved: ",
                "Make the name follow from the config.",
            ),
            (
                DEEP,
                {"n": list(range(200))},
                "the module cannot be resolved: it takes more than 10,000 iterations",
                "Make the name follow from the config.",
            ),
        ],
    )
    def test_the_config_or_the_module_is_to_be_changed(
        self, module: str, config: dict[str, Any], begins: str, advice: str
    ) -> None:
        """Whichever is why; the expression is quoted where there is one."""
        [said] = messages(resolved("app/web", config, {"app": module}), self.CODE)
        assert said.startswith(begins)
        assert said.endswith(f". {self.ELSE} {advice} Or declare what is read, under depends_on.")


TYPED = """
variable "dependencies" {
  type = map(object({ id = string, arn = string, zone = optional(string, "z") }))
}
output "x" { value = "${var.dependencies["vpc/core"].id}${var.dependencies["vpc/core"].zone}" }
"""


def test_what_the_type_of_dependencies_lists_is_consumed() -> None:
    """Terraform takes no object without what its type requires, and completes what is optional."""
    configs: dict[str, Any] = {"app/web": {"depends_on": ["vpc/core"]}, "vpc/core": {}}
    edge = edges(configs, sources={"app": TYPED})["vpc/core", Kind.CONSUMES]
    assert edge.keys == ("arn", "id", "zone")
    runtimes = {"vpc/core": {"id": "x", "arn": "y"}}
    assert codes(configs, runtimes=runtimes, sources={"app": TYPED}) == []
    runtimes = {"vpc/core": {"id": "x", "zone": "y"}}
    [(code, _, _)] = codes(configs, runtimes=runtimes, sources={"app": TYPED})
    assert code == "consumed-key-missing"
