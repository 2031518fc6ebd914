"""The example shop is what its README says, judged without Karma's graph code."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from karma_adapters.wiring.reading import read_settings
from karma_core import ids, strictjson
from karma_core.component_types import TypeDefinition, read_definition

SHOP = Path(__file__).parents[3] / "examples" / "shop"
COMPONENTS = SHOP / "components"
README = (SHOP / "README.md").read_text("utf-8")
ENVIRONMENTS = ("dev", "prod")

ARROW = re.compile(r"^  (\S+) (?:-- (\w+) )?--> (\S+)$", re.MULTILINE)
QUOTED = re.compile(r"`([^`\n]+)`")


def read_configs(environment: str) -> dict[str, dict[str, Any]]:
    """Address → config, read strictly."""
    files = sorted((SHOP / "iac" / environment).glob("*/*/config.json"))
    return {
        ids.make_address(file.parts[-3], file.parts[-2]): strictjson.parse_object(
            file.read_bytes(), where=str(file)
        )
        for file in files
    }


CONFIGS = {environment: read_configs(environment) for environment in ENVIRONMENTS}
TYPES = sorted(folder.name for folder in COMPONENTS.iterdir() if ids.TYPE.match(folder.name))
MODULES = [*TYPES, "_shared/naming"]


def definition(component_type: str) -> TypeDefinition:
    """The type's component.yaml as the product reads it."""
    text = (COMPONENTS / component_type / "component.yaml").read_text("utf-8")
    return read_definition(component_type, yaml.safe_load(text))


def source(module: str) -> str:
    """All Terraform text of a module, without its comments."""
    text = "\n".join(file.read_text("utf-8") for file in sorted((COMPONENTS / module).glob("*.tf")))
    return re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)


def types_in(environment: str) -> set[str]:
    """Types of the components that the environment has."""
    return {ids.Address.parse(address)[0] for address in CONFIGS[environment]}


def arrows() -> list[tuple[str, str, str]]:
    """(consumer, way, producer) of the README's picture."""
    return [(consumer, way or "nickname", producer) for consumer, way, producer in ARROW.findall(README)]


def longest_chain(edges: list[tuple[str, str, str]]) -> int:
    """Components on the longest path of an acyclic picture."""
    producers: dict[str, list[str]] = {}
    for consumer, _, producer in edges:
        producers.setdefault(consumer, []).append(producer)

    def depth(address: str) -> int:
        return 1 + max((depth(producer) for producer in producers.get(address, ())), default=0)

    return max(depth(consumer) for consumer in producers)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_shop_is_large_enough(environment: str) -> None:
    """Each environment has at least 14 components of at least 9 types, the numbers that the README gives."""
    components, types = len(CONFIGS[environment]), len(types_in(environment))
    assert components >= 14
    assert types >= 9
    assert re.search(rf"\b{components} (components )?of {types} (types )?in `{environment}`", README)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_config_has_a_module(environment: str) -> None:
    """No config is of a type that the platform does not have."""
    assert types_in(environment) <= set(TYPES)


def test_settings_name_both_environments() -> None:
    """karma.toml is read by the product, and each environment has a region of its own."""
    settings = read_settings(SHOP)
    assert settings.environment_names() == list(ENVIRONMENTS)
    assert settings.components_dir == COMPONENTS
    assert len({settings.choose_environment(name).region for name in ENVIRONMENTS}) == 2


def test_every_type_is_used() -> None:
    """No module stands there for nothing."""
    assert types_in("prod") == set(TYPES)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_configs_satisfy_their_schema(environment: str) -> None:
    """Each config is valid under the JSON Schema of its type."""
    for address, config in CONFIGS[environment].items():
        schema = definition(ids.Address.parse(address)[0]).config_schema
        if schema is not None:
            jsonschema_rs.validator_for(schema).validate(config)


def test_some_types_have_a_schema_and_it_refuses() -> None:
    """The schemas are no decoration: an empty config is refused wherever a key is required."""
    strict = [schema for t in TYPES if isinstance(schema := definition(t).config_schema, dict)]
    assert len(strict) >= 6
    for schema in strict:
        jsonschema_rs.meta.validate(schema)
        assert jsonschema_rs.validator_for(schema).is_valid({}) != bool(schema.get("required"))


@pytest.mark.parametrize("module", MODULES)
def test_modules_need_no_provider(module: str) -> None:
    """Only the builtin resource, no data source, provider or module from elsewhere: it deploys anywhere."""
    text = source(module)
    assert set(re.findall(r'^resource "(\w+)"', text, re.MULTILINE)) <= {"terraform_data"}
    assert not re.search(r"^\s*(data|provider|provisioner|required_providers)\b.*\{", text, re.MULTILINE)
    assert all(path.startswith("../_shared/") for path in re.findall(r'source\s*=\s*"([^"]+)"', text))
    assert {file.name for file in (COMPONENTS / module).glob("*.tf")} == {
        "main.tf",
        "outputs.tf",
        "variables.tf",
    }


@pytest.mark.parametrize("component_type", TYPES)
def test_modules_keep_the_contract(component_type: str) -> None:
    """A module declares only variables that Karma passes, and each that it reads."""
    text = source(component_type)
    declared = set(re.findall(r'^variable "(\w+)"', text, re.MULTILINE))
    assert declared <= {"nickname", "component_name", "iac_prefix", "region", "config", "dependencies"}
    assert declared == {"config"} | set(re.findall(r"\bvar\.(\w+)", text))


@pytest.mark.parametrize("component_type", TYPES)
def test_consumed_keys_are_published_and_read(component_type: str) -> None:
    """Each key under `consumes` is one that the producer's module publishes; what reads it names it."""
    text = source(component_type)
    for producer, keys in definition(component_type).consumes.items():
        for key in keys:
            assert re.search(rf'^\s+{key}\s+=|^output "{key}"', source(producer), re.MULTILINE), (
                producer,
                key,
            )
            # The dashboard shows whatever arrives, and the agent reads by itself.
            assert component_type in {"dashboard", "config-agent"} or f".{key}" in text


def test_what_the_example_must_show_is_there() -> None:
    """A replaced resource, a shared child module, an S3 backend, a secret, a count and for_each on lists."""
    texts = {module: source(module) for module in TYPES}
    assert any("triggers_replace" in text for text in texts.values())
    assert any('source = "../_shared/naming"' in text for text in texts.values())
    assert any('backend "s3" {}' in text for text in texts.values())
    assert any(re.search(r"sensitive\s*=\s*true", text) for text in texts.values())
    assert "count = length(local.network.subnet_ids)" in texts["database"]
    assert "for_each = toset(local.subnets)" in texts["lambda-function"]


def test_one_type_is_told_by_reload() -> None:
    """Exactly one type takes up new values by a command of this project."""
    reloaded = [t for t in TYPES if definition(t).propagation == "reload"]
    assert reloaded == ["config-agent"]
    action = definition("config-agent").reload
    assert action is not None
    assert action.command is not None
    assert (SHOP / action.command[0]).stat().st_mode & 0o111


def test_the_zone_is_named_with_and_without_its_last_dot() -> None:
    """A match rule has to look past the dot at the end in one consumer, and not in another."""
    zone = CONFIGS["prod"]["route53-zone/shop"]["zone_name"]
    named = {c["route53_zone_name"] for c in CONFIGS["prod"].values() if "route53_zone_name" in c}
    assert named == {zone, zone.rstrip(".")}


def test_the_picture_shows_the_prod_configs() -> None:
    """The README's picture has every component of prod and none else, and the number of edges it claims."""
    edges = arrows()
    assert {end for consumer, _, producer in edges for end in (consumer, producer)} == set(CONFIGS["prod"])
    assert len(edges) == len(set(edges))
    assert f"{len(edges)} dependencies" in README


def test_each_arrow_stands_in_a_config() -> None:
    """An arrow's way fits the consumer's config: the address, the nickname, the parameter or the zone."""
    for consumer, way, producer in arrows():
        config = CONFIGS["prod"][consumer]
        text = strictjson.canonical(config).decode()
        evidence = {
            "declared": producer in config.get("depends_on", ()),
            "nickname": f'"{ids.Address.parse(producer).nickname}"' in text and "_nickname" in text,
            "parameter": ids.runtime_parameter("/iac", producer) in text,
            "match": "route53_zone_name" in config and producer == "route53-zone/shop",
        }
        assert evidence[way], (consumer, way, producer)


def test_the_picture_has_the_shapes() -> None:
    """All four ways, a chain of at least six, a fan-out and a fan-in of at least six."""
    edges = arrows()
    assert {way for _, way, _ in edges} == {"declared", "match", "nickname", "parameter"}
    assert longest_chain(edges) >= 6
    for end in (0, 2):
        ends = [edge[end] for edge in edges]
        assert max(map(ends.count, ends)) >= 6


def test_everything_that_the_readme_names_exists() -> None:
    """Each file and each component in backticks is there."""
    addresses = [
        text for text in QUOTED.findall(README) if ids.is_address(text) and text.split("/")[0] in TYPES
    ]
    assert len(addresses) >= 20
    assert set(addresses) <= set(CONFIGS["prod"])
    paths = [t for t in QUOTED.findall(README) if re.match(r"(iac|components|bin)/[^<*]+$", t)]
    assert len(paths) >= 8
    assert [path for path in paths if not (SHOP / path).exists()] == []


def test_the_described_change_fits_the_configs() -> None:
    """The README's change starts from what the config says, and its cut-offs from what consumers read."""
    assert '| before | `"dns_servers": ["192.0.2.2"]` |' in README
    assert CONFIGS["prod"]["vpc/core"]["dns_servers"] == ["192.0.2.2"]
    consumers = {consumer for consumer, _, producer in arrows() if producer == "vpc/core"}
    readers = {c for c in consumers if "dns_servers" in definition(ids.Address.parse(c)[0]).consumes["vpc"]}
    assert readers == {"config-agent/edge", "ecs-cluster/main"}


def test_reload_agent_counts_a_key_once(tmp_path: Path) -> None:
    """The same idempotency key twice is one reload; a key that only begins alike is another."""
    script = tmp_path / "bin" / "reload-agent"
    script.parent.mkdir()
    script.write_bytes((SHOP / "bin" / "reload-agent").read_bytes())
    for key in ("k10", "k1", "k1"):
        subprocess.run(["sh", script, "prod", "config-agent/edge", key], check=True, capture_output=True)
    lines = (tmp_path / ".karma" / "reloads.log").read_text("utf-8").splitlines()
    assert [line.split(" ")[1:] for line in lines] == [
        ["prod", "config-agent/edge", "k10"],
        ["prod", "config-agent/edge", "k1"],
    ]


def test_reload_agent_refuses_a_wrong_call() -> None:
    """Too few words end with status 2 and a usage line."""
    done = subprocess.run(["sh", SHOP / "bin" / "reload-agent", "prod"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"usage:" in done.stderr
