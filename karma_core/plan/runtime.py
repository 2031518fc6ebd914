"""A component's runtime, from its Terraform outputs: actual and planned.

A planned value is known or unknown part by part. Unknown parts are told by *marks* that mirror the shape of
the value, as Terraform's JSON has them (`after_unknown`): true where all is unknown, an object or a list
where only parts are.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.plan.fingerprint import look_up
from karma_core.records import PlannedOutputs, PlannedRuntime, TerraformOutputs

OUTPUT: Final = "runtime"
"""A module's output of this name is its runtime; without it, all outputs together are."""
_PUBLISHED: Final = re.compile(
    r"Runtime of \S+, published by Karma in run ([A-Za-z0-9-]{1,64})"
    r"(?: \((?:check=[0-9a-f-]+|secret=(?P<secret>[\w.,-]+))\))?\Z"
)
_KEY: Final = re.compile(r"[\w.-]{1,128}\Z", re.ASCII)
_KEYS_LONGEST: Final = 600
"""Characters of a description for the names of secret keys: Parameter Store takes 1,024 in all."""


def runtime_of(address: str, outputs: JsonMapping) -> JsonObject:
    """The runtime in a module's outputs; BadInput if its output `runtime` is not an object."""
    if OUTPUT not in outputs:
        return dict(outputs)
    runtime = outputs[OUTPUT]
    if not isinstance(runtime, dict):
        raise BadInput(
            f"the output {OUTPUT!r} of {address} is not an object",
            why="a runtime maps names to values",
            next_step=f"let the module's output {OUTPUT!r} be an object, or give single outputs",
            code="not-an-object",
            component=address,
        )
    return runtime


def description_of(address: str, run_id: str, check: str = "", secret: Collection[str] = ()) -> str:
    """What the description of a runtime parameter says of where it came from, with its value's checksum.

    Of a secret runtime it names the keys that are secret, where all of them can be named.
    """
    text = f"Runtime of {address}, published by Karma in run {run_id}"
    if names_keys(secret):
        return f"{text} (secret={','.join(sorted(secret))})"
    return f"{text} (check={check})" if check else text


def names_keys(secret: Collection[str]) -> bool:
    """Whether a description can name these keys: there are some, of plain characters, and not too many."""
    return 0 < len(",".join(secret)) <= _KEYS_LONGEST and all(map(_KEY.match, secret))


def secret_keys_of(description: str) -> frozenset[str] | None:
    """The keys of a SecureString runtime that are secret; None (all are) where its description names none."""
    match = _PUBLISHED.match(description)
    named = match["secret"] if match is not None else None
    return frozenset(named.split(",")) if named else None


def run_of(description: str) -> str | None:
    """The run that a runtime parameter's description names; None where Karma did not write it."""
    match = _PUBLISHED.match(description)
    return match[1] if match is not None else None


def is_secret(outputs: TerraformOutputs) -> bool:
    """Whether the runtime holds a value that Terraform marks sensitive (it is then a SecureString)."""
    return OUTPUT in outputs.sensitive if OUTPUT in outputs.values else bool(outputs.sensitive)


def marked_keys(outputs: TerraformOutputs, runtime: JsonMapping) -> frozenset[str]:
    """The keys of a component's runtime that Terraform marks sensitive, as whole outputs."""
    if OUTPUT in outputs.values:
        return frozenset(runtime) if OUTPUT in outputs.sensitive else frozenset()
    return frozenset(outputs.sensitive) & runtime.keys()


def changed_keys(before: JsonMapping | None, after: JsonMapping) -> tuple[str, ...]:
    """Keys that were added, removed or got another value, sorted."""
    old = before or {}
    return tuple(
        sorted(
            key
            for key in old.keys() | after.keys()
            if key not in old or key not in after or not _same(old[key], after[key])
        )
    )


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same in JSON; in Python 1 == True == 1.0."""
    return one == other and strictjson.canonical(one) == strictjson.canonical(other)


UNKNOWN: Final = PlannedRuntime(unknown=True)
"""A runtime of which nothing is known until apply."""


def planned_runtime(address: str, outputs: PlannedOutputs) -> PlannedRuntime:
    """Return the planned runtime in a module's planned outputs; BadInput as `runtime_of`."""
    if outputs.unknown.get(OUTPUT) is True:
        return UNKNOWN
    known = runtime_of(address, outputs.known)  # null where a part is unknown
    marks = outputs.unknown.get(OUTPUT) if OUTPUT in outputs.known else outputs.unknown
    return PlannedRuntime(known=known, unknown=marks or None)


def planned_outputs(outputs: PlannedOutputs) -> PlannedRuntime:
    """The outputs that a state will have: Terraform keeps none of null."""
    known = {n: value for n, value in outputs.known.items() if value is not None or n in outputs.unknown}
    return PlannedRuntime(
        known=known,
        unknown=dict(outputs.unknown) or None,
        types=outputs.types,
        sensitive=outputs.sensitive,
    )


def is_unknown(marks: JsonValue) -> bool:
    """Whether any part is marked."""
    if isinstance(marks, Mapping):
        return any(is_unknown(mark) for mark in marks.values())
    if isinstance(marks, list):
        return any(is_unknown(mark) for mark in marks)
    return marks is True


def marks_at(marks: JsonValue, key: str) -> JsonValue:
    """The marks of a key or dotted path; true where something that holds it is unknown as a whole."""
    if isinstance(marks, Mapping) and key in marks:
        return marks[key]
    for part in key.split("."):
        if marks is True:
            return True
        marks = marks.get(part) if isinstance(marks, Mapping) else None
    return marks


def unknown_keys(planned: PlannedRuntime, keys: Iterable[str] | None) -> tuple[str, ...]:
    """Return the counted keys that are unknown in whole or in part, sorted; `*` if all are.

    keys None counts all.
    """
    if keys is None:
        if planned.unknown is True:
            return ("*",)
        keys = (planned.unknown or {}).keys()
    return tuple(sorted(key for key in keys if is_unknown(marks_at(planned.unknown, key))))


def counted(runtime: JsonMapping, keys: Iterable[str] | None) -> JsonObject:
    """The part of a runtime that counts. A dotted key keeps only its path (`endpoint.host`)."""
    if keys is None:
        return dict(runtime)
    part: JsonObject = {}
    for key in keys:
        value, exists = look_up(runtime, key)
        if exists:
            _put(part, [key] if key in runtime else key.split("."), value)
    return part


def counted_marks(marks: JsonValue, keys: Iterable[str] | None) -> JsonValue:
    """The marks of the part of a runtime that counts."""
    if keys is None or marks is None or marks is True:
        return marks
    part: JsonObject = {}
    for key in keys:
        mark = marks_at(marks, key)
        if is_unknown(mark):
            _put(part, [key] if key in marks else key.split("."), mark)
    return part or None


def _put(place: JsonObject, path: list[str], value: JsonValue) -> None:
    *above, last = path
    for name in above:
        place = place.setdefault(name, {})
    place[last] = value
