"""The truth files of the corpus, and what a graph says in their form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from karma_core.model import Edge, Finding, Kind, about_type

COMPONENTS = Path(__file__).parent / "components"
TRUTH = ".truth.yaml"

Ways = dict[tuple[str, str], tuple[str, str]]
"""(consumer, producer) → (resolvers, consumed keys), both sorted and joined by spaces, as in the files."""
Said = list[tuple[str, str, str]]
"""(component or `type:…`, code, place), sorted."""


@dataclass(frozen=True)
class Truth:
    """What is true of one type."""

    type: str
    projects: tuple[str, ...]
    configs: dict[str, dict[str, Any]]
    edges: dict[str, dict[str, str]] = field(default_factory=dict)
    under_tofu: dict[str, dict[str, str]] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)
    group: str = ""
    provider: str = ""

    def ways(self, *, tofu: bool = False) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
        """The true edges, as `Ways`."""
        edges = self.under_tofu if tofu and self.under_tofu else self.edges
        for nickname, producers in edges.items():
            for producer, text in producers.items():
                ways, _, keys = text.partition(":")
                yield (f"{self.type}/{nickname}", producer), (_sorted(ways), _sorted(keys))

    def findings(self) -> Iterator[tuple[str, str, str]]:
        """The true findings, as `Said`."""
        for nickname, findings in self.said.items():
            about = about_type(self.type) if nickname == "type" else f"{self.type}/{nickname}"
            for one in findings:
                code, _, place = one.partition(" ")
                yield about, code, place


def _sorted(words: str) -> str:
    return " ".join(sorted(words.split()))


@cache
def everything() -> tuple[Truth, ...]:
    """The truth of every type, sorted by type."""
    return tuple(_read(path) for path in sorted(COMPONENTS.glob(f"*{TRUTH}")))


def of_project(project: str) -> tuple[Truth, ...]:
    """The truth of the types that a project has."""
    return tuple(one for one in everything() if project in one.projects)


def _read(path: Path) -> Truth:
    body = yaml.safe_load(path.read_text())
    projects = body.pop("project")
    named = tuple(projects) if isinstance(projects, list) else (projects,)
    return Truth(type=path.name.removesuffix(TRUTH), projects=named, **body)


def ways_of(edges: Iterable[Edge]) -> Ways:
    """What a graph's edges are, in the form of the truth."""
    made: Ways = {}
    for edge in sorted(edges, key=lambda one: one.kind is Kind.DEPENDS_ON, reverse=True):
        pair = (edge.source, edge.target)
        if edge.kind is Kind.DEPENDS_ON:
            made[pair] = (_sorted(" ".join(edge.via)), "-")
        elif edge.kind is Kind.CONSUMES:
            keys = "*" if edge.keys is None else _sorted(" ".join(edge.keys))
            made[pair] = (made[pair][0], keys)
    return made


def said_by(findings: Iterable[Finding]) -> Said:
    """What a build found, in the form of the truth."""
    return sorted((one.component, one.code, one.pointer) for one in findings)
