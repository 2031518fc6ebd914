"""The tests near a change: those of what changed before those of what imports it."""

from __future__ import annotations

import grimp
import pytest

from tests.quick.selection import DOCS, ROOT, build_graph, changed_files, module_of, near


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """The imports of this work tree."""
    return build_graph()


def test_tests_that_changed_come_first_then_those_that_import_it_then_its_neighbours(
    graph: grimp.ImportGraph,
) -> None:
    """Each once, those that use it through a helper last. A neighbour of the walk is what runs deploys."""
    files = near(["karma_core/walk.py", "tests/unit/karma_core/plan/test_explain.py"], graph)
    own, importing, of_neighbour, through_helper = (
        files.index(f"tests/unit/karma_core/{name}")
        for name in (
            "plan/test_explain.py",
            "test_walk.py",
            "use_cases/orders/test_entry_points.py",
            "use_cases/runs/test_moving.py",
        )
    )
    assert own < importing < of_neighbour < through_helper
    assert len(files) == len(set(files))


def test_a_changed_helper_of_tests_is_followed_to_those_that_use_it(graph: grimp.ImportGraph) -> None:
    """Only unit and contract tests are run."""
    files = near(["tests/memory/graph.py"], graph)
    assert "tests/contract/test_graph_store.py" in files
    assert all(file.startswith(("tests/unit/", "tests/contract/")) for file in files)
    assert all((ROOT / file).is_file() for file in files)


def test_documents_have_their_own_tests(graph: grimp.ImportGraph) -> None:
    """A page is held against the code; nothing else is near it."""
    assert near(["docs/cli.md"], graph) == [DOCS]
    assert near(["LICENSE", ".gitignore"], graph) == []


@pytest.mark.parametrize(
    ("path", "module"),
    [
        ("karma_core/walk.py", "karma_core.walk"),
        ("karma_core/plan/__init__.py", "karma_core.plan"),
        ("karma_core/plan/gone.py", "karma_core.plan"),
        ("karma_ui/static/app.css", "karma_ui"),
        ("tests/memory/state.py", "tests.memory.state"),
        ("tests/data/gone/x.json", "tests.data"),
        ("docs/cli.md", None),
        ("README.md", None),
    ],
)
def test_a_file_belongs_to_a_module_or_the_package_around_it(
    path: str, module: str | None, graph: grimp.ImportGraph
) -> None:
    """Also one that is gone, and data beside code."""
    assert module_of(path, {*graph.modules, "tests.data"}) == module


def test_what_differs_from_the_work_tree_is_listed() -> None:
    """Against a commit that does not exist, only what Git does not know."""
    assert set(changed_files("0" * 40)) <= set(changed_files("HEAD"))
