"""Secret places of configs, by the names of keys and by the type's schema."""

from __future__ import annotations

from typing import Any

import pytest

from karma_core.json_difference import differences
from karma_core.masking.configs import ConfigSecrets
from karma_core.masking.masker import MASK

PIN: dict[str, Any] = {"type": "string", "writeOnly": True}
CODE: dict[str, Any] = {"type": "string", "format": "password"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "write only": {"properties": {"x": PIN}},
    "format": {"properties": {"x": CODE}},
    "pattern": {"patternProperties": {"^x": PIN}},
    "further": {"additionalProperties": PIN},
    "all of": {"allOf": [{"properties": {"x": PIN}}]},
    "one branch": {"oneOf": [{"properties": {"x": {"type": "integer"}}}, {"properties": {"x": PIN}}]},
    "condition": {"if": {"required": ["x"]}, "then": {"properties": {"x": PIN}}},
    "reference": {"properties": {"x": {"$ref": "#/$defs/a~1b"}}, "$defs": {"a/b": PIN}},
    "the whole": {"$ref": "#/$defs/all", "$defs": {"all": {"properties": {"x": CODE}}}},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_what_the_schema_says_is_secret_is_masked(schema: dict[str, Any]) -> None:
    """However it says so; a branch that may not apply counts as well."""
    secrets = ConfigSecrets(schema)
    assert secrets.masked({"x": "kiwi", "password": "p"}) == {"x": MASK, "password": MASK}
    assert sorted(secrets.values({"x": "kiwi", "password": "p"})) == ["kiwi", "p"]


def test_items_and_members_at_any_depth() -> None:
    """Lists by their items, objects by their members; what is public stays."""
    schema = {
        "properties": {
            "users": {"items": {"properties": {"pin": PIN}}},
            "pair": {"prefixItems": [{}, PIN]},
        }
    }
    config = {
        "users": [{"name": "a", "pin": "1"}],
        "pair": ["x", "y"],
        "db": {"auth_token": [1, 2], "size": 3},
    }
    assert ConfigSecrets(schema).masked(config) == {
        "users": [{"name": "a", "pin": MASK}],
        "pair": ["x", MASK],
        "db": {"auth_token": MASK, "size": 3},
    }
    assert sorted(ConfigSecrets(schema).values(config)) == ["1", "1", "2", "y"]


def test_where_a_secret_comes_from_is_no_secret() -> None:
    """A reference to a runtime is shown; its default is not, nor is what only looks like a reference."""
    config = {
        "password": {"$runtime": "db/main#password", "default": "kiwi"},
        "token": {"$runtime": "s3cret"},
        "x": {"$runtime": "db/main#pin"},
    }
    secrets = ConfigSecrets({"properties": {"x": PIN}})
    assert secrets.masked(config) == {
        "password": {"$runtime": "db/main#password", "default": MASK},
        "token": MASK,
        "x": {"$runtime": "db/main#pin"},
    }
    assert sorted(secrets.values(config)) == ["kiwi", "s3cret"]


def test_what_tells_nothing_stays() -> None:
    """null, yes and no, and an empty text under a secret key: whether there is one may be seen."""
    config = {"password": None, "secret": "", "token": True, "fencing_token": 4}
    assert ConfigSecrets().masked(config) == config


def test_differences_are_masked_by_their_places() -> None:
    """Below a secret, at it, and above it."""
    secrets = ConfigSecrets({"properties": {"a": {"properties": {"pin": PIN}}}})
    before = {"a": {"pin": "1", "n": 1}, "password": {"deep": "x"}}
    after = {"a": {"pin": "2", "n": 2}, "password": {"deep": "y"}, "b": {"token": "t"}}
    shown = secrets.masked_differences(differences(before, after))
    assert [(d.pointer, d.before, d.after) for d in shown] == [
        ("/a/n", 1, 2),
        ("/a/pin", MASK, MASK),
        ("/b", None, {"token": MASK}),
        ("/password/deep", MASK, MASK),
    ]
    assert list(secrets.values_at("/a", {"pin": "3"})) == ["3"]
    assert list(secrets.values_at("/a/pin", "4")) == ["4"]


@pytest.mark.parametrize(
    "schema", [True, False, None, {"$ref": "#"}, {"$ref": "http://x"}, {"patternProperties": {"(": PIN}}]
)
def test_no_schema_is_too_odd(schema: Any) -> None:
    """A schema that refers to itself or elsewhere, or is none, does not stop the view."""
    assert ConfigSecrets(schema).masked({"secret": "s"}) == {"secret": MASK}


def test_keys_of_sensitive_variables_are_masked_at_the_top_alone() -> None:
    """With and without a schema: what a module marks sensitive is the whole value of its key."""
    config = {"pin": {"a": 1}, "x": "kiwi", "below": {"pin": 2}}
    for schema, shown in ((None, "kiwi"), ({"properties": {"x": PIN}}, MASK)):
        secrets = ConfigSecrets(schema, ["pin"])
        assert secrets.masked(config) == {"pin": MASK, "x": shown, "below": {"pin": 2}}
        assert secrets.masked_at("/pin/a", 1) == MASK
