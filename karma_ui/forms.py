"""A type's JSON Schema as form fields, and a filled-in form as the change that it asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import jsonschema_rs

from karma_core import strictjson
from karma_core.errors import BadInput, KarmaError
from karma_core.exact_numbers import dumps
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.masking.masker import MASK

PREFIX: Final = "field."
"""Before a config key in a form's field names."""
Control = Literal["text", "number", "checkbox", "choice", "json"]
_SIMPLE: Final[dict[str, Control]] = {
    "string": "text",
    "integer": "number",
    "number": "number",
    "boolean": "checkbox",
}


@dataclass(frozen=True, kw_only=True)
class Field:
    """One config key as a form shows it. `value` is text; of a JSON field, JSON."""

    name: str
    control: Control
    value: str
    required: bool
    description: str
    choices: tuple[str, ...] = ()


def fields_of(schema: JsonValue, config: JsonMapping) -> list[Field]:
    """A field for each key of the schema, then for each that only the config has."""
    schema = schema if isinstance(schema, dict) else {}
    known = schema.get("properties", {})
    known = known if isinstance(known, dict) else {}
    required = schema.get("required", ())
    names = [*known, *(name for name in config if name not in known)]
    return [_field(name, known.get(name), config, name in required) for name in names]


def _field(name: str, part: JsonValue, config: JsonMapping, required: bool) -> Field:
    part = part if isinstance(part, dict) else {}
    value, here = config.get(name), name in config
    control: Control = _SIMPLE.get(str(part.get("type", _type_of(value))), "json")
    choices = part.get("enum", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        control = "choice"
    if value == MASK and control == "choice":
        control = "text"  # none of the choices is the secret, and none must be chosen for it
    if here and not _fits(control, value):
        control = "json"
    if control in {"text", "choice"}:
        shown = value if here else ""
    elif control == "json":
        shown = dumps(value, indent=2) if here else ""
    else:
        shown = dumps(value) if here else ""
    return Field(
        name=name,
        control=control,
        value=str(shown),
        required=required,
        description=str(part.get("description", "")),
        choices=tuple(map(str, choices)) if control == "choice" else (),
    )


def _type_of(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "string" if isinstance(value, str) else "number" if isinstance(value, int | float) else "json"


def _fits(control: Control, value: JsonValue) -> bool:
    """Whether a control can hold the value that is there now."""
    if control in {"text", "choice"}:
        return isinstance(value, str) and "\n" not in value
    if control == "checkbox":
        return isinstance(value, bool)
    return control == "json" or (isinstance(value, int | float) and not isinstance(value, bool))


def patch_of(form: Mapping[str, str], schema: JsonValue, config: JsonMapping) -> JsonObject:
    """The JSON Merge Patch of what the form has otherwise than the config. Emptied fields are taken out."""
    patch: JsonObject = {}
    for field in fields_of(schema, config):
        name = PREFIX + field.name
        if name not in form and field.control != "checkbox":
            continue
        text = form.get(name, "").replace("\r\n", "\n")
        if field.control == "checkbox":
            if (text == "true") != (config.get(field.name) is True):
                patch[field.name] = text == "true"
        elif text != field.value:
            patch[field.name] = _without_masks(_value(field, text), config.get(field.name))
    return patch


def _without_masks(value: JsonValue, shown: JsonValue) -> JsonValue:
    """A value for a merge patch without the members that are secret and were left as they were shown."""
    if not isinstance(value, dict) or not isinstance(shown, dict):
        return value
    return {
        name: _without_masks(member, shown.get(name))
        for name, member in value.items()
        if not (member == MASK and shown.get(name) == MASK)
    }


def _value(field: Field, text: str) -> JsonValue:
    if not text.strip() and field.control != "text":
        return None
    if field.control in {"text", "choice"}:
        return text or None
    return strictjson.parse(text.encode(), where=f"the field {field.name}")


def patch_from_json(text: str) -> JsonValue:
    """Parse the JSON box: a merge patch or a JSON Patch; BadInput if it is neither."""
    patch = strictjson.parse(text.encode(), where="the change")
    if not isinstance(patch, dict | list):
        raise BadInput(
            "the change is neither an object nor a list",
            next_step='write a merge patch such as {"size": 3}, or a JSON Patch',
            code="invalid-request",
        )
    return patch


def merged(config: JsonValue, patch: JsonValue) -> JsonValue:
    """The config after a merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(config) if isinstance(config, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def faults(schema: JsonValue, config: JsonValue) -> list[str]:
    """Return the faults of a config against its schema; empty if there is no usable schema.

    For a hint while somebody types; the verdict is the API's.
    """
    if not isinstance(schema, dict):
        return []
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_nothing)
        return list(_faults(validator, config))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
        return []


def _faults(validator: JsonValue, config: JsonValue) -> Iterator[str]:
    for fault in validator.iter_errors(config):
        if fault.instance == MASK:
            continue  # a secret that is not shown: the API knows whether it fits
        place = "/".join(map(str, fault.instance_path))
        yield f"/{place}: {fault.message}" if place else str(fault.message)


def _nothing(uri: str) -> JsonValue:
    raise ValueError(uri)


def said(error: KarmaError) -> str:
    """An error in one line."""
    return f"{error.what}: {error.why}" if error.why else error.what
