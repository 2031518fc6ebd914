"""The corpus: what Karma finds in root modules of the world, against their truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.corpus import language, projects, truth

PROJECTS = ("plain", "aws", "graph", "tofu")


@pytest.mark.parametrize("project", PROJECTS)
def test_every_dependency_is_found_and_no_other(tmp_path: Path, project: str) -> None:
    """Recall and precision: the edges, with the ways that find them and the keys, are the true ones.

    What does not follow from module and config has the finding that its truth names, and nothing else has.
    """
    fleet = projects.fleet_of(projects.make(tmp_path, project))
    true = truth.of_project(project)
    ways = dict(way for one in true for way in one.ways(tofu=project == "tofu"))
    assert _differences(truth.ways_of(fleet.data.edges), ways) == []
    said = sorted(finding for one in true for finding in one.findings())
    assert truth.said_by(fleet.findings) == said


def _differences(found: truth.Ways, true: truth.Ways) -> list[str]:
    """`missed` and `wrong` edges, one a line."""
    missed = [f"missed {pair} {way}" for pair, way in true.items() if found.get(pair) != way]
    wrong = [f"wrong {pair} {way}" for pair, way in found.items() if true.get(pair) != way]
    return sorted(missed + wrong)


def test_the_corpus_is_as_large_as_it_should_be() -> None:
    """At least 60 root modules, each with a truth and each truth with a module."""
    modules = {path.name for path in truth.COMPONENTS.iterdir() if path.is_dir()} - {"modules"}
    assert modules == {one.type for one in truth.everything()}
    assert len(modules) >= 60


def test_every_expression_has_terraforms_value_or_none(tmp_path: Path) -> None:
    """Karma evaluates what stands in the corpus's files to what Terraform does, or says it does not know."""
    lines = language.compared(tmp_path)
    assert [one for one in lines if one[3] not in (None, one[2])] == []
    known = sum(ours is not None for *_, ours in lines)
    assert (len(lines) > 300, known > 0.6 * len(lines)) == (True, True), (len(lines), known)
