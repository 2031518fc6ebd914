"""What `karma graph explain` prints beside the places: evaluations by steps, what was seen of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from karma_cli import render

if TYPE_CHECKING:
    from karma_core.use_cases.graph.explain import Explanation


def steps(explained: Explanation) -> None:
    """Each expression of the module that names a producer, with the values that it is made of."""
    for occurrence in explained.occurrences:
        if not occurrence.steps:
            continue
        render.line(f"{occurrence.place} names {occurrence.producer}:")
        before = occurrence.place
        for step in occurrence.steps:
            at = "" if step.place == before else f"   ({step.place})"
            before = step.place
            render.line(f"{'  ' * (step.depth + 1)}{step.expression} = {step.value}{at}")


def module(explained: Explanation) -> None:
    """Where variables get their values, what is looked up and written, and what was not seen."""
    if not explained.module_seen:
        render.line("Its module's files are not known here.")
    view = explained.module
    if view is None:
        return
    rows = [(one.name, one.source, one.key, one.place) for one in view.variables]
    if rows:
        render.table("variables of its module", ("variable", "from", "key", "place"), rows)
    for lookup in view.lookups:
        names = ", ".join(lookup.producers) or "nobody here"
        what = f"{lookup.resource} by {lookup.argument} {lookup.value!r}"
        render.line(f"{lookup.place} looks up {what}, which {names} creates.")
    for address, places in view.writes.items():
        render.line(f"It writes the runtime of {address} ({', '.join(places)}).")
    for one in view.not_seen:
        render.line(f"Not seen: {one.place} {one.what}: {one.why}.")
    if not view.not_seen:
        render.line("Everything in its module that may read or write a runtime was evaluated.")
