"""Benchmarks are only as good as their corpus and their table."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

from rich.console import Console

from benchmarks import corpus, floor
from benchmarks.figures import Figure, best_of, show
from karma_core.graph.build import build
from karma_core.graph.load import load
from karma_core.model import Kind


def test_the_corpus_has_three_references_a_component() -> None:
    """Every component but the first few depends on three others, and the corpus is sound."""
    inventory = load(corpus.parameters(50), environment="bench", prefix=corpus.PREFIX, applied={})
    built = build(inventory, {})
    depends = [edge for edge in built.graph.edges if edge.kind is Kind.DEPENDS_ON]
    assert built.findings == ()
    assert len(depends) == (50 - corpus.REFERENCES) * corpus.REFERENCES


def test_files_and_parameters_are_the_same_corpus(tmp_path: Path) -> None:
    """The floor reads exactly what the build gets, and every run of one seed makes the same."""
    base = corpus.write(tmp_path, 20)
    texts = sorted(path.read_text() for path in base.glob("*/*/config.json"))
    assert texts == sorted(str(parameter.value) for parameter in corpus.parameters(20))
    assert len(floor.read_all(base)) == 20


def test_every_part_of_the_floor_does_its_work(tmp_path: Path) -> None:
    """Configs are read, the graph is sorted, nodes and edges are in the file, and each takes time."""
    works = floor.parts(corpus.write(tmp_path, 20), tmp_path, 20)
    assert all(seconds > 0 for seconds in best_of(1, *works))
    connection = sqlite3.connect(tmp_path / "floor.sqlite")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in ("node", "edge")]  # noqa: S608 - our own names
    connection.close()
    assert counts == [(20,), ((20 - corpus.REFERENCES) * corpus.REFERENCES,)]


def test_a_missed_limit_is_marked() -> None:
    """The table says which figures miss their limit, and which have none."""
    out = io.StringIO()
    figures = [Figure("a", 2, 1, "F"), Figure("b", 1, 1, "F"), Figure("c", 9, None, "ms")]
    show("title", figures, Console(file=out, width=100))
    marks = {line.split()[1]: "MISSED" in line for line in out.getvalue().splitlines() if "│" in line}
    assert marks == {"a": True, "b": False, "c": False}
