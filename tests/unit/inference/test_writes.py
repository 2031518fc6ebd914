"""Which runtimes a module writes: by the value of the name, whatever the name's text looks like."""

# ruff: noqa: E501 - tables of modules, each on one line
from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from karma_core.inference.evaluate import compile_facts, read_component
from karma_core.inference.facts import decode, encode
from karma_core.inference.read import MAX_MODULES, read_module
from karma_core.inference.reading import Inputs, Reading

MODULES = Path(__file__).parents[2] / "data" / "self-writing"
OWN = "${var.iac_prefix}/${var.component_name}/${var.nickname}"
P = 'resource "aws_ssm_parameter" "p" {\n'
UNKNOWN = "random_id.x.hex"


def evaluate(
    files: Mapping[str, str] | str, config: dict[str, Any] | None = None, address: str = "app/web"
) -> Reading:
    """The reading of a component whose type's module has these files, after a trip of its facts as JSON."""
    component_type, _, nickname = address.partition("/")
    named = {"main.tf": files} if isinstance(files, str) else files
    paths = {n if "/" in n else f"{component_type}/{n}": text.encode() for n, text in named.items()}
    facts = decode(encode(read_module(component_type, paths)))
    variables = {
        **(config or {}),
        "nickname": nickname,
        "component_name": component_type,
        "iac_prefix": "/iac",
        "region": "eu-west-1",
        "config": config or {},
    }
    configs = {address: config or {}}
    return read_component(compile_facts(facts), Inputs(address, "/iac", variables, (), configs))


def stored(component_type: str) -> dict[str, str]:
    """The files of a module in tests/data and those of its child modules."""
    folders = (component_type, "_shared/layer", "_shared/naming", "_shared/publish")
    return {f"{f}/main.tf": (MODULES / f / "main.tf").read_text() for f in folders}


STORED: list[tuple[str, dict[str, Any], set[str]]] = [
    ("site/www", {"domain": "example.org"}, {"site/www"}),
    (
        "functions/tools",
        {"functions": {"mail": {"memory": 1}, "size": {"memory": 2}}},
        {"lambda/mail", "lambda/size"},
    ),
    ("functions/none", {"functions": {}}, set()),
    ("zone/root", {"zone_name": "example.org"}, {"zone/root"}),
    ("zone/root", {"zone_name": "example.org", "publish": {}}, {"zone/root"}),
    ("zone/root", {"zone_name": "example.org", "publish": {"alias": "main"}}, {"zone/main"}),
    ("switched/on", {"text": "x", "publish": True}, {"switched/on"}),
    ("switched/off", {"text": "x", "publish": False}, set()),
    ("switched/none", {"text": "x"}, set()),
    ("formatted/web", {"text": "x"}, {"formatted/web"}),
    ("nested/deep", {"text": "x"}, {"nested/deep"}),
    ("both/web", {"text": "x"}, {"both/web"}),
]


@pytest.mark.parametrize(("address", "config", "written"), STORED, ids=[a for a, _, _ in STORED])
def test_the_config_decides_what_a_module_writes(
    address: str, config: dict[str, Any], written: set[str]
) -> None:
    """Locals, try() on a missing key, for_each, count, functions and child modules are evaluated."""
    reading = evaluate(stored(address.partition("/")[0]), config, address)
    assert (set(reading.writes), reading.unresolved_writes) == (written, [])
    assert reading.complete


RESOLVED = {
    "its text is no runtime's": f'locals {{\n  n = "{OWN}/run${{"time"}}"\n}}\n{P}  name = local.n\n}}\n',
    "a chain of locals": "".join(f"locals {{\n  a{n} = local.a{n - 1}\n}}\n" for n in range(1, 30))
    + f'locals {{\n  a0 = "{OWN}/runtime"\n}}\n'
    + P
    + "  name = local.a29\n}\n",
    "an item of an object": f'locals {{\n  n = {{ r = ["{OWN}/runtime"] }}\n}}\n'
    + P
    + "  name = local.n.r[0]\n}\n",
    "a variable's default": f'variable "leaf" {{\n  default = "runtime"\n}}\n{P}  name = "{OWN}/${{var.leaf}}"\n}}\n',
    "a condition": f'{P}  name = var.region == "eu-west-1" ? "{OWN}/runtime" : "/x"\n}}\n',
    "a heredoc": f"{P}  name = trimspace(<<-E\n    {OWN}/runtime\n  E\n  )\n}}\n",
    "replace": f'{P}  name = replace("{OWN}/config", "config", "runtime")\n}}\n',
    "for_each over a set": f'{P}  for_each = toset(["config", "runtime"])\n  name = "{OWN}/${{each.key}}x"\n}}\n'
    f'resource "aws_ssm_parameter" "q" {{\n  for_each = toset(["runtime"])\n  name = "{OWN}/${{each.value}}"\n}}\n',
    "count.index": f'{P}  count = 2\n  name = "{OWN}/${{["runtime", "x"][count.index]}}"\n}}\n',
    "in JSON syntax": {
        "main.tf.json": '{"resource": {"aws_ssm_parameter": {"p": {"name": "/iac/app/${var.nickname}/runtime"}}}}'
    },
    "an override file": {
        "main.tf": f"{P}  name = {UNKNOWN}\n}}\n",
        "x_override.tf": f'{P}  name = "{OWN}/runtime"\n}}\n',
    },
    "a template's directive": f'{P}  name = "%{{ if true }}{OWN}/runtime%{{ endif }}"\n}}\n',
    "no longer sensitive": f'{P}  name = nonsensitive(sensitive("{OWN}/runtime"))\n}}\n',
    "the key of what it is repeated for, of an unknown value": f'{P}  for_each = {{ web = {UNKNOWN} }}\n  name = "/iac/app/${{each.key}}/runtime"\n}}\n',
    "a variable from the config": f'variable "path" {{}}\n{P}  name = "${{var.path}}/runtime"\n}}\n',
    "a module's output": {
        "main.tf": f'module "n" {{\n  source = "../_n"\n  of = var.nickname\n}}\n{P}  name = module.n.path\n}}\n',
        "_n/main.tf": 'variable "of" {}\noutput "path" {\n  value = "/iac/app/${var.of}/runtime"\n}\n',
    },
    "the own config's parameter": f'data "aws_ssm_parameter" "c" {{\n  name = "{OWN}/config"\n}}\n'
    + P
    + '  name = "/iac/app/${jsondecode(data.aws_ssm_parameter.c.value).name}/runtime"\n}\n',
}


@pytest.mark.parametrize("module", RESOLVED.values(), ids=RESOLVED)
def test_a_name_is_what_it_evaluates_to(module: str | dict[str, str]) -> None:
    """However it is written, the module writes its own runtime."""
    reading = evaluate(module, {"name": "web", "path": "/iac/app/web"})
    assert set(reading.writes) == {"app/web"}
    assert reading.unresolved_writes == []


MAY_BE = {
    "a resource's attribute": f"{P}  name = {UNKNOWN}\n}}\n",
    "an unknown nickname": f'{P}  name = "/iac/app/${{{UNKNOWN}}}/runtime"\n}}\n',
    "an unknown end": f'{P}  name = "{OWN}/${{{UNKNOWN}}}"\n}}\n',
    "an unknown start": f'{P}  name = "${{{UNKNOWN}}}/runtime"\n}}\n',
    "a part of the last word": f'{P}  name = "{OWN}/run${{{UNKNOWN}}}"\n}}\n',
    "through a local": f'locals {{\n  n = "/iac/${{{UNKNOWN}}}/x/runtime"\n}}\n{P}  name = local.n\n}}\n',
    "by format": f'{P}  name = format("/iac/%s/%s/runtime", var.component_name, {UNKNOWN})\n}}\n',
    "by join": f'{P}  name = join("/", ["/iac", "app", {UNKNOWN}, "runtime"])\n}}\n',
    "by a function": f'{P}  name = bcrypt("{OWN}")\n}}\n',
    "upper case of a known part": f'{P}  name = lower("/NOTES/${{{UNKNOWN}}}")\n}}\n',
    "a condition that is unknown": f'{P}  name = {UNKNOWN} == "x" ? "{OWN}/runtime" : "/notes/x"\n}}\n',
    "a variable without value": 'variable "name" {}\n' + P + "  name = var.name\n}\n",
    "a number of instances": f'{P}  count = length({UNKNOWN})\n  name = "{OWN}/runtime"\n}}\n',
    "what it is repeated for": f'{P}  for_each = {UNKNOWN}\n  name = "/iac/lambda/${{each.key}}/runtime"\n}}\n',
    "a key that is not there": f'{P}  name = "{OWN}/${{var.config.leaf}}"\n}}\n',
    "too many": f'{P}  for_each = toset([for i in setproduct(range(100), range(90)) : "${{i[0]}}-${{i[1]}}"])\n  name = "/iac/x/${{each.key}}/runtime"\n}}\n'
    f'resource "aws_ssm_parameter" "q" {{\n  count = 9000\n  name = "{OWN}/runtime"\n}}\n',
    "a module that is not read": f'module "m" {{\n  source = "acme/parameter/aws"\n  name = "{OWN}/runtime"\n}}\n',
    "a part of a name for such a module": f'module "m" {{\n  source = "acme/parameter/aws"\n  name = "/iac/app/${{{UNKNOWN}}}/runtime"\n}}\n',
    "in JSON syntax": {
        "main.tf.json": '{"resource": [{"aws_ssm_parameter": [{"p": {"name": "/iac/app/${random_id.x.hex}/runtime"}}]}]}'
    },
    "a value of a producer": f'{P}  name = "/iac/app/${{var.dependencies["vpc/core"].name}}/runtime"\n}}\n',
    "an output of a module that is not read": f'module "n" {{\n  source = "acme/name/aws"\n}}\n{P}  name = "/iac/app/${{module.n.id}}/runtime"\n}}\n',
    "a data source": f'{P}  name = "/iac/app/${{data.aws_region.here.name}}/runtime"\n}}\n',
    "a function of a provider": f'{P}  name = provider::x::y("{OWN}/runtime")\n}}\n',
    "a value of what it is repeated for": f'{P}  for_each = {{ a = {UNKNOWN} }}\n  name = "/iac/app/${{each.value}}/runtime"\n}}\n',
    "one of a list, nobody knows which": f'{P}  name = ["/a", "{OWN}/runtime"][length({UNKNOWN})]\n}}\n',
    "one in a list for such a module": f'module "m" {{\n  source = "acme/parameter/aws"\n  all = [{{ name = "{OWN}/runtime" }}]\n}}\n',
}


@pytest.mark.parametrize("module", MAY_BE.values(), ids=MAY_BE)
def test_a_name_that_cannot_be_resolved_may_be_a_runtime(module: str | dict[str, str]) -> None:
    """Nothing is guessed: not that the module writes, not that it does not."""
    reading = evaluate(module)
    assert "app/web" not in reading.writes
    [first, *_] = reading.unresolved_writes
    assert first.place.startswith(("main.tf:", "main.tf.json:"))
    assert first.why


IS_NONE = {
    "another end": f'{P}  name = "{OWN}/${{{UNKNOWN}}}/password"\n}}\n',
    "another start": f'{P}  name = "/notes/${{{UNKNOWN}}}"\n}}\n',
    "another start by format": f'{P}  name = format("/notes/%s", {UNKNOWN})\n}}\n',
    "another start by join": f'{P}  name = join("/", ["", "notes", {UNKNOWN}])\n}}\n',
    "another start through a local and a child's variable": 'module "m" {\n  source = "../_m"\n  name = "/notes/${random_id.x.hex}"\n}\n',
    "deeper than a runtime": f'{P}  name = "{OWN}/secrets/${{{UNKNOWN}}}"\n}}\n',
    "another last word": f'{P}  name = "{OWN}/s${{{UNKNOWN}}}"\n}}\n',
    "no type": f'{P}  name = "/iac/_karma/${{{UNKNOWN}}}"\n}}\n',
    "a prefix of the prefix": f'{P}  name = "/ia/${{{UNKNOWN}}}/x/runtime"\n}}\n',
    "known and elsewhere": f'{P}  count = length({UNKNOWN})\n  name = "/notes/a"\n}}\n',
    "another resource": f'resource "aws_s3_object" "p" {{\n  name = "{OWN}/runtime"\n}}\n',
    "a data source": f'data "aws_ssm_parameter" "p" {{\n  name = "{OWN}/runtime"\n}}\n',
    "a module that is not read and gets another name": 'module "m" {\n  source = "acme/queue/aws"\n  name = var.nickname\n}\n',
    "no instance": f"{P}  count = 0\n  name = {UNKNOWN}\n}}\n",
    "repeated for nothing": f"{P}  for_each = {{}}\n  name = {UNKNOWN}\n}}\n",
    "what was removed": "removed {\n  from = aws_ssm_parameter.p\n  lifecycle {\n    destroy = false\n  }\n}\n",
    "a producer's value in another place": f'{P}  name = "/notes/${{var.dependencies["vpc/core"].name}}/runtime"\n}}\n',
    "an unknown value for a module that is not read": f'module "m" {{\n  source = "acme/queue/aws"\n  name = {UNKNOWN}\n}}\n',
    "another unknown text for such a module": f'module "m" {{\n  source = "acme/queue/aws"\n  name = "/notes/${{{UNKNOWN}}}/runtime"\n  cidr = "${{{UNKNOWN}}}/32"\n}}\n',
    "another's runtime for such a module, to be read": 'module "m" {\n  source = "acme/queue/aws"\n  vpc = "/iac/vpc/core/runtime"\n}\n',
    "a value": f'{P}  name = "/notes/a"\n  value = "{OWN}/runtime"\n}}\n',
}
CHILD = 'variable "name" {}\nlocals {\n  n = var.name\n}\n' + P + "  name = local.n\n}\n"


@pytest.mark.parametrize("module", IS_NONE.values(), ids=IS_NONE)
def test_what_is_known_of_a_name_tells_it_from_every_runtime(module: str) -> None:
    """A name of which the known part fits no runtime stops nobody."""
    reading = evaluate({"main.tf": module, "_m/main.tf": CHILD})
    assert (reading.writes, reading.unresolved_writes) == ({}, [])


def chain(depth: int) -> dict[str, str]:
    """A module that leads to child modules, one in the other, the last of which writes the name."""
    call = 'module "m" {{\n  source = "../{}"\n  name = {}\n}}\n'
    files = {
        f"_m{n}/main.tf": 'variable "name" {}\n' + call.format(f"_m{n + 1}", "var.name") for n in range(depth)
    }
    return {
        "main.tf": call.format("_m0", f'"{OWN}/runtime"'),
        **files,
        f"_m{depth}/main.tf": CHILD,
    }


@pytest.mark.parametrize("depth", [0, 1, 12, MAX_MODULES - 1])
def test_child_modules_are_followed_as_deep_as_they_are(depth: int) -> None:
    """A name that is handed down is the name."""
    reading = evaluate(chain(depth))
    assert (set(reading.writes), reading.unresolved_writes) == ({"app/web"}, [])


def test_child_modules_that_nest_without_end_are_not_guessed() -> None:
    """Beyond what is read, who writes is not known; a module that calls itself ends, too."""
    assert evaluate(chain(MAX_MODULES + 3)).unresolved_writes
    itself = 'module "a" {\n  source = "./"\n}\nmodule "b" {\n  source = "../app"\n}\n'
    assert evaluate(itself).unresolved_writes


def test_instances_of_a_child_module_count() -> None:
    """None where its count is 0; unknown where its number is."""
    call = 'module "m" {\n  source = "../_m"\n  count = %s\n  name = "' + OWN + '/runtime"\n}\n'
    files = {"_m/main.tf": CHILD}
    for count, written, unresolved in (
        ("0", set(), 0),
        ("1", {"app/web"}, 0),
        (f"length({UNKNOWN})", set(), 1),
    ):
        reading = evaluate({"main.tf": call % count, **files})
        assert (set(reading.writes), len(reading.unresolved_writes)) == (written, unresolved), count
