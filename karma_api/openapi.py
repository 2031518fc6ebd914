"""The OpenAPI 3.1 document, made from the route table and the models."""

from __future__ import annotations

import re
from typing import Final, TypeGuard

import msgspec
from msgspec.structs import FieldInfo

from karma_api.problems import MEDIA_TYPE
from karma_api.reading import ENVIRONMENT, fields_of
from karma_api.route import Answered, Route
from karma_core.documents import WHOLE, TypeForm
from karma_core.json_types import JsonObject

ALWAYS: Final = {
    400: "The request is wrong",
    401: "Nobody is signed in",
    403: "The role does not allow it",
    404: "It does not exist",
    413: "The body is too large",
    429: "Too many requests",
    503: "A store does not answer, or its lease was lost",
    504: "It took too long",
}
"""Statuses that every route with a role may answer besides its own."""
WITHOUT_ROLE: Final = (400, 404, 413, 429, 503, 504)
"""Those of them that a route which is open to everybody may answer."""
WITH_BODY: Final = {415: "The body is not JSON", 422: "The body cannot be used"}
_SAID: Final = {
    200: "Done",
    202: "It goes on",
    409: "Refused as things stand",
    422: "What is there cannot be used",
}
_TEMPLATE: Final = "#/components/schemas/{name}"

Schemas = dict[str, JsonObject]
"""JSON Schemas of models, by name."""


def document(routes: tuple[Route, ...], version: str) -> JsonObject:
    """The document of these routes."""
    schemas = _schemas({model for route in routes for model in _models(route)})
    paths: dict[str, JsonObject] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Karma", "version": version},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_PROBLEM: Final[JsonObject] = {
    "type": "object",
    "description": "Problem details (RFC 9457), with the facts of the error.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "why": {"type": "string"},
        "next": {"type": "string"},
    },
}


def _schemas(models: set[type[msgspec.Struct]]) -> Schemas:
    """Return the schemas of these models and all that they hold, with patterns in JSON Schema's syntax."""
    ordered = sorted(models, key=lambda model: (model.__name__, model.__module__))
    _, schemas = msgspec.json.schema_components(ordered, ref_template=_TEMPLATE)
    written = msgspec.json.encode(schemas).decode()
    written_schemas: Schemas = msgspec.json.decode(written.replace(WHOLE, "$"))
    return dict(sorted(written_schemas.items()))


def _models(route: Route) -> list[type[msgspec.Struct]]:
    models: list[type[msgspec.Struct]] = [route.asked]
    if _is_described(route.answered):
        models.append(route.answered)
    return models


def _is_described(answered: TypeForm) -> TypeGuard[type[Answered]]:
    return isinstance(answered, type) and issubclass(answered, Answered)


def _operation(route: Route, schemas: Schemas) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "parameters": _parameters(route, schemas),
        "responses": _responses(route),
    }
    if route.role is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = f"Needs the role {route.role}."
    body = fields_of(route.asked).get("body")
    if route.own_body:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
    if body is not None:
        schema = _field_schema(schemas, route, "body")
        operation["requestBody"] = {
            "required": body.required,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _parameters(route: Route, schemas: Schemas) -> list[JsonObject]:
    in_path = set(re.findall(r"{(\w+)}", route.path))
    parameters = []
    for name, field in fields_of(route.asked).items():
        if name == "body":
            continue
        place = "path" if name in in_path else "query"
        schema = _field_schema(schemas, route, name)
        parameters.append(_parameter(field, schema, place))
    parameters.append(
        {
            "name": ENVIRONMENT,
            "in": "query",
            "required": False,
            "description": f"Which environment; else {_without_environment(route)}.",
            "schema": {"type": "string"},
        }
    )
    return parameters


def _without_environment(route: Route) -> str:
    """Return the description of a route's answer to a request that names no environment."""
    if route.without_environment is not None:
        return "the process alone"
    return "the server's default" if route.role is not None else "the server's default, or its first"


def _parameter(field: FieldInfo, schema: JsonObject, place: str) -> JsonObject:
    plain = _without_null(schema)
    description = plain.pop("description", None)
    parameter = {
        "name": field.encode_name,
        "in": place,
        "required": place == "path" or field.required,
        "schema": plain,
    }
    return {**parameter, "description": description} if description else parameter


def _without_null(schema: JsonObject) -> JsonObject:
    """A query value is text or left out: null is not a value that it has."""
    kinds = [kind for kind in schema.get("anyOf", ()) if kind.get("type") != "null"]
    rest = {key: value for key, value in schema.items() if key not in {"anyOf", "title", "default"}}
    return {**rest, **kinds[0]} if len(kinds) == 1 else {**schema}


def _field_schema(schemas: Schemas, route: Route, name: str) -> JsonObject:
    field_schema: JsonObject = schemas[route.asked.__name__]["properties"][name]
    return field_schema


def _responses(route: Route) -> JsonObject:
    success = {"description": _SAID.get(route.status, "Done"), "content": _content(route)}
    responses: JsonObject = {str(route.status): success}
    for status in route.statuses:
        if status < 400:  # noqa: PLR2004 - below it is success
            responses[str(status)] = {"description": _SAID.get(status, "Done"), "content": _content(route)}
    failures = {status: _SAID.get(status, "Refused") for status in route.statuses if status >= 400}  # noqa: PLR2004
    failures |= ALWAYS if route.role is not None else {status: ALWAYS[status] for status in WITHOUT_ROLE}
    if "body" in fields_of(route.asked):
        failures |= {status: said for status, said in WITH_BODY.items() if status not in failures}
    if route.method == "GET" and route.role is not None and not route.streams:
        responses["304"] = {"description": "What the caller has is still right"}
    for status, said in sorted(failures.items()):
        responses[str(status)] = {
            "description": said,
            "content": {MEDIA_TYPE: {"schema": {"$ref": _TEMPLATE.format(name="Problem")}}},
        }
    return responses


def _content(route: Route) -> JsonObject:
    if route.media_type != "application/json":
        return {route.media_type.partition(";")[0]: {"schema": {"type": "string"}}}
    if _is_described(route.answered):
        return {"application/json": {"schema": {"$ref": _TEMPLATE.format(name=route.answered.__name__)}}}
    return {"application/json": {"schema": {"type": "object"}}}
