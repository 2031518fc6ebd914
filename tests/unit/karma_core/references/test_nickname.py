"""Keys that name a component by its nickname."""

from __future__ import annotations

import pytest

from karma_core.component_types import TypeDefinition
from karma_core.references.base import Context, Subject
from karma_core.references.entries import walk
from karma_core.references.nickname import Nickname
from tests.unit.karma_core.references.resolving import find, seen


def test_the_type_is_in_the_key() -> None:
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


def test_the_type_definition_maps_other_keys() -> None:
    """A mapping names the type of keys that do not say it, and goes before the suffix."""
    definition = {"references": {"cluster_nickname": "ecs-cluster", "log_to": "s3-bucket"}}
    assert seen({"cluster_nickname": "main", "log_to": ["logs"]}, definition=definition) == {
        ("ecs-cluster/main", "nickname", "/cluster_nickname"),
        ("s3-bucket/logs", "nickname", "/log_to/0"),
    }


def test_a_key_may_name_nothing_or_have_its_type_beside_it() -> None:
    """In the same object, at any depth; where the type is not there that is said."""
    definition = {"references": {"src_nickname": None, "to_nickname": {"type_from": "to_type"}}}
    config = {"src_nickname": "x", "rules": [{"to_nickname": ["a", "b"], "to_type": "vpc"}], "to_type": "db"}
    assert seen(config, definition=definition) == {
        ("vpc/a", "nickname", "/rules/0/to_nickname/0"),
        ("vpc/b", "nickname", "/rules/0/to_nickname/1"),
    }
    _, findings = find({"a/b": {"to_nickname": "x"}}, definition=definition)
    assert [(one.code, one.pointer) for one in findings] == [("invalid-name", "/a~1b/to_nickname")]
    assert "under to_type" in findings[0].message


@pytest.mark.parametrize("value", [None, "", [], [None, ""]])
def test_nothing_named_is_no_reference(value: object) -> None:
    """Null and the empty string mean that there is no producer."""
    assert seen({"vpc_nickname": value}) == set()


@pytest.mark.parametrize("key", ["nickname", "_nickname", "VPC_nickname", "9_nickname", "vpc_nickname_x"])
def test_other_keys_name_nothing(key: str) -> None:
    """Only a key that holds a valid type before the suffix is a reference."""
    assert seen({key: "core"}) == set()


@pytest.mark.parametrize("value", [7, True, {}, {"a": "b"}, "a b", "../x", "core\n", "x" * 64, "ünïcode"])
def test_what_is_no_nickname_is_a_finding(value: object) -> None:
    """A value that cannot be a nickname is refused at its place."""
    _, findings = find({"a/b": {"vpc_nickname": value}})
    assert [(one.code, one.pointer) for one in findings] == [("invalid-name", "/a~1b/vpc_nickname")]


@pytest.mark.parametrize("value", [{"$runtime": "a/one#id"}, [{"$runtime": "a/one#id"}]])
def test_a_nickname_from_a_runtime_is_no_fault_of_the_config(value: object) -> None:
    """A reference may stand wherever a value may. What it names is not seen, which is said."""
    found, findings = find({"vpc_nickname": value})
    assert {one.target for one in found} == {"a/one"}
    assert [(one.code, one.severity) for one in findings] == [("unresolved-reference", "warning")]
    assert "declare it in depends_on" in findings[0].message


def test_a_literal_nickname_is_one() -> None:
    """What `$literal` holds is data like any other."""
    assert seen({"vpc_nickname": {"$literal": "core"}}) == {("vpc/core", "nickname", "/vpc_nickname")}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a b", "'a b' is not a nickname of a s3-bucket; write the nickname as a string"),
        (7, "a int is not a nickname of a s3-bucket; write the nickname as a string"),
        ({"x": 1}, "a dict is not a nickname of a s3-bucket; write the nickname as a string"),
    ],
)
def test_a_finding_says_what_stands_there_and_what_to_write(value: object, message: str) -> None:
    """A text is quoted; of anything else its kind is named."""
    _, [finding] = find({"s3_bucket_nickname": value})
    assert (finding.component, finding.message) == ("app/web", message)


def test_a_key_means_the_same_wherever_it_stands() -> None:
    """What was decided for its first place holds for the others."""
    config = {"a": {"vpc_nickname": "x", "size": 1}, "b": {"vpc_nickname": "y", "size": 2}}
    assert {target for target, _, _ in seen(config)} == {"vpc/x", "vpc/y"}


def test_a_types_definition_is_read_once_a_build() -> None:
    """However many components it has."""
    asked: list[str] = []

    class Counting(Context):
        def definition(self, component_type: str) -> TypeDefinition:
            asked.append(component_type)
            return super().definition(component_type)

    resolver = Nickname(Counting(prefix="/iac", configs={}, definitions={}))
    for component_type in ("app", "app", "db", "app"):
        config = {"vpc_nickname": "core"}
        subject = Subject(f"{component_type}/a", component_type, config, walk(config), [])
        assert len(list(resolver.find(subject))) == 1
    assert asked == ["app", "db"]
