"""What a run leaves in the Prefect UI."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flows import artifacts


@pytest.fixture
def links(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The links that were left, as address and the rest."""
    left: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(artifacts, "create_link_artifact", lambda link, **rest: left.append((link, rest)))
    return left


def test_a_run_links_to_its_page(tmp_path: Path, links: list[tuple[str, dict[str, Any]]]) -> None:
    """The link leads from Prefect back to the page of the change or the run."""
    (tmp_path / "karma.toml").write_text('[api]\npublic_url = "https://karma.example.org"\n')
    artifacts.show_page(str(tmp_path), "prod", "changes", "01C")
    artifacts.show_page(str(tmp_path), "prod", "runs", "01R")
    assert [(link, rest["key"]) for link, rest in links] == [
        ("https://karma.example.org/ui/prod/changes/01C", "karma-changes-prod"),
        ("https://karma.example.org/ui/prod/runs/01R", "karma-runs-prod"),
    ]


def test_no_link_leads_nowhere(tmp_path: Path, links: list[tuple[str, dict[str, Any]]]) -> None:
    """None where no pages are served, and none for a dry run, which is not kept."""
    artifacts.show_page(str(tmp_path), "prod", "runs", "01R")
    (tmp_path / "karma.toml").write_text('[api]\npublic_url = "https://karma.example.org"\n')
    artifacts.show_page(str(tmp_path), "prod", "changes", "")
    assert links == []


def test_a_rebuild_and_a_check_link_to_the_graph(
    tmp_path: Path, links: list[tuple[str, dict[str, Any]]]
) -> None:
    """As the build left it, or what has drifted in it; nowhere where no pages are served."""
    artifacts.show_graph(str(tmp_path), "prod", at="7")
    assert links == []
    (tmp_path / "karma.toml").write_text('[api]\npublic_url = "https://karma.example.org"\n')
    artifacts.show_graph(str(tmp_path), "prod", at="7")
    artifacts.show_graph(str(tmp_path), "prod", status="drifted")
    assert [(link, rest["key"], rest["link_text"]) for link, rest in links] == [
        ("https://karma.example.org/ui/prod/graph?at=7", "karma-graph-prod", "graph/7"),
        ("https://karma.example.org/ui/prod/graph?status=drifted", "karma-graph-prod", "graph/drifted"),
    ]
