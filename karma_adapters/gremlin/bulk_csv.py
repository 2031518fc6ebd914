"""Vertices and edges as Neptune's bulk loader reads them: CSV of the Gremlin load data format.

Columns are `~id`, `~label`, for edges `~from` and `~to`, and a property each, `name:Type(cardinality)`. A
cell without a value would be an empty string under `allowEmptyStrings`, and nothing otherwise; therefore the
rows of one file have all of its columns, and what has other properties is in another file. Every cell is
quoted and quotes in it are doubled (RFC 4180), so that commas, line ends and semicolons are text.

Source: Neptune User Guide, "Gremlin load data format".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gremlin_python.process.traversal import Direction, T

from karma_adapters.gremlin.property_graph import Value
from karma_adapters.gremlin.queries import Upsert, put_change, put_component, put_edge, put_lineage
from karma_core.model import Delta

FILE_ROWS: Final = 50_000
"""Rows of one file. Ours: some 20 MB, which a builder's memory bears."""
_TYPES: Final[dict[type, str]] = {str: "String", int: "Long", bool: "Bool"}
_SINGLE: Final = "(single)"
"""The default of vertices' properties is a set. Edges' properties have no cardinality."""


def vertices(delta: Delta) -> Iterator[bytes]:
    """Files with the components and changes that a delta puts."""
    yield from _files([*map(put_component, delta.put_nodes), *map(put_change, delta.put_changes)])


def edges(environment: str, delta: Delta) -> Iterator[bytes]:
    """Files with the edges that a delta puts; both ends of each must have been loaded."""
    between = [put_edge(environment, edge) for edge in delta.put_edges]
    yield from _files([*between, *(put_lineage(environment, key) for key in delta.put_lineage)])


def _files(elements: Iterable[Upsert]) -> Iterator[bytes]:
    """The elements by their columns, FILE_ROWS at most in each file."""
    alike: dict[tuple[str, ...], list[Upsert]] = {}
    for element in elements:
        alike.setdefault(_columns(element), []).append(element)
    for columns, rows in alike.items():
        for start in range(0, len(rows), FILE_ROWS):
            lines = [_line(columns), *(_line(_cells(row)) for row in rows[start : start + FILE_ROWS])]
            yield "".join(lines).encode("utf-8")


def _columns(element: Upsert) -> tuple[str, ...]:
    is_edge = Direction.OUT in element.create
    ends = ("~from", "~to") if is_edge else ()
    cardinality = "" if is_edge else _SINGLE
    properties = sorted(element.properties.items())
    return (
        "~id", *ends, "~label", *(f"{name}:{_TYPES[type(value)]}{cardinality}" for name, value in properties)
    )  # fmt: skip


def _cells(element: Upsert) -> Iterator[Value]:
    create = element.create
    yield element.id
    if Direction.OUT in create:
        yield from (create[Direction.OUT], create[Direction.IN])
    yield create[T.label]
    yield from (value for _, value in sorted(element.properties.items()))


def _line(cells: Iterable[Value]) -> str:
    return ",".join(map(_cell, cells)) + "\n"


def _cell(value: Value) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return '"' + text.replace('"', '""') + '"'
