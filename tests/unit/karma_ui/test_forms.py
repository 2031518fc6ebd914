"""Forms from schemas, and changes from forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import BadInput
from karma_core.masking.masker import MASK
from karma_ui.forms import PREFIX, faults, fields_of, merged, patch_from_json, patch_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "description": "What it is called"},
        "size": {"type": "integer", "minimum": 1},
        "on": {"type": "boolean"},
        "tier": {"type": "string", "enum": ["small", "large"]},
        "tags": {"type": "object"},
    },
}
CONFIG: dict[str, Any] = {"name": "x", "size": 2, "extra": [1]}


def filled(**changes: str) -> dict[str, str]:
    """The form as the page shows it, with some fields filled in."""
    shown = {
        PREFIX + field.name: field.value for field in fields_of(SCHEMA, CONFIG) if field.control != "checkbox"
    }
    return shown | {PREFIX + name: value for name, value in changes.items()}


def test_a_schema_gives_a_fitting_control_for_each_key() -> None:
    """Simple types have simple controls, everything else is JSON; keys beyond the schema come last."""
    controls = {field.name: field.control for field in fields_of(SCHEMA, CONFIG)}
    assert controls == {
        "name": "text", "size": "number", "on": "checkbox", "tier": "choice", "tags": "json", "extra": "json",
    }  # fmt: skip
    assert [field.required for field in fields_of(SCHEMA, CONFIG)][:2] == [True, False]


@pytest.mark.parametrize("schema", [None, True, [], {"properties": []}, {"properties": {"name": 7}}])
def test_a_schema_that_says_nothing_leaves_the_config_s_own_keys(schema: Any) -> None:
    """A form stands whatever the schema is."""
    assert {field.name for field in fields_of(schema, CONFIG)} >= set(CONFIG)


def test_an_untouched_form_changes_nothing() -> None:
    """Only what was filled in otherwise is asked for."""
    assert patch_of(filled(), SCHEMA, CONFIG) == {}


def test_a_filled_in_form_is_a_merge_patch() -> None:
    """Values get their JSON types back; an emptied field is taken out."""
    form = filled(size="5", on="true", tier="large", tags='{"a": 1}', extra="", name="y")
    wanted = {"name": "y", "size": 5, "on": True, "tier": "large", "tags": {"a": 1}, "extra": None}
    assert patch_of(form, SCHEMA, CONFIG) == wanted


@pytest.mark.parametrize("text", ["1e5000", "NaN", '{"a":1,"a":2}', "[1,", "9" * 5000])
def test_what_is_no_json_is_refused_with_its_field(text: str) -> None:
    """The strict reader reads fields too."""
    with pytest.raises(BadInput):
        patch_of(filled(tags=text), SCHEMA, CONFIG)


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.recursive(st.integers() | st.text(max_size=3), st.lists, max_leaves=3)
    )
)
def test_a_value_that_does_not_fit_its_type_is_shown_as_json(config: dict[str, Any]) -> None:
    """Whatever a config holds, its form shows it and asks for no change by itself."""
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    form = {PREFIX + field.name: field.value for field in fields_of(schema, config)}
    assert patch_of(form, schema, config) == {}


def test_a_merge_patch_is_applied_as_the_standard_says() -> None:
    """RFC 7396: null takes out, objects merge, everything else replaces."""
    assert merged({"a": {"b": 1, "c": 2}, "d": [1]}, {"a": {"b": None}, "d": [2]}) == {
        "a": {"c": 2},
        "d": [2],
    }


def test_faults_are_said_with_their_place() -> None:
    """While somebody types: what the schema has against it; an unusable schema has nothing."""
    assert faults(SCHEMA, {"name": "x", "size": 0}) == ["/size: 0 is less than the minimum of 1"]
    assert faults({"type": 7}, {}) == []
    assert faults({"$ref": "http://192.0.2.1/x"}, {}) == []


@pytest.mark.parametrize("text", ["", "3", '"x"', "null"])
def test_the_json_box_takes_patches_only(text: str) -> None:
    """An object is a merge patch, a list a JSON Patch."""
    with pytest.raises(BadInput):
        patch_from_json(text)


def test_secrets_that_are_not_shown_stay_as_they_are() -> None:
    """A form that was filled with masks asks for what was edited alone, also in objects and choices."""
    schema = {"properties": {"pin": {"type": "integer"}, "key": {"type": "string", "enum": ["a", "b"]}}}
    config = {"pin": MASK, "key": MASK, "db": {"user": "u", "password": MASK}, "size": 1}
    form = {f"{PREFIX}{field.name}": field.value for field in fields_of(schema, config)}
    assert patch_of(form, schema, config) == {}
    form[f"{PREFIX}db"] = form[f"{PREFIX}db"].replace('"u"', '"v"')
    assert patch_of(form, schema, config) == {"db": {"user": "v"}}
    assert faults(schema, config) == []
    assert "text" in {field.control for field in fields_of(schema, config) if field.name == "key"}
