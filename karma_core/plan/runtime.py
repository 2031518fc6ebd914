"""What becomes of a component's Terraform outputs: its runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.model import Record
from karma_core.plan.fingerprint import look_up
from karma_core.records import ADVANCED_BYTES, PlannedOutputs, TerraformOutputs

OUTPUT: Final = "runtime"
"""A module's output of this name is its runtime; without it, all outputs together are."""


def runtime_of(address: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
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


def is_secret(outputs: TerraformOutputs) -> bool:
    """Whether the runtime holds a value that Terraform marks sensitive (it is then a SecureString)."""
    return OUTPUT in outputs.sensitive if OUTPUT in outputs.values else bool(outputs.sensitive)


def check_size(address: str, runtime: Mapping[str, Any]) -> None:
    """BadInput `too-large` for a runtime that no parameter can hold."""
    size = len(strictjson.canonical(runtime))
    if size > ADVANCED_BYTES:
        raise BadInput(
            f"the runtime of {address} has {size:,} bytes",
            why=f"a parameter of the advanced tier holds {ADVANCED_BYTES:,}",
            next_step="publish less: give the module an output `runtime` with what others need",
            code="too-large",
            component=address,
        )


def changed_keys(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> tuple[str, ...]:
    """Keys that were added, removed or got another value, sorted."""
    old = before or {}
    return tuple(
        sorted(
            key
            for key in old.keys() | after.keys()
            if key not in old or key not in after or old[key] != after[key]
        )
    )


ALL: Final = "*"
"""Stands for every key of a runtime that is unknown as a whole."""


class PlannedRuntime(Record, frozen=True, kw_only=True):
    """A producer's runtime as its plan foresees it: known values, and keys unknown until apply.

    `unknown` holds keys and dotted paths; `*` stands for all of them.
    """

    known: dict[str, Any]
    unknown: tuple[str, ...] = ()


def planned_runtime(outputs: PlannedOutputs) -> PlannedRuntime:
    """What a module's planned outputs say of its runtime."""
    if OUTPUT in outputs.unknown:
        return PlannedRuntime(known={}, unknown=(ALL,))
    inside = f"{OUTPUT}."
    nested = tuple(name.removeprefix(inside) for name in outputs.unknown if name.startswith(inside))
    whole = outputs.known.get(OUTPUT)
    if isinstance(whole, dict):
        return PlannedRuntime(known=whole, unknown=nested)
    return PlannedRuntime(known=dict(outputs.known), unknown=outputs.unknown)


def moved_keys(
    current: Mapping[str, Any] | None, planned: PlannedRuntime, keys: Iterable[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(keys with a known new value, keys unknown until apply) among those that are counted, sorted.

    keys None counts every key of the current and the planned runtime.
    """
    if keys is None:
        roots = {path.split(".")[0] for path in planned.unknown}
        keys = (current or {}).keys() | planned.known.keys() | roots
    new, unknown = [], []
    for key in sorted(keys):
        if is_unknown(key, planned.unknown):
            unknown.append(key)
        elif look_up(current or {}, key) != look_up(planned.known, key):
            new.append(key)
    return tuple(new), tuple(unknown)


def is_unknown(key: str, unknown: Iterable[str]) -> bool:
    """Whether a key, a part of it, or something that holds it is unknown."""
    return any(
        path in {ALL, key} or path.startswith(f"{key}.") or key.startswith(f"{path}.") for path in unknown
    )
