"""One measured figure against its limit, and how figures are printed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A measurement. `limit` None: for information only; otherwise the value must not exceed it."""

    name: str
    value: float
    limit: float | None
    unit: str
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether the value exceeds the limit."""
        return self.limit is not None and self.value > self.limit


def best_of(times: int, *works: Callable[[], object]) -> list[float]:
    """Seconds of each work's fastest run; works take turns, garbage is collected between them.

    The fastest run is the one that other processes disturbed least; taking turns spreads what is left of
    the disturbance over everything that is compared.
    """
    best = [float("inf")] * len(works)
    for _ in range(times):
        for place, work in enumerate(works):
            gc.collect()
            started = time.perf_counter()
            work()
            best[place] = min(best[place], time.perf_counter() - started)
    return best


def show(title: str, figures: Iterable[Figure], console: Console | None = None) -> None:
    """Print figures as a table; a missed limit is marked, and nothing else follows from it."""
    table = Table(title=title, title_justify="left")
    for heading in ("figure", "value", "limit", "unit", "", "note"):
        table.add_column(heading, justify="right" if heading in ("value", "limit") else "left")
    for figure in figures:
        limit = "" if figure.limit is None else f"{figure.limit:g}"
        verdict = "" if figure.limit is None else "MISSED" if figure.missed else "ok"
        table.add_row(figure.name, f"{figure.value:.3g}", limit, figure.unit, verdict, figure.note)
    (console or Console(width=140)).print(table)
