"""The walk of a config that all resolvers share, and JSON pointers (RFC 6901) into it."""

from __future__ import annotations

from collections.abc import Iterator

from karma_core.json_types import JsonObject, JsonValue

Entry = tuple[str | int, JsonValue, str]
"""(key or index, value, pointer of the array or object that holds it)."""


def pointer_to(path: str, key: str | int) -> str:
    """The JSON pointer of `key` inside the container at `path`."""
    if isinstance(key, str) and ("~" in key or "/" in key):
        key = key.replace("~", "~0").replace("/", "~1")
    return f"{path}/{key}"


def walk(config: JsonObject) -> list[Entry]:
    """Every member of every object and array in the config, containers included, without recursion.

    Pointers are made for containers only: most members are never pointed at, and this runs for every config
    of a build.
    """
    entries: list[Entry] = []
    add = entries.append
    waiting: list[tuple[JsonValue, str]] = [(config, "")]
    while waiting:
        container, path = waiting.pop()
        members = container.items() if container.__class__ is dict else enumerate(container)
        for key, value in members:
            add((key, value, path))
            kind = value.__class__
            if (kind is dict or kind is list) and value:
                waiting.append((value, pointer_to(path, key)))
    return entries


def values_at(config: JsonObject, field: str) -> Iterator[tuple[JsonValue, str]]:
    """(value, pointer) of a field; dots descend into objects, arrays on the way are entered."""
    waiting: list[tuple[JsonValue, str, list[str]]] = [(config, "", field.split("."))]
    while waiting:
        value, path, keys = waiting.pop()
        if isinstance(value, list):
            below = [(item, pointer_to(path, index), keys) for index, item in enumerate(value)]
            waiting.extend(reversed(below))
        elif not keys:
            yield value, path
        elif isinstance(value, dict) and keys[0] in value:
            waiting.append((value[keys[0]], pointer_to(path, keys[0]), keys[1:]))
