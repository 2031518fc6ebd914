"""Pictures as files."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from karma_ui.exports import mermaid, svg
from karma_ui.graph_cache import CachedGraph
from karma_ui.scene import draw
from karma_ui.view import View
from tests.unit.karma_ui.fleet import CHAIN, node

HOSTILE = "x/<script>alert(1)</script>\"'&"


def test_an_svg_has_a_box_for_each_node_and_a_line_for_each_edge() -> None:
    """It is well-formed XML with nothing that runs."""
    scene = draw(CHAIN, View(collapse="c"))
    root = ET.fromstring(svg(scene))  # noqa: S314 - we made it
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("rect") == len(scene.nodes)
    assert tags.count("path") == len(scene.edges)


def test_hostile_names_are_text_in_every_file() -> None:
    """A name that a foreign store holds is escaped in SVG and in Mermaid."""
    scene = draw(CachedGraph({"build_id": 1, "nodes": [node(HOSTILE)], "edges": []}), View())
    root = ET.fromstring(svg(scene))  # noqa: S314 - we made it
    texts = [element.text for element in root.iter() if element.text]
    assert HOSTILE.partition("/")[2] in texts
    assert "<script>" not in mermaid(scene)


def test_mermaid_leads_from_producers_to_consumers() -> None:
    """An arrow for each drawn edge, left to right."""
    lines = mermaid(draw(CHAIN, View(focus="a/one", down="1"))).splitlines()
    assert lines[0] == "flowchart LR"
    assert lines[-1] == "  n0 --> n1"
