"""A builder to be killed: publishes random graphs to a store, one after the other.

Run as `python -m tests.integration.graph_publisher STORE ENVIRONMENT ARTIFACTS ROUNDS TOKEN`; prints `ready`,
then the number of each build that it published. KARMA_FAILPOINT is honoured.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import TRANSACTION_ITEMS, GremlinGraphStore
from karma_adapters.local import failpoints
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_core import ports
from tests.graphs import Artifacts, publish_with_history, random_graph


def open_store(name: str) -> ports.GraphStore:
    """The store that the name says: `ws://…`, `staged+ws://…` (nothing fits a transaction), or a file."""
    if "ws://" not in name:
        return SqliteGraphStore(Path(name))
    client = GremlinClient(Endpoint(url=name.removeprefix("staged+")))
    items = 0 if name.startswith("staged+") else TRANSACTION_ITEMS
    return GremlinGraphStore(client, transaction_items=items)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(store_name: str, environment: str, artifacts: str, rounds: str, token: str) -> None:
    """Publish that many random graphs, each seeded by the number of its build."""
    store = open_store(store_name)
    _say("ready")
    failpoints.install(os.environ)
    for _ in range(int(rounds)):
        current = store.current(environment)
        seed = current.id if current else 0
        target = random_graph(random.Random(seed), nodes=40, environment=environment)
        build = publish_with_history(
            store, Artifacts(Path(artifacts)), target, token=int(token), environment=environment
        )
        _say(str(build.id))
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
