"""Commits one build (see `store` for the protocol)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
from gremlin_python.process.graph_traversal import GraphTraversal

from karma_adapters.gremlin import bulk, bulk_csv, queries, retry, schema
from karma_adapters.gremlin import property_graph as pg
from karma_adapters.gremlin.bulk import BulkLoader, LoadFailed
from karma_adapters.gremlin.client import GremlinClient, Submit
from karma_adapters.gremlin.reading import GraphReader
from karma_adapters.gremlin.schema import Lock
from karma_core.deadlines import Deadline
from karma_core.errors import KarmaError, StaleLease, StoreUnavailable
from karma_core.failpoints import reach
from karma_core.graph.commit_refusals import moved_base, stale_lease
from karma_core.json_types import GremlinValue
from karma_core.model import Build, Delta

STAGED_ITEMS: Final = 250
"""Components and edges in one staged part. Ours: about 100 KB of text, far below any limit of Neptune's."""

LATE_SECONDS: Final = 10.0
"""A transaction that fails after so long is not tried again as one. Ours: about 1,000 components."""

DROPPED_AT_ONCE: Final = 500
"""Vertices that one request drops, with their edges. Ours."""
PARTS: Final = (
    "drop_edges",
    "drop_lineage",
    "drop_nodes",
    "drop_changes",
    "put_nodes",
    "put_edges",
    "put_changes",
    "put_lineage",
)
"""The parts of a delta, in the order in which they are staged."""

_Result = TypeVar("_Result")

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, kw_only=True)
class BuildCommit:
    """One commit of a build, until the deadline; at `until` (Unix time) its mark is void."""

    client: GremlinClient
    reader: GraphReader
    build: Build
    delta: Delta
    token: int
    deadline: Deadline
    until: int
    loader: BulkLoader | None = None

    def in_one_transaction(self) -> None:
        """Commit a delta that fits one transaction: mark, write, clear the mark.

        Staged where it turns out not to fit.
        """
        self._mark()
        reach("graph.commit.marked")
        try:
            self._patiently(_Fitting(self._transact), before_retry=self._is_current)
        except _DoesNotFit:
            self.staged()
            return
        reach("graph.commit.after_commit")
        with _committed():
            self._send(self._clear("publishing", "until"))

    def staged(self) -> None:
        """Commit a larger delta: mark, stage, move the Lock, write, clear mark and stage."""
        stage = f"{self.build.id}.{self.token}"
        self._mark()
        reach("graph.commit.marked")
        self._send(queries.note_staging(self._environment, self.token, stage))
        for place, body in enumerate(_parts(self.delta)):
            self._send(queries.stage_part(self._environment, self.token, stage, place, body))
            reach("graph.commit.staged_part")
        reach("graph.commit.before_flip")
        self._send(self._flip(stage), before_retry=self._is_current)
        reach("graph.commit.after_flip")
        with _committed():
            self._redo(self.delta)
            self._send(self._clear("publishing", "until"))

    @property
    def _is_for_the_loader(self) -> bool:
        """Whether it is a first graph, and larger than what is best written by requests."""
        loader = self.loader
        return loader is not None and self.build.base is None and len(self.delta.put_nodes) > loader.vertices

    def loaded(self) -> bool:
        """Commit a first graph by the loader: mark, load, move the Lock. False where it is none for it.

        Karma's readers see nothing before the Lock has moved, since nothing is current. Where the loader
        fails, what it loaded goes, and the graph is staged.
        """
        if self.loader is None or not self._is_for_the_loader:
            return False
        stage = f"{self.build.id}.{self.token}"
        self._mark()
        try:
            self._load(self.loader, stage)
        except LoadFailed as error:
            self.loader.failed(error)
            self.staged()
            return True
        reach("graph.commit.before_flip")
        flip = queries.flip_loaded(self.build, self.token)
        self._send(flip, before_retry=self._is_current)
        reach("graph.commit.after_flip")
        with _committed():
            self._send(self._clear("publishing", "until"))
            self.loader.abandon(stage, self.deadline)
        return True

    def _load(self, loader: BulkLoader, stage: str) -> None:
        """Load vertices, then edges. The loader has no fence: ours is asked directly before each job."""
        steps = {
            "vertices": bulk_csv.vertices(self.delta),
            "edges": bulk_csv.edges(self._environment, self.delta),
        }
        for step, files in steps.items():
            if not loader.put(stage, step, files):
                continue
            self._send(queries.note_staging(self._environment, self.token, f"{bulk.STAGE}{stage}"))
            reach("graph.commit.load_noted")
            loader.load(stage, step, self.deadline)
            reach("graph.commit.loaded")

    @property
    def _environment(self) -> str:
        return self.build.environment

    def _mark(self) -> None:
        """Raise the fence and mark the Lock; finish what a dead writer left."""
        rows = self._send(queries.mark(self.build, self.token, self.until))
        lock = schema.read_lock(rows[0])
        if lock.redo:
            self._redo(self._patiently(lambda: self.reader.staged(lock.redo)))
        elif lock.staging.startswith(bulk.STAGE):
            self._unload(lock)
        elif lock.staging:
            self._collect()

    def _unload(self, lock: Lock) -> None:
        """End what is being loaded for a builder that is gone, and drop what it loaded: no build has it."""
        if self.loader is None:
            raise StoreUnavailable(
                f"the graph of {self._environment} is being loaded by another builder",
                why="it may be gone, and only who has the loader's role can end its load",
                next_step="build the graph where gremlin_load_role is set: `karma graph build`",
            )
        self.loader.abandon(lock.staging.removeprefix(bulk.STAGE), self.deadline)
        if lock.current is None:
            self._drop_all(pg.COMPONENT)
            self._drop_all(pg.CHANGE)
        self._send(self._clear("staging"))

    def _drop_all(self, label: str) -> None:
        """Drop the environment's vertices of a label, some at once."""
        while self._patiently(lambda: self._submit(queries.one_of(self._environment, label))):
            self._send(queries.drop_some(self._environment, self.token, label, DROPPED_AT_ONCE))

    def _transact(self) -> list[GremlinValue]:
        with self.client.transaction(self.deadline) as submit:
            start = queries.fenced(self._environment, self.token)
            self._checked(submit, queries.flip(start, self.build).id_())
            reach("graph.commit.after_lock")
            for batch in self._batches(self._writes()):
                self._checked(submit, batch)
                reach("graph.commit.batch")
            reach("graph.commit.before_commit")
        return []

    def _writes(self) -> Iterator[queries.Write]:
        yield from queries.writes(self._environment, self.delta)
        yield queries.put_build(self.build)

    def _batches(self, writes: Iterator[queries.Write]) -> Iterator[GraphTraversal]:
        return queries.batches(self._environment, self.token, writes)

    def _flip(self, stage: str) -> GraphTraversal:
        moved = queries.flip(queries.fenced(self._environment, self.token), self.build, redo=stage)
        return queries.put_build(self.build).chain(moved).id_()

    def _redo(self, delta: Delta) -> None:
        """Write a delta that is already part of the current graph, and forget its stage."""
        for batch in self._batches(queries.writes(self._environment, delta)):
            self._send(batch)
            reach("graph.commit.redo_batch")
        self._send(self._clear("redo"))
        reach("graph.commit.after_redo")
        self._collect()

    def _collect(self) -> None:
        """Drop all staged parts, which are no longer needed."""
        self._send(queries.collect_staged(self._environment, self.token))
        self._send(self._clear("staging"))

    def _clear(self, *names: str) -> GraphTraversal:
        return queries.clear(self._environment, self.token, *names)

    def _is_current(self) -> list[GremlinValue] | None:
        """Return a result if the commit went through although its response was lost, else None."""
        lock = self.reader.lock()
        return [lock] if lock.current == self.build else None

    def _send(
        self, traversal: GraphTraversal, before_retry: Callable[[], list[GremlinValue] | None] | None = None
    ) -> list[GremlinValue]:
        return self._patiently(lambda: self._checked(self._submit, traversal), before_retry)

    def _submit(self, traversal: GraphTraversal) -> list[GremlinValue]:
        return self.client.submit(traversal, until=self.deadline)

    def _checked(self, submit: Submit, traversal: GraphTraversal) -> list[GremlinValue]:
        """Results of a write; StaleLease or Conflict where the Lock did not let it through."""
        rows = submit(traversal)
        if not rows:
            raise self._refusal(self.reader.lock())
        return rows

    def _refusal(self, lock: Lock) -> KarmaError:
        if lock.token > self.token:
            return stale_lease(self._environment, self.token, lock.token)
        moved = moved_base(self.build, lock.current)
        if moved is not None and lock.current != self.build:
            return moved
        return StoreUnavailable(
            f"the graph of {self._environment} was not written",
            why="its Lock changed in that moment",
            next_step="try again",
        )

    def _patiently(
        self, attempt: Callable[[], _Result], before_retry: Callable[[], _Result | None] | None = None
    ) -> _Result:
        return retry.until_done(attempt, deadline=self.deadline, before_retry=before_retry)


class _DoesNotFit(Exception):
    """What is to be written does not fit one transaction."""


class _Fitting:
    """Attempts of a transaction, until one shows that it does not fit the server.

    That is one for which there is no memory, or one that took long and failed in the end: it would meet other
    writers, a failover or the end of its session again. The next attempt then raises _DoesNotFit instead.
    """

    def __init__(self, attempt: Callable[[], list[GremlinValue]]) -> None:
        self._attempt = attempt
        self._fits = True

    def __call__(self) -> list[GremlinValue]:
        """The attempt's result."""
        if not self._fits:
            raise _DoesNotFit
        began = time.monotonic()
        try:
            return self._attempt()
        except StoreUnavailable as error:
            late = time.monotonic() - began >= LATE_SECONDS
            self._fits = not late and error.facts.get("gremlin_error") != retry.MEMORY
            raise


@contextmanager
def _committed() -> Iterator[None]:
    """Ignore failures of clean-up after the build became current: the next writer repeats it."""
    with suppress(StaleLease, StoreUnavailable):
        yield


def _parts(delta: Delta) -> Iterator[str]:
    """Split a delta into texts of at most STAGED_ITEMS records each."""
    for name in PARTS:
        items = getattr(delta, name)
        for start in range(0, len(items), STAGED_ITEMS):
            yield _encode(Delta(**{name: items[start : start + STAGED_ITEMS]})).decode()
