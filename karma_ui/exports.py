"""Exports a drawn scene as SVG and Mermaid."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Final

from karma_core.graph.export import mermaid_text
from karma_core.graph.layout import COLUMN
from karma_core.json_types import JsonObject
from karma_ui.scene import Scene

WIDTH: Final = 156.0
HEIGHT: Final = 46.0
_MARGIN: Final = 40.0
COLOURS: Final = {
    "current": "#2f9e62",
    "stale": "#c98a04",
    "drifted": "#8a63d2",
    "failed": "#d1343f",
    "invalid": "#d1343f",
    "absent": "#7a8699",
    "external": "#3b7dd8",
    "removed": "#7a8699",
    "orphan": "#a8672e",
}
"""Line colours of statuses, as in `static/graph.js`."""


def svg(scene: Scene) -> str:
    """The picture as one SVG file without scripts; every name is escaped."""
    return "\n".join(_svg(scene)) + "\n"


def mermaid(scene: Scene) -> str:
    """The picture as Mermaid text; whatever is not plain stands as an entity code."""
    ids = {node["id"]: f"n{number}" for number, node in enumerate(scene.nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {ids[n["id"]]}["{mermaid_text(_label(n))}"]' for n in scene.nodes]
    lines += [f"  {ids[e['target']]} --> {ids[e['source']]}" for e in scene.edges]
    return "\n".join(lines) + "\n"


def _label(node: JsonObject) -> str:
    if node.get("group"):
        return f"{node['type']} ({node['count']})"
    return f"{node['id']} : {node['status']}"


def _svg(scene: Scene) -> Iterator[str]:
    xs = [node["x"] for node in scene.nodes] or [0.0]
    ys = [node["y"] for node in scene.nodes] or [0.0]
    left, top = min(xs) - WIDTH / 2 - _MARGIN, min(ys) - HEIGHT / 2 - _MARGIN
    wide, high = max(xs) - min(xs) + WIDTH + 2 * _MARGIN, max(ys) - min(ys) + HEIGHT + 2 * _MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{left:g} {top:g} {wide:g} {high:g}" '
        f'width="{wide:g}" height="{high:g}" font-family="system-ui, sans-serif" font-size="11">'
    )
    places = {node["id"]: (node["x"], node["y"]) for node in scene.nodes}
    for edge in scene.edges:
        yield _line([places[edge["target"]], *edge["way"], places[edge["source"]]])
    for node in scene.nodes:
        yield _box(node)
    yield "</svg>"


def _line(points: list[tuple[float, float]]) -> str:
    """Return an edge's path from a producer's right side to a consumer's left one, level within a layer."""
    x, y = points[0][0] + WIDTH / 2, points[0][1]
    path = f"M{x:g} {y:g}"
    bend = (COLUMN - WIDTH) / 2
    for place, (column, height) in enumerate(points[1:], start=1):
        left = column - WIDTH / 2
        path += f"C{x + bend:g} {y:g} {left - bend:g} {height:g} {left:g} {height:g}"
        x, y = left, height
        if place < len(points) - 1:
            x = column + WIDTH / 2
            path += f"H{x:g}"
    return f'<path d="{path}" fill="none" stroke="#9aa5b4"/>'


def _box(node: JsonObject) -> str:
    x, y, colour = node["x"], node["y"], COLOURS.get(node["status"], "#7a8699")
    below = f"{node['count']} components" if node.get("group") else node["name"]
    return (
        f'<g><rect x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH:g}" height="{HEIGHT:g}" rx="7" '
        f'fill="#fff" stroke="{colour}" stroke-width="1.5"/>'
        f'<text x="{x:g}" y="{y - 4:g}" text-anchor="middle" fill="#667">{html.escape(node["type"])}</text>'
        f'<text x="{x:g}" y="{y + 11:g}" text-anchor="middle" fill="#111">{html.escape(below)}</text></g>'
    )
