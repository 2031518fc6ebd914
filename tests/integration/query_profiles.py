"""Every query that Karma sends to a graph store, as text and with its profile: docs/gremlin-queries.md.

Run as `python -m tests.integration.query_profiles` it writes the page, from a Gremlin Server on this machine
with a graph that is made from COMPONENTS places, four of five filled. Times differ from run to run: the page
has each step's share.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gremlin_python.process.graph_traversal import GraphTraversal
from gremlin_python.process.translator import Translator
from gremlin_python.process.traversal import Bytecode

from karma_adapters.gremlin import property_graph as pg
from karma_adapters.gremlin import queries
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.graph.delta import diff
from karma_core.model import ChangeNode, Delta, Provenance
from tests.graphs import component, graph, next_build, publish, random_graph

PAGE: Final = Path(__file__).parents[2] / "docs" / "gremlin-queries.md"
COMPONENTS: Final = 1_000
ENVIRONMENT: Final = "prod"
TOKEN: Final = 1
LABELS: Final = frozenset({pg.COMPONENT, pg.CHANGE, pg.BUILD, pg.LOCK, pg.STAGED})
SHOWN_TEXT: Final = 600
"""Characters of a query that the page shows: batches are long, and their writes are alike."""


@dataclass(frozen=True)
class Query:
    """A query, when it is sent, and how much it reads."""

    name: str
    when: str
    cost: str
    traversal: GraphTraversal


def catalogue() -> Iterator[Query]:
    """All of them, with the values of a small graph; the build is the second one."""
    env, token = ENVIRONMENT, TOKEN
    node = component("app/new", environment=env)
    change = ChangeNode(id="c-9", environment=env, requested_by="ann", source="api", reason="", created_at="")
    origin = Provenance(commit="0" * 40, path="iac/app/new.json", change="c-9", dirty=False)
    placed = type(node)(**{**{n: getattr(node, n) for n in node.__struct_fields__}, "provenance": origin})
    target = graph([("app/new", "app/old")], environment=env)
    first = diff(None, target)
    puts = Delta(put_nodes=(*first.put_nodes, placed), put_edges=first.put_edges, put_changes=(change,))
    lineage = Delta(put_lineage=(("app/new", "c-9", "changed_by"),))
    drops = Delta(
        drop_edges=(("app/new", "app/old", "depends_on"),), drop_nodes=("app/new",), drop_changes=("c-9",),
        drop_lineage=(("app/new", "c-9", "changed_by"),),
    )  # fmt: skip
    base = next_build(None, target, environment=env)
    build = next_build(base, target, environment=env)
    in_id, in_label = (
        "by an id: constant",
        "by a label and a property: the environment's vertices of that label",
    )
    yield Query(
        "read_lock", "before and after every read of a graph; by `current`", in_id, queries.read_lock(env)
    )
    yield Query("read_nodes", "reading a graph", in_label, queries.read_nodes(env))
    yield Query("read_edges", "reading a graph", f"{in_label}, and their edges", queries.read_edges(env))
    yield Query("read_changes", "reading a graph", in_label, queries.read_changes(env))
    yield Query("read_build", "showing one build", in_id, queries.read_build(env, 1))
    yield Query("read_builds", "listing builds", f"{in_label}, sorted", queries.read_builds(env, 100))
    yield Query(
        "read_staged",
        "reading a graph while a large publish is written",
        in_label,
        queries.read_staged(env, "2.1"),
    )
    yield Query("mark", "every publish, first", in_id, queries.mark(build, token, 4_000_000_000))
    for name, delta in (("puts", puts), ("lineage", lineage), ("drops", drops)):
        for batch in queries.batches(env, token, queries.writes(env, delta)):
            yield Query(f"batches ({name})", "every publish: 200 records at most in each", in_id, batch)
    for batch in queries.batches(env, token, [queries.put_build(build)]):
        yield Query("batches (the build)", "every publish in one transaction", in_id, batch)
    yield Query(
        "note_staging", "a publish that is staged or loaded", in_id, queries.note_staging(env, token, "2.1")
    )
    yield Query(
        "stage_part", "a publish that is staged", in_id, queries.stage_part(env, token, "2.1", 0, "{}")
    )
    flipped = queries.flip(queries.fenced(env, token), build).id_()
    yield Query("flip", "every publish in one transaction: the build becomes current", in_id, flipped)
    staged = next_build(build, target, environment=env)
    redone = (
        queries.put_build(staged).chain(queries.flip(queries.fenced(env, token), staged, redo="3.1")).id_()
    )
    yield Query("flip (staged)", "a publish that is staged: its parts become the graph", in_id, redone)
    loaded = next_build(staged, target, environment=env)
    yield Query("flip_loaded", "a first graph that was loaded", in_id, queries.flip_loaded(loaded, token))
    yield Query("clear", "every publish, last", in_id, queries.clear(env, token, "publishing", "until"))
    yield Query("collect_staged", "after a staged publish", in_label, queries.collect_staged(env, token))
    for label in (pg.COMPONENT, pg.CHANGE):
        left, some = queries.one_of(env, label), queries.drop_some(env, token, label, 500)
        yield Query(f"one_of ({label})", "after a load that failed: is any left", in_label, left)
        yield Query(f"drop_some ({label})", "after a load that failed", in_label, some)


def units(bytecode: Bytecode) -> set[str]:
    """A query as the writes and reads that it consists of: steps, labels, no other values.

    A batch is a chain of writes that begin at the Lock; each of them is a unit.
    """
    parts: list[list[str]] = []
    for name, *arguments in bytecode.step_instructions:
        if name in {"V", "mergeV", "mergeE", "sideEffect"} or not parts:
            parts.append([])
        said = [value for value in arguments if isinstance(value, str) and value in LABELS]
        inner = [" ".join(sorted(units(value))) for value in arguments if isinstance(value, Bytecode)]
        parts[-1].append(f"{name}({', '.join(said + inner)})")
    texts = (re.sub(r"(\.property\(\))+", ".property()", ".".join(part)) for part in parts)
    return {text.removesuffix(".id()") for text in texts}


def page(client: GremlinClient) -> str:
    """The page, from the profiles of a server that holds a graph already."""
    sections = [_section(query, client.submit(query.traversal.clone().profile())) for query in catalogue()]
    return "\n".join([INTRODUCTION, *sections])


def shown_text(query: Query) -> str:
    """The query in Gremlin's own words, as far as the page shows it."""
    text: str = Translator().of("g").translate(query.traversal.bytecode)
    return text if len(text) <= SHOWN_TEXT else f"{text[:SHOWN_TEXT]} …"


def _section(query: Query, profile: list[Any]) -> str:
    rows = [
        f"| `{_step(metric['name'])}` | {metric.get('counts', {}).get('traverserCount', 0)} | "
        f"{float(metric.get('annotations', {}).get('percentDur', 0)):.0f} % |"
        for metric in profile[0]["metrics"]
    ][:ROWS]
    lines = [
        f"## {query.name}", "", f"Sent: {query.when}. Reads {query.cost}.", "",
        "```groovy", shown_text(query), "```", "",
        "| step | traversers | share of time |", "|---|---|---|", *rows, "",
    ]  # fmt: skip
    return "\n".join(lines)


ROWS: Final = 8


def _step(name: str) -> str:
    """The name of a step without the values in it."""
    short = re.sub(r"\s+", " ", name).replace("|", "\\|")
    return short if len(short) <= 60 else f"{short[:59]}…"


INTRODUCTION: Final = """# Queries of the graph store

Every query that Karma sends to Neptune or another Gremlin endpoint, with its text and its profile. A test
compares the list with what a store sends while it reads, publishes in each way, and is repaired: a query that
is not listed here fails it. `python -m tests.integration.query_profiles` writes this page. What users ask in
[Gremlin](gremlin.md) is their own, and not here.

The profiles are those of Apache TinkerPop's Gremlin Server (`profile()`), on a graph of some 800
components; batches show their first steps. They say how many traversers pass each step, that is, which
queries grow with the graph. **How Neptune evaluates them cannot be shown here**, since no Neptune can be
reached. Ask a cluster by its own endpoints, with the text of a query:

```sh
curl --aws-sigv4 "aws:amz:$REGION:neptune-db" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
  -H "x-amz-security-token: $AWS_SESSION_TOKEN" -d '{"gremlin": "g.V(\\"lock:prod\\").elementMap()"}' \\
  "https://$CLUSTER:8182/gremlin/explain"
```

`/gremlin/profile` runs it, and says how long each part takes; a write is really done by it. Slow queries are
[counted and logged](graph.md#when-neptune-is-slow-or-fails).
"""


def seeded(client: GremlinClient) -> None:
    """Make a graph current that the profiles are taken on."""
    store = GremlinGraphStore(client)
    target = random_graph(random.Random(18), nodes=COMPONENTS, environment=ENVIRONMENT)
    publish(store, target, token=TOKEN, environment=ENVIRONMENT)


if __name__ == "__main__":
    from tests.integration import gremlin_server

    server = gremlin_server.start()
    try:
        one = GremlinClient(Endpoint(url=server.url))
        seeded(one)
        PAGE.write_text(page(one), "utf-8")
        one.close()
    finally:
        server.stop()
    sys.stdout.write(f"{PAGE}\n")
