"""karma_adapters.gremlin.bulk_csv: files that Neptune's loader reads back as what they were made of."""

from __future__ import annotations

import random

import pytest

from karma_adapters.gremlin import bulk_csv
from karma_adapters.gremlin.queries import put_change, put_component, put_edge, put_lineage
from karma_core.graph.delta import diff
from karma_core.model import ChangeNode, Delta, Provenance
from tests.graphs import component, random_graph
from tests.neptune_loader import elements_of

ODD = ['a "quoted" text', "a, b; c", "two\nlines\r\n", "", "=1+1", "ü 語", '"', "\\", " "]


def as_said(delta: Delta) -> tuple[dict[str, object], dict[str, object]]:
    """The vertices and edges of the files, by id."""
    files = bulk_csv.vertices(delta), bulk_csv.edges("prod", delta)
    vertices, edges = (
        {e.id: (e.create, e.properties) for body in one for e in elements_of(body)} for one in files
    )
    return vertices, edges


def test_all_elements_come_back() -> None:
    """Ids, labels, ends, and every property with its type: as requests would write them."""
    delta = diff(None, random_graph(random.Random(18), nodes=60))
    vertices, edges = as_said(delta)
    nodes = [*map(put_component, delta.put_nodes), *map(put_change, delta.put_changes)]
    between = [put_edge("prod", edge) for edge in delta.put_edges]
    lineage = [put_lineage("prod", key) for key in delta.put_lineage]
    assert delta.put_lineage
    assert vertices == {one.id: (one.create, one.properties) for one in nodes}
    assert edges == {one.id: (one.create, one.properties) for one in [*between, *lineage]}


@pytest.mark.parametrize("text", ODD)
def test_odd_text_comes_back(text: str) -> None:
    """Separators, quotes, line ends and an empty text are values like any other; absent ones stay absent."""
    change = ChangeNode(
        id="c-1", environment="prod", requested_by="ann", source="api", reason=text, created_at=""
    )
    node = component("vpc/a")
    with_origin = component("vpc/b", version=None)
    with_origin = type(node)(
        **{
            name: getattr(with_origin, name) for name in with_origin.__struct_fields__ if name != "provenance"
        },
        provenance=Provenance(commit=text, path="iac/prod/vpc/b.json", change=None, dirty=True),
    )
    delta = Delta(put_nodes=(node, with_origin), put_changes=(change,))
    vertices, _ = as_said(delta)
    wanted = [put_component(node), put_component(with_origin), put_change(change)]
    assert vertices == {one.id: (one.create, one.properties) for one in wanted}


def test_files_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file has its header and as many rows as it may have; all of one file have the same columns."""
    monkeypatch.setattr(bulk_csv, "FILE_ROWS", 2)
    delta = Delta(put_nodes=tuple(component(f"vpc/n{number}") for number in range(5)))
    files = [body.decode().splitlines() for body in bulk_csv.vertices(delta)]
    assert [len(lines) for lines in files] == [3, 3, 2]
    assert {lines[0] for lines in files} == {files[0][0]}
    assert files[0][0].startswith('"~id","~label","config_path:String(single)","config_version:Long(single)"')
