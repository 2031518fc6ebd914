"""The types of JSON documents whose form is not known where they pass.

A document gets its type where a struct reads it (`documents.read`). Until then it is a config that a person
wrote, a runtime that a module put out, an answer of a program or of a service, or what is shown of one of our
own values: nothing that a type could name without a check of every access, which the reader makes once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

JsonValue: TypeAlias = Any
"""null, a boolean, a number, a string, an array or an object."""
JsonObject: TypeAlias = dict[str, Any]
"""A JSON object: its members by name."""
JsonMapping: TypeAlias = Mapping[str, Any]
"""A JSON object that is only read."""
GremlinValue: TypeAlias = Any
"""What a Gremlin engine gives: GraphSON as it is decoded, which is JSON and more."""
