"""Findings on cycles: each by name, with the fields that form it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from karma_core.graph.graph import Graph, Knot
from karma_core.model import Finding, GraphData, Kind, Severity

SHOWN: Final = 12
"""Steps of a cycle that a message spells out; of a longer one it shows this many and the length."""


def check_cycles(data: GraphData, graph: Graph) -> Iterator[Finding]:
    """One error a cycle, on its smallest address; one more where a knot holds more than were listed."""
    knots = graph.knots()
    if not knots:
        return
    tied = {member for knot in knots for member in knot.members}
    pointers = {
        (edge.source, edge.target): edge.pointers[0] if edge.pointers else ""
        for edge in data.edges
        if edge.kind == Kind.DEPENDS_ON and edge.source in tied and edge.target in tied
    }
    for knot in knots:
        for cycle in knot.cycles:
            yield _finding(cycle[0], pointers.get(_steps(cycle)[0], ""), _describe(cycle, pointers))
        if not knot.complete:
            yield _finding(knot.members[0], "", _more(knot))


def _steps(cycle: tuple[str, ...]) -> list[tuple[str, str]]:
    return list(zip(cycle, cycle[1:] + cycle[:1], strict=True))


def _describe(cycle: tuple[str, ...], pointers: dict[tuple[str, str], str]) -> str:
    shown = [f"{step[0]} ({pointers.get(step) or 'no field'})" for step in _steps(cycle)[:SHOWN]]
    left = len(cycle) - len(shown)
    if left:
        shown.append(f"… {left:,} more …")
    path = " → ".join([*shown, cycle[0]])
    return f"a cycle of {len(cycle):,}: {path}. Remove one of these references."


def _more(knot: Knot) -> str:
    return (
        f"{len(knot.members):,} components depend on each other in more cycles than the "
        f"{len(knot.cycles):,} listed. Remove those first and build again."
    )


def _finding(address: str, pointer: str, message: str) -> Finding:
    return Finding(code="cycle", severity=Severity.ERROR, component=address, pointer=pointer, message=message)
