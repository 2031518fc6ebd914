"""`for` expressions, splats, and iteration over values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

from karma_core.inference import operations
from karma_core.inference.closure import Evaluate, Names, Scope, given_up
from karma_core.inference.expressions import ITEM
from karma_core.inference.shapes import plain
from karma_core.inference.values import (
    COMPUTED,
    Dependencies,
    Failure,
    Items,
    Listed,
    Runtime,
    Unknown,
    Value,
)

_Step = tuple[Value, Value, Value]
"""(condition, key, value) of one step of a `for`."""


def splat_of(of: Evaluate, each: Evaluate) -> Evaluate:
    """`of[*]…`: of null no items, of a single value one."""

    def evaluate(frame: Scope, names: Names) -> Value:
        value = of(frame, names)
        if isinstance(value, Unknown):
            return plain(value)
        if value is None:
            return []
        items = value if isinstance(value, list) else [value]
        if not frame.reading.spend(len(items)):
            return COMPUTED
        made = [each(frame, {ITEM: item}) for item in items]
        return Listed(made) if isinstance(value, (Listed, Items)) else made

    return evaluate


def pairs_of(frame: Scope, value: Value) -> list[tuple[Value, Value]] | None:
    """(key, value) of what can be iterated; None where that is not known: one pair then stands for all."""
    if isinstance(value, Items):
        return [(item, item) for item in value]
    if isinstance(value, list):
        return list(enumerate(value))
    if isinstance(value, dict):
        return sorted(value.items(), key=itemgetter(0))
    if isinstance(value, Dependencies):
        return [(address, Runtime(address)) for address in sorted(frame.reading.inputs.producers)]
    return None


def for_of(
    of: Evaluate,
    names_of_pair: tuple[str, str],
    *,
    result: Evaluate,
    key_result: Evaluate | None,
    condition: Evaluate | None,
    grouped: bool,
) -> Evaluate:
    """`[for key, value in of : result if condition]`; with `key_result` an object."""
    key_name, value_name = names_of_pair

    def steps(frame: Scope, names: Names, pairs: list[tuple[Value, Value]]) -> list[_Step]:
        inner = dict(names)
        made: list[_Step] = []
        for key, value in pairs:
            inner[key_name], inner[value_name] = key, value
            taken = True if condition is None else condition(frame, inner)
            if taken is not True and (taken is False or operations.truth(taken) is False):
                continue
            made_key = None if key_result is None else key_result(frame, inner)
            made.append((taken, made_key, result(frame, inner)))
        return made

    def evaluate(frame: Scope, names: Names) -> Value:
        value = of(frame, names)
        if isinstance(value, Failure):
            return value
        pairs = pairs_of(frame, value)
        if pairs is None and (value is None or isinstance(value, (str, int, float, Fraction, Decimal))):
            return Failure("it cannot be gone through")
        if pairs is None:
            return _over_unknown(frame, value, lambda: steps(frame, names, [(COMPUTED, COMPUTED)]))
        if not frame.reading.spend(len(pairs)):
            return COMPUTED
        made = steps(frame, names, pairs)
        if condition is not None:
            doubtful = next((t for t, _, _ in made if t is not True and operations.truth(t) is None), None)
            if doubtful is not None:
                why = (
                    doubtful
                    if isinstance(doubtful, Unknown)
                    else Failure("a condition is neither true nor false")
                )
                return given_up(frame, [v for _, _, v in made], why)
        return [v for _, _, v in made] if key_result is None else _object(frame, made, grouped=grouped)

    return evaluate


def _over_unknown(frame: Scope, value: Value, steps: Callable[[], list[_Step]]) -> Value:
    """Evaluate the body once to record its reads, because the number of iterations is unknown."""
    reading = frame.reading
    reading.used(value)
    reading.guards += 1
    for step in steps():
        reading.used(list(step))
    reading.guards -= 1
    return plain(value) if isinstance(value, Unknown) else COMPUTED


def _object(frame: Scope, made: list[_Step], *, grouped: bool) -> Value:
    entries: dict[str, Value] = {}
    for _, key, value in made:
        name = operations.text_of(key)
        if not isinstance(name, str):
            return given_up(frame, [v for _, _, v in made], name)
        if grouped:
            entries.setdefault(name, []).append(value)
        elif name in entries:
            return given_up(frame, [v for _, _, v in made], Failure(f"the key {name!r} stands twice"))
        else:
            entries[name] = value
    return entries
