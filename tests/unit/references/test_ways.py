"""What each way finds in a config, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from karma_core import documents
from karma_core.component_types import TypeDefinition
from karma_core.model import Finding, Severity
from karma_core.references.base import Context, Reference
from karma_core.references.ways import find_all, prepare

SITE_RULES = {"match": [{"field": "route53_zone_name", "type": "route53-zone", "equals": "zone_name"}]}


def find(
    config: dict[str, Any],
    *,
    definition: Mapping[str, Any] | None = None,
    others: Mapping[str, Mapping[str, dict[str, Any]]] | None = None,
    prefix: str = "/iac",
) -> tuple[list[Reference], list[Finding]]:
    """(references, findings) of a component app/web with this config."""
    definitions = {"app": documents.read(TypeDefinition, definition or {})}
    context = Context(prefix=prefix, environment="dev", configs=others or {}, definitions=definitions)
    found = find_all(prepare(context), "app/web", "app", config)
    return (
        [one for one in found if isinstance(one, Reference)],
        [one for one in found if isinstance(one, Finding)],
    )


def seen(config: dict[str, Any], **facts: Any) -> set[tuple[str, str, str]]:
    """(target, via, pointer) of every reference; the config must raise no finding."""
    references, findings = find(config, **facts)
    assert findings == []
    return {(one.target, one.via, one.pointer) for one in references}


class TestDeclared:
    def test_each_address_of_the_list_is_a_reference(self) -> None:
        """`depends_on` names producers outright, each with its own pointer."""
        assert seen({"depends_on": ["vpc/core", "queue/jobs"]}) == {
            ("vpc/core", "declared", "/depends_on/0"),
            ("queue/jobs", "declared", "/depends_on/1"),
        }

    @pytest.mark.parametrize(
        ("declared", "pointer"),
        [
            ("vpc/core", "/depends_on"),
            ({"vpc": "core"}, "/depends_on"),
            (["core"], "/depends_on/0"),
            (["vpc/core", "prod:vpc/core"], "/depends_on/1"),
            (["../../etc/passwd"], "/depends_on/0"),
            ([7], "/depends_on/0"),
        ],
    )
    def test_what_is_no_address_is_a_finding(self, declared: object, pointer: str) -> None:
        """A declaration that cannot be followed is said, never dropped."""
        _, findings = find({"depends_on": declared})
        assert [(one.code, one.severity, one.pointer) for one in findings] == [
            ("invalid-name", Severity.ERROR, pointer)
        ]

    @pytest.mark.parametrize("declared", [None, []])
    def test_nothing_declared_is_nothing(self, declared: object) -> None:
        """Null and the empty list declare no dependency."""
        assert seen({"depends_on": declared}) == set()


class TestNickname:
    def test_the_type_is_in_the_key(self) -> None:
        """`_` in the key is `-` in the type, at any depth and in lists."""
        config = {
            "vpc_nickname": "core",
            "network": {"security_group_nicknames": ["a", "b"]},
            "targets": [{"s3_bucket_nickname": "logs"}],
        }
        assert seen(config) == {
            ("vpc/core", "nickname", "/vpc_nickname"),
            ("security-group/a", "nickname", "/network/security_group_nicknames/0"),
            ("security-group/b", "nickname", "/network/security_group_nicknames/1"),
            ("s3-bucket/logs", "nickname", "/targets/0/s3_bucket_nickname"),
        }

    def test_the_type_definition_maps_other_keys(self) -> None:
        """A mapping names the type of keys that do not say it, and goes before the suffix."""
        definition = {"references": {"cluster_nickname": "ecs-cluster", "log_to": "s3-bucket"}}
        assert seen({"cluster_nickname": "main", "log_to": ["logs"]}, definition=definition) == {
            ("ecs-cluster/main", "nickname", "/cluster_nickname"),
            ("s3-bucket/logs", "nickname", "/log_to/0"),
        }

    @pytest.mark.parametrize("value", [None, "", [], [None, ""]])
    def test_nothing_named_is_no_reference(self, value: object) -> None:
        """Null and the empty string mean that there is no producer."""
        assert seen({"vpc_nickname": value}) == set()

    @pytest.mark.parametrize("key", ["nickname", "_nickname", "VPC_nickname", "9_nickname", "vpc_nickname_x"])
    def test_other_keys_name_nothing(self, key: str) -> None:
        """Only a key that holds a valid type before the suffix is a reference."""
        assert seen({key: "core"}) == set()

    @pytest.mark.parametrize("value", [7, True, {}, {"a": "b"}, "a b", "../x", "core\n", "x" * 64, "ünïcode"])
    def test_what_is_no_nickname_is_a_finding(self, value: object) -> None:
        """A value that cannot be a nickname is refused at its place."""
        _, findings = find({"a/b": {"vpc_nickname": value}})
        assert [(one.code, one.pointer) for one in findings] == [("invalid-name", "/a~1b/vpc_nickname")]


class TestParameter:
    @pytest.mark.parametrize(
        "text",
        [
            "/iac/vpc/core/runtime",
            "arn:aws:ssm:eu-west-1:123456789012:parameter/iac/vpc/core/runtime",
            "{{resolve:ssm:/iac/vpc/core/runtime:3}}",
            "ssm:/iac/vpc/core/runtime",
            "read /iac/vpc/core/runtime.",
        ],
    )
    def test_a_runtime_is_found_in_every_notation(self, text: str) -> None:
        """Path, ARN, dynamic reference and prefix notation name the same runtime."""
        references, _ = find({"env": [text]})
        assert references == [Reference("app/web", "vpc/core", "parameter", "/env/0", True)]

    def test_a_config_is_a_dependency_that_reads_no_runtime(self) -> None:
        """Naming a config depends on its component without consuming its runtime."""
        references, _ = find({"source": "/iac/vpc/core/config"})
        assert references == [Reference("app/web", "vpc/core", "parameter", "/source", False)]

    def test_every_mention_of_one_string_counts(self) -> None:
        """One string may name several components."""
        assert seen({"x": "/iac/a/1/runtime,/iac/b/2/config"}) == {
            ("a/1", "parameter", "/x"),
            ("b/2", "parameter", "/x"),
        }

    @pytest.mark.parametrize(
        "text",
        [
            "https://example.org/iac/vpc/core/runtime",
            "/other/iac/vpc/core/runtime",
            "/iac/vpc/core/runtime/extra",
            "/iac/vpc/core/runtimes",
            "/iac/VPC/core/runtime",
            "/iacx/vpc/core/runtime",
            "/iac/vpc/core",
        ],
    )
    def test_similar_strings_are_no_references(self, text: str) -> None:
        """Longer paths, URLs and other prefixes are not ours."""
        assert seen({"x": text}) == set()

    def test_the_prefix_is_literal(self) -> None:
        """A dot in the prefix matches a dot only."""
        assert seen({"x": "/a.b/vpc/core/runtime"}, prefix="/a.b") == {("vpc/core", "parameter", "/x")}
        assert seen({"x": "/a.b/vpc/core/runtime /axb/vpc/core/runtime"}, prefix="/axb") == {
            ("vpc/core", "parameter", "/x")
        }


class TestMatch:
    @pytest.mark.parametrize("ours", ["example.org", "example.org.", "Example.ORG."])
    @pytest.mark.parametrize("theirs", ["example.org", "example.org."])
    def test_a_trailing_dot_and_case_are_ignored(self, ours: str, theirs: str) -> None:
        """Both ways to write a domain name are the same name."""
        others = {"route53-zone": {"route53-zone/main": {"zone_name": theirs}}}
        assert seen({"route53_zone_name": ours}, definition=SITE_RULES, others=others) == {
            ("route53-zone/main", "match", "/route53_zone_name")
        }

    def test_several_producers_are_an_error(self) -> None:
        """Karma does not guess which of two producers is meant."""
        zone = {"zone_name": "example.org"}
        others = {"route53-zone": {"route53-zone/a": zone, "route53-zone/b": zone}}
        _, findings = find({"route53_zone_name": "example.org"}, definition=SITE_RULES, others=others)
        assert [(one.code, one.severity) for one in findings] == [("ambiguous-match", Severity.ERROR)]
        assert "route53-zone/a, route53-zone/b" in findings[0].message

    @pytest.mark.parametrize("value", ["example.org.", 7])
    def test_no_producer_is_a_warning(self, value: object) -> None:
        """The producer may live outside this environment."""
        _, findings = find({"route53_zone_name": value}, definition=SITE_RULES)
        assert [(one.code, one.severity, one.pointer) for one in findings] == [
            ("unmatched-reference", Severity.WARNING, "/route53_zone_name")
        ]

    def test_fields_descend_and_lists_name_several(self) -> None:
        """Dots descend into objects, and each item of a list is looked for."""
        rules = {"match": [{"field": "dns.zones", "type": "zone", "equals": "names"}]}
        others = {"zone": {"zone/a": {"names": ["a.org", "a.net"]}, "zone/b": {"names": "b.org"}}}
        assert seen({"dns": {"zones": ["a.net", "b.org"]}}, definition=rules, others=others) == {
            ("zone/a", "match", "/dns/zones/0"),
            ("zone/b", "match", "/dns/zones/1"),
        }

    @pytest.mark.parametrize("config", [{}, {"route53_zone_name": None}, {"route53_zone_name": ""}])
    def test_a_field_that_is_not_there_names_nothing(self, config: dict[str, Any]) -> None:
        """A rule applies where its field has a value."""
        assert seen(config, definition=SITE_RULES) == set()
