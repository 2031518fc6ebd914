"""Moving an environment's graph from one store to another."""

from __future__ import annotations

import msgspec

from karma_core import ports
from karma_core.errors import NotFound
from karma_core.graph.delta import diff
from karma_core.model import Build
from karma_core.records import Lease


def copy_graph(source: ports.GraphStore, target: ports.GraphStore, environment: str, lease: Lease) -> Build:
    """Make the source's current graph the target's current graph, and return the target's build.

    The build keeps its number, snapshot and findings where the target has none as high; otherwise it gets
    the target's next number. A target that has the graph already is not written. Earlier builds stay in the
    source's list; their snapshots are in the artifact log, which both stores share. NotFound where the source
    has no build.
    """
    loaded = source.load(environment)
    if loaded is None:
        raise NotFound(
            f"there is no graph of {environment} to copy",
            why="the source has no build",
            next_step="run `karma graph build` first",
        )
    there = target.load(environment)
    if there is not None and there.build.digest == loaded.build.digest:
        return there.build
    base = there.build.id if there else None
    number = max(loaded.build.id, (base or 0) + 1)
    build = msgspec.structs.replace(loaded.build, id=number, base=base)
    target.commit(build, diff(there.graph if there else None, loaded.graph), lease)
    return build
