"""Looks at every request on its way to the wire and refuses what Neptune would refuse.

Sources: Neptune User Guide, "Gremlin standards compliance in Amazon Neptune", "Gremlin step support" and
"Making efficient upserts with mergeV() and mergeE()". The list of steps is of those that Karma needs and that
these pages name as supported: a step that is not on it has to be looked up there first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from gremlin_python.driver.request import RequestMessage
from gremlin_python.driver.serializer import GraphBinarySerializersV1
from gremlin_python.process.traversal import Bytecode, Cardinality, T, TraversalStrategy

from karma_adapters.gremlin.queries import MAX_RECORDS, MAX_STEPS

STEPS = frozenset(
    """
    V E inject has hasId hasLabel hasNot hasKey not and or is where filter out in both outE inE bothE outV inV
    otherV id label values valueMap elementMap properties key value path simplePath cyclicPath repeat until
    emit times order by limit range tail skip dedup count sum min max mean group groupCount fold unfold
    project select as union coalesce optional choose local constant identity
    mergeV mergeE option property drop sideEffect with
    """.split()  # noqa: SIM905 - it is a text that people compare with Neptune's page
)
STRATEGIES = frozenset({"ReadOnlyStrategy", "SubgraphStrategy", "OptionsStrategy"})
SCALARS = (str, bool, int, float)


class NotForNeptune(AssertionError):
    """A request that Neptune would refuse."""


class NeptuneGuard(GraphBinarySerializersV1):  # type: ignore[misc]  # the driver ships no types
    """gremlinpython's serializer, which checks what it is given. `sent` counts requests by operation."""

    sent: Counter[str] = Counter()

    def serialize_message(self, request_id: str, request_message: RequestMessage) -> bytes:
        """The bytes of a request that Neptune would take."""
        bytecode = request_message.args.get("gremlin")
        self.sent[request_message.op] += 1
        if isinstance(bytecode, str) or "bindings" in request_message.args:
            raise NotForNeptune(f"text and bindings are not sent: {bytecode}")
        if isinstance(bytecode, Bytecode):
            check(bytecode)
        message: bytes = super().serialize_message(request_id, request_message)
        return message


def check(bytecode: Bytecode) -> None:
    """NotForNeptune if the request is not for Neptune."""
    for name, *arguments in bytecode.source_instructions:
        if name == "tx":
            continue
        if name != "withStrategies":
            raise NotForNeptune(f"source step {name}")
        for strategy in arguments:
            if not isinstance(strategy, TraversalStrategy) or strategy.strategy_name not in STRATEGIES:
                raise NotForNeptune(f"strategy {strategy}")
    steps = list(_steps(bytecode))
    if len(steps) > MAX_STEPS:
        raise NotForNeptune(f"{len(steps)} steps")
    records = sum(step[0] in {"mergeV", "mergeE", "property", "addV", "addE"} for step in steps)
    if records > MAX_RECORDS:
        raise NotForNeptune(f"{records} records")
    previous = ""
    for step in steps:
        _check_step(step, previous)
        if step[0] in {"mergeV", "mergeE"} or (step[0] == "V" and previous != "mergeE"):
            previous = step[0]


def _steps(bytecode: Bytecode) -> Iterator[list[Any]]:
    for step in bytecode.step_instructions:
        yield step
        for argument in step[1:]:
            if isinstance(argument, Bytecode):
                yield from _steps(argument)


def _check_step(step: list[Any], element: str) -> None:
    name, *arguments = step
    if name not in STEPS:
        raise NotForNeptune(f"step {name} is not known to work")
    if any(callable(argument) for argument in arguments):
        raise NotForNeptune(f"{name} with a lambda")
    if name in {"V", "E", "hasId"} and not all(isinstance(argument, str) for argument in arguments):
        raise NotForNeptune(f"{name} with an id that is not a string")
    if name == "property":
        _check_property(arguments, element)
    if name in {"mergeV", "mergeE"} and set(arguments[0]) != {T.id}:
        raise NotForNeptune(f"{name} by more than the id: {arguments}")
    if name == "option":
        _check_map(arguments[1])


def _check_property(arguments: list[Any], element: str) -> None:
    on_edge = element == "mergeE"
    if not on_edge and arguments[0] is not Cardinality.single:
        raise NotForNeptune(f"property without `single`: {arguments}")
    name, value, *meta = arguments if on_edge else arguments[1:]
    if not isinstance(name, str) or not isinstance(value, SCALARS) or meta:
        raise NotForNeptune(f"property {name} = {type(value).__name__}, {meta}")


def _check_map(created: dict[Any, Any]) -> None:
    label = created.get(T.label, "")
    if "::" in label or not all(isinstance(value, SCALARS) for value in created.values()):
        raise NotForNeptune(f"an element created with {created}")
