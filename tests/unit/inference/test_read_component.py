"""What a module reads of other components: many small modules, each with what must be found in it."""

# ruff: noqa: E501 - a table of modules, each on one line
from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import BadInput
from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.facts import decode, encode
from karma_core.inference.read import read_module
from karma_core.inference.reading import MAX_ITEMS, Inputs, Reading

CONFIG: dict[str, Any] = {
    "vpc_nickname": "core",
    "queues": ["a", "b"],
    "functions": {"mail": {"queue": "a"}, "resize": {"queue": "b"}},
    "enabled": True,
    "disabled": False,
    "parameter": "/iac/database/orders/runtime",
    "note": "ssm:/iac/cache/hot/runtime",
    "zone": "Example.org.",
    "empty": "",
    "nothing": None,
}
HEAD = 'locals {\n  vpc = var.dependencies["vpc/${var.config.vpc_nickname}"]\n}\n'
OWN = (
    'data "aws_ssm_parameter" "config" {\n'
    '  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/config"\n}\n'
    "locals {\n  config = jsondecode(data.aws_ssm_parameter.config.value)\n}\n"
)
WHOLE = "*"


def evaluate(
    files: Mapping[str, str] | str, *, config: Any = None, producers: tuple[str, ...] = ()
) -> Reading:
    """The reading of app/web, whose module has these files, after a trip of its facts through JSON."""
    named = {"main.tf": files} if isinstance(files, str) else files
    paths = {name if "/" in name else f"app/{name}": text.encode() for name, text in named.items()}
    facts = read_module("app", paths)
    assert decode(encode(facts)) == facts
    chosen = CONFIG if config is None else config
    inputs = Inputs(
        address="app/web",
        prefix="/iac",
        variables={
            "nickname": "web",
            "component_name": "app",
            "iac_prefix": "/iac",
            "region": "eu-west-1",
            "config": chosen,
        },
        producers=producers,
        configs={"app/web": chosen, "zone/main": {"zone_name": "example.org", "queue": "a"}},
    )
    return read_component(compile_facts(facts), inputs)


def summary(reading: Reading) -> dict[str, str]:
    """Address → keys that are read, joined; `*` for the whole runtime."""
    return {
        address: WHOLE if read.whole else ",".join(sorted(read.keys))
        for address, read in reading.reads.items()
    }


def use(expression: str) -> str:
    """A resource that uses the expression."""
    return f'resource "x" "y" {{\n  a = {expression}\n}}\n'


READS: list[tuple[str, dict[str, str]]] = [
    # -- the address ------------------------------------------------------------------------------
    (use('var.dependencies["vpc/core"].vpc_id'), {"vpc/core": "vpc_id"}),
    (use('var.dependencies["vpc/${var.config.vpc_nickname}"].vpc_id'), {"vpc/core": "vpc_id"}),
    (use('var.dependencies[format("vpc/%s", var.config.vpc_nickname)].id'), {"vpc/core": "id"}),
    (use('var.dependencies[join("/", ["vpc", var.config.vpc_nickname])].id'), {"vpc/core": "id"}),
    (use('var.dependencies[lower("VPC/Core")].id'), {"vpc/core": "id"}),
    (
        use('var.dependencies["zone/${replace(trimsuffix(lower(var.config.zone), "."), ".", "-")}"].id'),
        {"zone/example-org": "id"},
    ),
    (
        use('var.dependencies["vpc/${coalesce(var.config.empty, var.config.vpc_nickname)}"].id'),
        {"vpc/core": "id"},
    ),
    (use('var.dependencies["vpc/${coalesce(var.config.nothing, "main")}"].id'), {"vpc/main": "id"}),
    (use('var.dependencies["vpc/${try(var.config.absent, "main")}"].id'), {"vpc/main": "id"}),
    (use('var.dependencies["vpc/${try(var.config.vpc_nickname, "main")}"].id'), {"vpc/core": "id"}),
    (use('var.dependencies["vpc/${lookup(var.config, "absent", "main")}"].id'), {"vpc/main": "id"}),
    (use('var.dependencies["vpc/${var.config.enabled ? "a" : "b"}"].id'), {"vpc/a": "id"}),
    (use('var.dependencies["vpc/${var.config["vpc_nickname"]}"].id'), {"vpc/core": "id"}),
    (use('var.dependencies["queue/${var.config.queues[1]}"].url'), {"queue/b": "url"}),
    (use('var.dependencies["queue/${element(var.config.queues, 3)}"].url'), {"queue/b": "url"}),
    (use('var.dependencies["queue/${substr("xab", 1, 1)}"].url'), {"queue/a": "url"}),
    (
        use('var.dependencies[regex("^${var.iac_prefix}/(.+)/runtime$", var.config.parameter)[0]].url'),
        {"database/orders": "url"},
    ),
    (
        use('var.dependencies[trimprefix(trimsuffix(var.config.parameter, "/runtime"), "/iac/")].url'),
        {"database/orders": "url"},
    ),
    (use('var.dependencies[split(":", "x:vpc/core")[1]].id'), {"vpc/core": "id"}),
    (use('var.dependencies[merge({ a = "vpc/x" }, { a = "vpc/core" }).a].id'), {"vpc/core": "id"}),
    (use('var.dependencies["vpc/${var.region}"].id'), {"vpc/eu-west-1": "id"}),
    (use("var.dependencies[<<-E\n    vpc/core\n    E\n  ].id"), {}),  # a heredoc ends with a line's end
    (
        use("var.dependencies[trimspace(<<-E\n    vpc/${var.config.vpc_nickname}\n    E\n  )].id"),
        {"vpc/core": "id"},
    ),
    (
        use('var.dependencies["vpc/${var.size}"].id') + 'variable "size" {\n  default = "big"\n}\n',
        {"vpc/big": "id"},
    ),
    (
        'locals {\n  a = "vpc/${local.b}"\n  b = var.config.vpc_nickname\n}\n'
        + use("var.dependencies[local.a].id"),
        {"vpc/core": "id"},
    ),
    # -- what is read -----------------------------------------------------------------------------
    (
        HEAD + use("[local.vpc.vpc_id, local.vpc.subnets[0], local.vpc.cidr.v4]"),
        {"vpc/core": "cidr,subnets,vpc_id"},
    ),
    (HEAD + use('"${local.vpc.vpc_id}-${local.vpc["name"]}"'), {"vpc/core": "name,vpc_id"}),
    (HEAD + use('lookup(local.vpc, "vpc_id", null)'), {"vpc/core": "vpc_id"}),
    (HEAD + use("local.vpc.subnets[*].id"), {"vpc/core": "subnets"}),
    (HEAD + use("local.vpc"), {"vpc/core": WHOLE}),
    (HEAD + use("jsonencode(local.vpc)"), {"vpc/core": WHOLE}),
    (HEAD + use("keys(local.vpc)"), {"vpc/core": WHOLE}),
    (HEAD + use("[for k, v in local.vpc : v]"), {"vpc/core": WHOLE}),
    (HEAD + use("local.vpc[x.y.z]"), {"vpc/core": WHOLE}),
    (HEAD + use("unheard_of(local.vpc)"), {"vpc/core": WHOLE}),
    (HEAD + use("{ a = { b = [local.vpc] } }"), {"vpc/core": WHOLE}),
    (HEAD + use("local.vpc == null ? 1 : local.vpc.vpc_id"), {"vpc/core": "vpc_id"}),
    (HEAD + use("x.y.z ? local.vpc.a : local.vpc.b"), {"vpc/core": "a,b"}),
    (HEAD + use("x.y.z ? local.vpc : null"), {"vpc/core": WHOLE}),
    (HEAD + use("sensitive(local.vpc).vpc_id"), {"vpc/core": "vpc_id"}),
    (HEAD + use("merge(local.vpc, {})"), {"vpc/core": WHOLE}),
    (HEAD + use('element([local.vpc], "0")'), {"vpc/core": WHOLE}),
    (HEAD + use("one([local.vpc]).vpc_id"), {"vpc/core": "vpc_id"}),
    (HEAD + use("{ for k, v in { n = local.vpc } : k => v.vpc_id }"), {"vpc/core": "vpc_id"}),
    (HEAD + use("[local.vpc][*].vpc_id"), {"vpc/core": "vpc_id"}),
    (HEAD, {"vpc/core": ""}),
    (HEAD + 'output "runtime" {\n  value = { id = local.vpc.vpc_id }\n}\n', {"vpc/core": "vpc_id"}),
    (HEAD + 'output "all" {\n  value = local.vpc\n}\n', {"vpc/core": WHOLE}),
    (HEAD + 'provider "p" {\n  id = local.vpc.account\n}\n', {"vpc/core": "account"}),
    (
        HEAD
        + 'resource "x" "y" {\n  lifecycle {\n    precondition {\n      condition = local.vpc.ok\n    }\n  }\n}\n',
        {"vpc/core": "ok"},
    ),
    # -- several -----------------------------------------------------------------------------------
    (
        use('[for n in var.config.queues : var.dependencies["queue/${n}"].url]'),
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        use('{ for n in var.config.queues : n => var.dependencies["queue/${n}"].url if n != "b" }'),
        {"queue/a": "url"},
    ),
    (
        use('[for f in var.config.functions : var.dependencies["queue/${f.queue}"].url]'),
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        'resource "x" "y" {\n  for_each = var.config.functions\n  a = var.dependencies["queue/${each.value.queue}"].url\n}\n',
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        'resource "x" "y" {\n  for_each = toset(var.config.queues)\n  a = var.dependencies["queue/${each.key}"].url\n}\n',
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        'resource "x" "y" {\n  count = length(var.config.queues)\n  a = var.dependencies["queue/${var.config.queues[count.index]}"].url\n}\n',
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        'resource "x" "y" {\n  count = var.config.disabled ? 1 : 0\n  a = var.dependencies["queue/a"].url\n}\n',
        {},
    ),
    (
        'resource "x" "y" {\n  dynamic "z" {\n    for_each = var.config.queues\n    content {\n      a = var.dependencies["queue/${z.value}"].url\n    }\n  }\n}\n',
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        'resource "x" "y" {\n  dynamic "z" {\n    for_each = var.config.queues\n    iterator = q\n    content {\n      a = var.dependencies["queue/${q.value}"].url\n    }\n  }\n}\n',
        {"queue/a": "url", "queue/b": "url"},
    ),
    (use('var.config.disabled ? var.dependencies["queue/a"].url : null'), {}),
    (use('can(var.config.absent) ? var.dependencies["queue/${var.config.absent}"].url : null'), {}),
    (
        use(
            '(var.config.enabled && !(var.config.disabled)) == true ? var.dependencies["queue/a"].url : null'
        ),
        {"queue/a": "url"},
    ),
    # -- parameters --------------------------------------------------------------------------------
    (
        'data "aws_ssm_parameter" "v" {\n  name = "${var.iac_prefix}/vpc/core/runtime"\n}\n'
        + use("jsondecode(data.aws_ssm_parameter.v.value).vpc_id"),
        {"vpc/core": "vpc_id"},
    ),
    (
        'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n'
        + use('jsondecode(nonsensitive(data.aws_ssm_parameter.v.value))["subnets"][0]'),
        {"vpc/core": "subnets"},
    ),
    (
        'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n'
        + use("data.aws_ssm_parameter.v.value"),
        {"vpc/core": WHOLE},
    ),
    ('data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n', {"vpc/core": ""}),
    (
        'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\n'
        + use("data.aws_ssm_parameter.v.arn"),
        {"vpc/core": ""},
    ),
    (
        'data "aws_ssm_parameter" "v" {\n  name = "/iac/vpc/core/runtime"\n}\nresource "x" "y" {\n  depends_on = [data.aws_ssm_parameter.v]\n}\n',
        {"vpc/core": ""},
    ),
    (
        OWN
        + 'data "aws_ssm_parameter" "v" {\n  name = "${var.iac_prefix}/vpc/${local.config.vpc_nickname}/runtime"\n}\nlocals {\n  vpc = jsondecode(data.aws_ssm_parameter.v.value)\n}\n'
        + use("local.vpc.vpc_id"),
        {"vpc/core": "vpc_id"},
    ),
    (
        OWN
        + 'data "aws_ssm_parameter" "q" {\n  for_each = toset(local.config.queues)\n  name = "/iac/queue/${each.value}/runtime"\n}\n'
        + use("{ for k, p in data.aws_ssm_parameter.q : k => jsondecode(p.value).url }"),
        {"queue/a": "url", "queue/b": "url"},
    ),
    (
        OWN
        + 'data "aws_ssm_parameter" "q" {\n  count = local.config.enabled ? 1 : 0\n  name = "/iac/queue/a/runtime"\n}\n'
        + use("jsondecode(data.aws_ssm_parameter.q[0].value).url"),
        {"queue/a": "url"},
    ),
    (
        OWN
        + 'data "aws_ssm_parameter" "q" {\n  count = local.config.disabled ? 1 : 0\n  name = "/iac/queue/a/runtime"\n}\n'
        + use("try(jsondecode(data.aws_ssm_parameter.q[0].value).url, null)"),
        {},
    ),
    (
        'data "aws_ssm_parameter" "z" {\n  name = "/iac/zone/main/config"\n}\nlocals {\n  z = jsondecode(data.aws_ssm_parameter.z.value)\n}\n'
        + use('var.dependencies["queue/${local.z.queue}"].url'),
        {"zone/main": "", "queue/a": "url"},
    ),
    (
        'data "aws_ssm_parameter" "e" {\n  name = "/iac/environment"\n}\n'
        + use("data.aws_ssm_parameter.e.value"),
        {},
    ),
    (
        'data "aws_ssm_parameter" "e" {\n  name = "/aws/service/ami/latest"\n}\n'
        + use("data.aws_ssm_parameter.e.value"),
        {},
    ),
    ('data "aws_ssm_parameter" "p" {\n  name = "/app/${x.y.z}/password"\n}\n', {}),
    ('locals {\n  n = "${x.y.z}/password"\n}\ndata "aws_ssm_parameter" "p" {\n  name = local.n\n}\n', {}),
    ('resource "aws_ssm_parameter" "p" {\n  name = "${unheard_of()}/password"\n}\n', {}),
    (
        'data "aws_ssm_parameter" "o" {\n  name = "/iac/app/web/runtime"\n}\n'
        + use("data.aws_ssm_parameter.o.value"),
        {},
    ),
    (
        'ephemeral "aws_ssm_parameter" "v" {\n  arn = "x"\n  name = "/iac/vpc/core/runtime"\n}\n'
        + use("jsondecode(ephemeral.aws_ssm_parameter.v.value).k"),
        {"vpc/core": "k"},
    ),
]


@pytest.mark.parametrize(("module", "expected"), READS)
def test_what_a_module_reads(module: str, expected: dict[str, str]) -> None:
    """The address follows from config and variables, the keys from every use of the value."""
    reading = evaluate(module)
    assert summary(reading) == expected
    assert reading.complete


UNRESOLVED: list[tuple[str, str, str, bool]] = [
    (use("var.dependencies[x.y.z].id"), "var.dependencies[x.y.z]", "main.tf:2", False),
    (
        use('var.dependencies["vpc/${unheard_of(1)}"].id'),
        'var.dependencies["vpc/${unheard_of(1)}"]',
        "main.tf:2",
        False,
    ),
    (
        use('var.dependencies["vpc/${var.unset}"].id') + 'variable "unset" {}\n',
        'var.dependencies["vpc/${var.unset}"]',
        "main.tf:2",
        False,
    ),
    (
        use('var.dependencies["vpc/${var.config.absent}"].id'),
        'var.dependencies["vpc/${var.config.absent}"]',
        "main.tf:2",
        True,
    ),
    (
        'data "aws_ssm_parameter" "v" {\n  name = "${x.y.z}/runtime"\n}\n',
        '"${x.y.z}/runtime"',
        "main.tf:2",
        False,
    ),
    (
        "locals {\n  a = local.b\n  b = local.a\n}\n" + use("var.dependencies[local.a].id"),
        "var.dependencies[local.a]",
        "main.tf:6",
        True,
    ),
    (
        use('[for q in x.y.z : var.dependencies["queue/${q}"].url]'),
        'var.dependencies["queue/${q}"]',
        "main.tf:2",
        False,
    ),
    (
        HEAD + use('var.dependencies["queue/${local.vpc.queue}"].url'),
        'var.dependencies["queue/${local.vpc.queue}"]',
        "main.tf:5",
        False,
    ),
    (
        use('var.dependencies["vpc/${uuid()}"].id'),
        'var.dependencies["vpc/${uuid()}"]',
        "main.tf:2",
        False,
    ),
]


@pytest.mark.parametrize(("module", "text", "place", "own"), UNRESOLVED)
def test_what_cannot_be_resolved_is_said(module: str, text: str, place: str, own: bool) -> None:
    """The expression, its file and line; and whether the module or the component's config is why."""
    reading = evaluate(module)
    assert [(lost.text, lost.place, lost.own) for lost in reading.unresolved] == [(text, place, own)]
    assert not reading.complete


def test_the_variable_dependencies_is_what_the_other_ways_found() -> None:
    """Iterating it reads those that pass the condition, and of them what is used."""
    module = 'locals {\n  zone = one([for a, r in var.dependencies : r if startswith(a, "zone/")])\n}\n'
    reading = evaluate(module + use("local.zone.zone_id"), producers=("zone/main", "vpc/core"))
    assert summary(reading) == {"zone/main": "zone_id"}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (
            'resource "x" "y" {\n  for_each = var.dependencies\n  a = each.value\n}\n',
            {"q/a": WHOLE, "q/b": WHOLE},
        ),
        (
            'resource "x" "y" {\n  for_each = var.dependencies\n  a = each.value.url\n}\n',
            {"q/a": "url", "q/b": "url"},
        ),
        ('resource "x" "y" {\n  for_each = var.dependencies\n  a = each.key\n}\n', {}),
        (use("keys(var.dependencies)"), {}),
        (use("jsonencode(var.dependencies)"), {"q/a": WHOLE, "q/b": WHOLE}),
        (use("values(var.dependencies)[*].url"), {"q/a": "url", "q/b": "url"}),
        (use('lookup(var.dependencies, "q/a", null)'), {"q/a": WHOLE}),
    ],
)
def test_uses_of_all_dependencies(module: str, expected: dict[str, str]) -> None:
    """Names alone are no reading; values count as they are used."""
    assert summary(evaluate(module, producers=("q/b", "q/a"))) == expected


def test_keys_that_something_stands_in_for_need_not_be_there() -> None:
    """Inside try, can and lookup with a default a key is read, and may be missing."""
    reading = evaluate(
        HEAD + use('[try(local.vpc.a, 1), lookup(local.vpc, "b", 2), can(local.vpc.c), local.vpc.d]')
    )
    read = reading.reads["vpc/core"]
    assert (read.keys, read.sure) == ({"a", "b", "c", "d"}, {"d"})
    assert not read.guarded


def test_a_component_that_is_only_tried_may_be_missing() -> None:
    """A read inside try is optional; one that also stands outside is not."""
    tried = use('try(var.dependencies["q/a"].url, null)')
    assert evaluate(tried).reads["q/a"].guarded
    assert not evaluate(tried + use('var.dependencies["q/a"].url').replace('"y"', '"z"')).reads["q/a"].guarded


def test_optional_attributes_have_their_defaults() -> None:
    """Terraform completes the config by the variable's type, and so does the evaluation."""
    module = (
        'variable "config" {\n  type = object({ vpc = optional(string, "main"), '
        'q = optional(list(object({ n = optional(string, "d") }))), other = optional(string) })\n}\n'
        + use('[var.dependencies["vpc/${var.config.vpc}"].id, var.dependencies["q/${var.config.q[0].n}"].id]')
        + use('var.config.other == null ? null : var.dependencies["x/y"].id')
    )
    assert summary(evaluate(module, config={"q": [{}]})) == {"vpc/main": "id", "q/d": "id"}


CHILD = {
    "_lib/net/main.tf": 'variable "net" {}\nvariable "name" {\n  default = "x"\n}\n'
    + use("var.net.vpc_id")
    + 'output "cidr" {\n  value = var.net.cidr\n}\noutput "net" {\n  value = var.net\n}\n',
}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("  net = local.vpc\n}\n", "cidr,vpc_id"),
        ("  net = local.vpc\n}\n" + use("module.n.net.name"), "cidr,name,vpc_id"),
        ("  net = local.vpc\n}\n" + use("module.n.net"), WHOLE),
        (
            "  for_each = toset(var.config.queues)\n  net = local.vpc\n}\n" + use('module.n["a"].net.k'),
            "cidr,k,vpc_id",
        ),
        ("  count = 0\n  net = local.vpc\n}\n", ""),
    ],
)
def test_local_child_modules_are_followed(call: str, expected: str) -> None:
    """Their variables are what they are given; what they do with a runtime is what counts."""
    main = HEAD + 'module "n" {\n  source = "../_lib/net"\n' + call
    assert summary(evaluate({"main.tf": main, **CHILD})) == {"vpc/core": expected}


def test_a_try_around_a_use_does_not_guard_what_stands_elsewhere() -> None:
    """Terraform evaluates an output by itself, and stops there if the key is missing."""
    main = (
        HEAD + use("try(module.n.cidr, 1)") + 'module "n" {\n  source = "../_lib/net"\n  net = local.vpc\n}\n'
    )
    assert evaluate({"main.tf": main, **CHILD}).reads["vpc/core"].sure == {"cidr", "vpc_id"}


def test_places_in_child_modules_are_relative_to_the_type() -> None:
    """A reader finds the file from the type's own directory."""
    files = {"main.tf": 'module "n" {\n  source = "./in"\n  a = var.dependencies\n}\n'}
    files["app/in/x.tf"] = 'variable "a" {}\n' + use('var.a["q/a"].url')
    assert evaluate(files).reads["q/a"].places == {"in/x.tf:3"}


def test_what_a_module_from_elsewhere_is_given_counts_whole() -> None:
    """Nobody sees what it does with it."""
    main = HEAD + 'module "n" {\n  source = "hashicorp/x/aws"\n  net = local.vpc\n  id = local.vpc.id\n}\n'
    assert summary(evaluate(main)) == {"vpc/core": WHOLE}


def test_the_json_syntax_means_the_same() -> None:
    """Strings are templates in it."""
    module = (
        '{"locals": {"v": "${var.dependencies[\\"vpc/${var.config.vpc_nickname}\\"]}"},'
        ' "resource": {"x": {"y": {"a": "id ${local.v.vpc_id}", "n": [1, {"b": "${local.v.cidr}"}]}}},'
        ' "data": [{"aws_ssm_parameter": {"p": {"name": "${var.iac_prefix}/q/a/runtime"}}}]}'
    )
    assert summary(evaluate({"main.tf.json": module})) == {"vpc/core": "cidr,vpc_id", "q/a": ""}


WRITES = [
    ('resource "aws_ssm_parameter" "r" {\n  name = "/iac/app/web/runtime"\n}\n', {"app/web": {"main.tf:2"}}),
    (
        'resource "aws_ssm_parameter" "r" {\n  name = "/iac/lambda/a/runtime"\n}\n',
        {"lambda/a": {"main.tf:2"}},
    ),
    ('resource "aws_ssm_parameter" "r" {\n  name = "/iac/lambda/a/config"\n}\n', {}),
    ('resource "aws_ssm_parameter" "r" {\n  name = "/elsewhere/a"\n}\n', {}),
    (
        (
            'resource "aws_ssm_parameter" "r" {\n  for_each = var.config.functions\n'
            '  name = "${var.iac_prefix}/lambda/${each.key}/runtime"\n}\n'
        ),
        {"lambda/mail": {"main.tf:3"}, "lambda/resize": {"main.tf:3"}},
    ),
]


@pytest.mark.parametrize(("module", "expected"), WRITES)
def test_what_a_module_writes(module: str, expected: dict[str, set[str]]) -> None:
    """Its own runtime, and those of further addresses."""
    reading = evaluate(module)
    assert reading.writes == expected
    assert reading.complete


def chained(first: str, length: int, each: str, last: str) -> str:
    """A module of that many locals, each made of the one before it."""
    steps = [f"  a{n} = {each.format(f'a{n - 1}')}\n" for n in range(1, length)]
    return f"locals {{\n  a0 = {first}\n{''.join(steps)}}}\n{use(last)}"


@pytest.mark.parametrize(
    "module",
    [
        use(
            "[for a in var.config.big : [for b in var.config.big : [for c in var.config.big : var.dependencies]]]"
        ),
        chained("var.dependencies", 60, "[local.{0}, local.{0}]", "local.a59"),
        chained("var.config.text", 60, '"${{local.{0}}}${{local.{0}}}"', "var.dependencies[local.a59]"),
        chained("var.dependencies", 5000, "local.{0}", "local.a4999"),
        use("(" * 400 + "var.dependencies" + ")" * 400),
        'resource "x" "y" {\n  count = 1000000000\n  a = var.dependencies["q/${count.index}"]\n}\n',
        use('regex("(a+)+$", var.config.text) == "" ? var.dependencies["q/a"] : null'),
        use('[for i in range(1000000000) : var.dependencies["q/${i}"]]'),
    ],
)
@pytest.mark.timeout(10)
def test_a_module_cannot_take_the_build_down(module: str) -> None:
    """Whatever is nested, doubled or repeated without end is given up in time, or refused as unreadable."""
    config = {"big": list(range(MAX_ITEMS // 20)), "text": "a" * 200}
    with contextlib.suppress(BadInput):
        evaluate(module, config=config, producers=("vpc/core",))


@given(
    st.recursive(
        st.sampled_from(
            ["local.vpc", "local.vpc.k", 'var.dependencies["q/a"]', "x.y.z", "var.config", '"t"', "null", "1"]
        ),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda p: f"[{p[0]}, {p[1]}]"),
            inner.map(lambda e: f"{{ a = {e} }}"),
            inner.map(lambda e: f"unheard_of({e})"),
            st.tuples(inner, inner).map(lambda p: f"(x.y.z ? {p[0]} : {p[1]})"),
            st.tuples(inner, inner).map(lambda p: f"try({p[0]}, {p[1]})"),
            st.tuples(inner, inner).map(lambda p: f"coalesce({p[0]}, {p[1]})"),
            st.tuples(inner, inner).map(lambda p: f"({p[0]} == {p[1]})"),
            inner.map(lambda e: f"[for i in [{e}] : i]"),
            inner.map(lambda e: f"merge({{ b = {e} }}, {{ c = {e} }})"),
        ),
        max_leaves=6,
    )
)
def test_a_runtime_that_leaves_is_never_missed(expression: str) -> None:
    """Where an expression that can only be handed on holds a component, that component is found.

    `try` and `coalesce` end early and may leave out what Terraform leaves out too.
    """
    reading = evaluate(HEAD + use(expression))
    assert set(reading.reads) >= {"vpc/core"}
    if "try" in expression or "coalesce" in expression:
        return
    if 'var.dependencies["q/a"]' in expression:
        assert "q/a" in reading.reads
    if "local.vpc.k" in expression:
        read = reading.reads["vpc/core"]
        assert read.whole or "k" in read.keys
