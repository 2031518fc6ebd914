"""The graph as text for other tools: JSON, Mermaid, DOT, GraphML.

Names are checked long before they come here; what is written is escaped all the same, because a graph may
come from a store that others can write to. Equal graphs give equal bytes.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from typing import Final

from karma_core.errors import UsageError
from karma_core.graph.document import show_document
from karma_core.ids import shown
from karma_core.model import Edge, GraphData

_PLAIN = re.compile(r"[A-Za-z0-9 ._/:-]")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold even escaped (XML 1.0, section 2.2, production Char)."""


def export(data: GraphData, text_format: str, *, environment: str, build_id: int | None = None) -> str:
    """The graph in one of FORMATS, ending in a newline; UsageError for another format."""
    if text_format == "json":
        document = show_document(data, environment=environment, build_id=build_id)
        return json.dumps(document, indent=2) + "\n"
    write = _WRITERS.get(text_format)
    if write is None:
        raise UsageError(
            f"{shown(text_format)!r} is no export format",
            next_step=f"choose one of {', '.join(FORMATS)}",
            code="unknown-format",
        )
    return "\n".join(write(data)) + "\n"


def _mermaid(data: GraphData) -> Iterator[str]:
    ids = _short_ids(data)
    yield "flowchart LR"
    for node in data.nodes:
        yield f'  {ids[node.address]}["{mermaid_text(f"{node.address} : {node.status}")}"]'
    for edge in _inside(data, ids):
        label = mermaid_text(_label(edge))
        yield f'  {ids[edge.source]} -->|"{label}"| {ids[edge.target]}'


def mermaid_text(text: str) -> str:
    """Everything but plain characters as Mermaid's entity codes (`#35;`)."""
    return "".join(c if _PLAIN.match(c) else f"#{ord(c)};" for c in text)


def _dot(data: GraphData) -> Iterator[str]:
    ids = _short_ids(data)
    yield "digraph karma {"
    yield "  rankdir=LR;"
    for node in data.nodes:
        yield f"  {ids[node.address]} [label={_dot_text(f'{node.address} : {node.status}')}];"
    for edge in _inside(data, ids):
        yield f"  {ids[edge.source]} -> {ids[edge.target]} [label={_dot_text(_label(edge))}];"
    yield "}"


def _dot_text(text: str) -> str:
    """A quoted string; backslashes are doubled, for DOT expands escapes such as N's in labels."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", " ").replace("\n", " ")
    return f'"{_writable(escaped)}"'


def _writable(text: str) -> str:
    """The text with U+FFFD for what XML cannot hold and a terminal should not get."""
    return _NOT_XML.sub("\ufffd", text)


def _graphml(data: GraphData) -> Iterator[str]:
    ids = _short_ids(data)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">'
    for name in ("address", "type", "nickname", "status"):
        yield f'  <key id="{name}" for="node" attr.name="{name}" attr.type="string"/>'
    for name in ("kind", "via", "keys"):
        yield f'  <key id="{name}" for="edge" attr.name="{name}" attr.type="string"/>'
    yield '  <graph id="karma" edgedefault="directed">'
    for node in data.nodes:
        facts = {"address": node.address, "type": node.type, "nickname": node.nickname, "status": node.status}
        yield f'    <node id="{ids[node.address]}">{_graphml_data(facts)}</node>'
    for edge in _inside(data, ids):
        facts = {"kind": edge.kind, "via": ",".join(edge.via), "keys": ",".join(edge.keys or ())}
        ends = f'source="{ids[edge.source]}" target="{ids[edge.target]}"'
        yield f"    <edge {ends}>{_graphml_data(facts)}</edge>"
    yield "  </graph>"
    yield "</graphml>"


def _graphml_data(facts: dict[str, str]) -> str:
    return "".join(
        f'<data key="{key}">{html.escape(_writable(value))}</data>' for key, value in facts.items()
    )


def _short_ids(data: GraphData) -> dict[str, str]:
    """An identifier that is safe in every format, by address."""
    return {node.address: f"n{number}" for number, node in enumerate(data.nodes)}


def _inside(data: GraphData, ids: dict[str, str]) -> Iterator[Edge]:
    return (edge for edge in data.edges if edge.source in ids and edge.target in ids)


def _label(edge: Edge) -> str:
    keys = f" ({', '.join(edge.keys)})" if edge.keys else ""
    return f"{edge.kind}{keys}"


_WRITERS: Final[dict[str, Callable[[GraphData], Iterator[str]]]] = {
    "mermaid": _mermaid,
    "dot": _dot,
    "graphml": _graphml,
}
FORMATS: Final = ("json", *_WRITERS)
