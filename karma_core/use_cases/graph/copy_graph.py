"""Moving an environment's graph from one store to another."""

from __future__ import annotations

import msgspec

from karma_core import ports
from karma_core.errors import NotFound, Refused
from karma_core.graph.delta import diff
from karma_core.model import Build
from karma_core.records import Lease


def copy_graph(
    source: ports.GraphStore,
    target: ports.GraphStore,
    environment: str,
    lease: Lease,
    *,
    force: bool = False,
) -> Build:
    """Make the source's current graph the target's current graph, and return the target's build.

    The build keeps its number, snapshot and findings. A target whose own graph is another one that is as high
    or younger is left as it is (Refused), unless by `force`: the copy then gets a number above both. One that
    has the graph already, under a number as high, is not written. Earlier builds stay in the source's list;
    their snapshots are in the artifact log, which both stores share. NotFound where the source has no build.
    """
    loaded = source.load(environment)
    if loaded is None:
        raise NotFound(
            f"there is no graph of {environment} to copy",
            why="the source has no build",
            next_step="run `karma graph build` first",
        )
    there = target.load(environment)
    if there is not None:
        same = there.build.digest == loaded.build.digest
        if same and there.build.id >= loaded.build.id:
            return there.build
        if not same and not force and _newer(there.build, loaded.build):
            raise _over_a_newer_one(loaded.build, there.build)
    base = there.build.id if there else None
    number = max(loaded.build.id, (base or 0) + 1)
    build = msgspec.structs.replace(loaded.build, id=number, base=base)
    target.commit(build, diff(there.graph if there else None, loaded.graph), lease)
    return build


def _newer(there: Build, copied: Build) -> bool:
    """Whether the target's build is newer. A store that was made anew counts from 1: its time tells."""
    return there.id >= copied.id or there.created_at > copied.created_at


def _over_a_newer_one(copied: Build, there: Build) -> Refused:
    return Refused(
        f"build {copied.id} of {copied.environment} was not copied",
        why=f"the other store has build {there.id} of {there.created_at}, "
        f"which is newer than this one of {copied.created_at}",
        next_step="copy the other way, or run `karma graph build`; --force copies the older one all the same",
        code="graph-newer",
        environment=copied.environment,
        build_id=copied.id,
        newer=there.id,
    )
