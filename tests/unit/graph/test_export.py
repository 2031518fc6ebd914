"""The graph as text: right, escaped, the same every time."""

from __future__ import annotations

import itertools
import json
import re
import xml.etree.ElementTree as ET

import pytest

from karma_core.errors import UsageError
from karma_core.graph.export import FORMATS, export
from karma_core.model import Edge, GraphData, Kind, Provenance, Status
from tests.unit.graph.environments import component, graph_data

HOSTILE = [
    'a/"]; click n0 "javascript:alert(1)"',
    "a/</data><script>alert(1)</script>&amp;",
    'a/\\" -> n1; } digraph x {',
    "a/line\nbreak\r\0\x1b[31m",
    "a/`#quot;|pipe|`",
    "a/\ud800 half",
]
GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"


def hostile_graph() -> GraphData:
    """Nodes, ways and keys as an attacker with access to a store would write them."""
    addresses = sorted(HOSTILE)
    return GraphData(
        nodes=tuple(map(component, addresses)),
        edges=tuple(
            Edge(source=one, target=other, kind=Kind.CONSUMES, via=(one,), keys=(other,))
            for one, other in itertools.pairwise(addresses)
        ),
    )


def test_json_is_the_form_of_graph_show() -> None:
    """Environment, build, nodes by address with their facts, edges from consumer to producer."""
    node = component("app/web", Status.STALE)
    data = GraphData(nodes=(node, component("vpc/core")), edges=graph_data([("app/web", "vpc/core")]).edges)
    document = json.loads(export(data, "json", environment="dev", build_id=7))
    assert (document["environment"], document["build_id"]) == ("dev", 7)
    assert document["nodes"][0] == {
        "id": "app/web",
        "type": "app",
        "nickname": "web",
        "status": "stale",
        "config_path": None,
        "config_version": None,
        "config_digest": None,
        "runtime_path": "/iac/app/web/runtime",
        "runtime_version": None,
        "runtime_digest": None,
        "applied_fingerprint": None,
        "provenance": None,
    }
    assert document["edges"] == [
        {
            "source": "app/web",
            "target": "vpc/core",
            "kind": "depends_on",
            "via": ["declared"],
            "pointers": ["/depends_on/0"],
            "keys": None,
        }
    ]


def test_mermaid_names_nodes_and_edges() -> None:
    """A flowchart with an arrow from consumer to producer."""
    assert export(graph_data([("app/web", "vpc/core")]), "mermaid", environment="dev") == (
        'flowchart LR\n  n0["app/web : current"]\n  n1["vpc/core : current"]\n  n0 -->|"depends_on"| n1\n'
    )


def test_dot_names_nodes_and_edges() -> None:
    """A digraph with an arrow from consumer to producer."""
    assert export(graph_data([("app/web", "vpc/core")]), "dot", environment="dev") == (
        "digraph karma {\n"
        "  rankdir=LR;\n"
        '  n0 [label="app/web : current"];\n'
        '  n1 [label="vpc/core : current"];\n'
        '  n0 -> n1 [label="depends_on"];\n'
        "}\n"
    )


def test_graphml_parses_to_the_same_graph() -> None:
    """Addresses, statuses and edges survive the way through XML."""
    data = graph_data([("app/web", "vpc/core")])
    root = ET.fromstring(export(data, "graphml", environment="dev"))  # noqa: S314 - our own text
    nodes = root.findall(f".//{GRAPHML}node")
    assert [node.findtext(f"{GRAPHML}data[@key='address']") for node in nodes] == ["app/web", "vpc/core"]
    (edge,) = root.findall(f".//{GRAPHML}edge")
    assert (edge.get("source"), edge.get("target")) == ("n0", "n1")
    assert edge.findtext(f"{GRAPHML}data[@key='kind']") == "depends_on"


def test_hostile_names_stay_text_in_mermaid() -> None:
    """No quotation mark, bracket or line break of a name reaches the page."""
    lines = export(hostile_graph(), "mermaid", environment="dev").splitlines()
    plain = r"[A-Za-z0-9 ._/:#;-]*"
    assert len(lines) == 1 + len(HOSTILE) + len(HOSTILE) - 1
    for line in lines[1:]:
        assert re.fullmatch(rf'  n\d+(\["{plain}"\]| -->\|"{plain}"\| n\d+)', line), line


def test_hostile_names_stay_text_in_dot() -> None:
    """Each line holds exactly one complete quoted string."""
    lines = export(hostile_graph(), "dot", environment="dev").splitlines()
    assert len(lines) == 3 + len(HOSTILE) + len(HOSTILE) - 1
    for line in lines[2:-1]:
        assert re.fullmatch(r'  n\d+( -> n\d+)? \[label="([^"\\\0]|\\["\\])*"\];', line), line


def test_hostile_names_stay_text_in_graphml() -> None:
    """The document parses, and holds no element that a name brought in."""
    root = ET.fromstring(export(hostile_graph(), "graphml", environment="dev"))  # noqa: S314 - our own text
    tags = {element.tag.removeprefix(GRAPHML) for element in root.iter()}
    assert tags == {"graphml", "key", "graph", "node", "edge", "data"}


@pytest.mark.parametrize("text_format", FORMATS)
def test_equal_graphs_give_equal_bytes(text_format: str) -> None:
    """Every format is deterministic, can be encoded, and ends in one newline."""
    data = graph_data([("b/1", "a/1"), ("c/1", "a/1")])
    text = export(data, text_format, environment="dev", build_id=1)
    assert text == export(data, text_format, environment="dev", build_id=1)
    assert text.encode().endswith(b"\n")
    assert not text.endswith("\n\n")


def test_provenance_is_part_of_the_document() -> None:
    """Where a config came from is shown with its node."""
    node = component("a/1")
    fields = {name: getattr(node, name) for name in node.__struct_fields__}
    moved = type(node)(**{**fields, "provenance": Provenance(commit="c0ffee")})
    document = json.loads(export(GraphData(nodes=(moved,)), "json", environment="dev"))
    assert document["nodes"][0]["provenance"]["commit"] == "c0ffee"


@pytest.mark.parametrize("text_format", FORMATS)
def test_every_format_can_be_encoded(text_format: str) -> None:
    """Half a surrogate pair or a control character does not make an export fail."""
    assert export(hostile_graph(), text_format, environment="dev").encode()


def test_an_unknown_format_is_a_usage_error() -> None:
    """The error lists what there is."""
    with pytest.raises(UsageError) as caught:
        export(GraphData(), "pdf", environment="dev")
    assert all(name in caught.value.next_step for name in FORMATS)
