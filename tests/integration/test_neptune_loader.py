"""Large first graphs by Neptune's bulk loader: its protocol over HTTP, files in S3, a server that has it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from karma_adapters.aws.api import Api
from karma_adapters.aws.neptune_loader import NeptuneLoader, Place
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core import failpoints
from karma_core.errors import StaleLease, StoreUnavailable
from karma_core.graph.delta import diff
from karma_core.json_types import JsonObject
from karma_core.model import ChangeNode, GraphData
from tests import local_aws, neptune_loader
from tests.graphs import graph, lease, next_build, publish
from tests.integration import gremlin_server

pytestmark = pytest.mark.xdist_group("gremlin")
ROLE = "arn:aws:iam::123456789012:role/load"
_numbers = itertools.count(1)


class Died(Exception):
    """A builder ends here."""


@dataclass
class System:
    """A store with a loader, for an environment of its own."""

    loader: neptune_loader.NeptuneLoader
    s3: Any
    client: GremlinClient
    environment: str
    said: list[tuple[str, JsonObject]] = field(default_factory=list)

    def store(self, *, vertices: int = 2, seconds: float = 30.0) -> GremlinGraphStore:
        """A store that loads a first graph of more components than these."""
        access = local_aws.Access(region=local_aws.REGION, endpoint_url=local_aws.url())
        data, starting = (
            Api(access, "neptunedata", attempts=attempts, endpoint_url=self.loader.url) for attempts in (3, 1)
        )
        place = Place(
            bucket=local_aws.BUCKET, folder=f"{self.environment}/load", region=local_aws.REGION, role_arn=ROLE
        )
        bulk = NeptuneLoader(
            data,
            starting,
            Api(access, "s3"),
            place,
            vertices=vertices,
            say=lambda event, facts: self.said.append((event, facts)),
            sleep=lambda _: None,
        )
        return GremlinGraphStore(self.client, patience=Patience(seconds=seconds), loader=bulk)

    def graph(self, *names: str) -> GraphData:
        """Components with these names in a chain, one of them by a change with an odd reason."""
        made = graph(
            list(itertools.pairwise(f"vpc/{name}" for name in names)),
            nodes=[f"vpc/{name}" for name in names],
            environment=self.environment,
        )
        change = ChangeNode(
            id="c-1", environment=self.environment, requested_by="ann", source="api",
            reason='a, "b"; c\r\nand ü\n', created_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
        return GraphData(nodes=made.nodes, edges=made.edges, changes=(change,))

    def publish(self, store: GremlinGraphStore, target: GraphData, token: int = 1) -> None:
        """Make it current; what is stored then is the target, nothing more and nothing less."""
        publish(store, target, token=token, environment=self.environment)
        snapshot = store.load(self.environment)
        assert snapshot is not None
        assert snapshot.graph == target

    def files(self) -> list[str]:
        """What is left in the environment's folder."""
        listed = self.s3.list_objects_v2(Bucket=local_aws.BUCKET, Prefix=f"{self.environment}/")
        return [item["Key"] for item in listed.get("Contents", ())]


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """The loader between a local S3 and a Gremlin Server."""
    access = local_aws.fresh(monkeypatch)
    s3 = access.client("s3")
    s3.create_bucket(
        Bucket=local_aws.BUCKET, CreateBucketConfiguration={"LocationConstraint": local_aws.REGION}
    )
    client = GremlinClient(Endpoint(url=gremlin_server.required().url))
    with neptune_loader.running(s3, client.submit) as loader:
        yield System(loader, s3, client, f"load-{os.getpid()}-{next(_numbers)}")
    failpoints.install(None)
    client.close()


def test_a_large_first_graph_is_loaded(system: System) -> None:
    """Two jobs, vertices before edges, with what the guide demands; nothing is left in the bucket."""
    store = system.store()
    system.publish(store, system.graph("a", "b", "c"))
    vertices, edges = system.loader.starts
    folder = f"s3://{local_aws.BUCKET}/{system.environment}/load/1.1"
    assert (vertices["source"], edges["source"]) == (f"{folder}/vertices/", f"{folder}/edges/")
    del vertices["source"]
    assert vertices == {
        "format": "csv", "region": local_aws.REGION, "iamRoleArn": ROLE, "mode": "NEW", "failOnError": True,
        "parallelism": "HIGH", "parserConfiguration": {"allowEmptyStrings": "true"},
        "updateSingleCardinalityProperties": False, "queueRequest": False,
    }  # fmt: skip
    assert (system.files(), [event for event, _ in system.said]) == ([], ["graph_load", "graph_load"])
    system.publish(store, system.graph("a", "b", "d", "e"), token=2)
    assert len(system.loader.starts) == 2


def test_a_small_graph_is_written_by_requests(system: System) -> None:
    """As many components as the setting says are few enough."""
    system.publish(system.store(vertices=3), system.graph("a", "b", "c"))
    assert system.loader.starts == []


@pytest.mark.parametrize("ends_as", ["LOAD_FAILED", "LOAD_S3_ACCESS_DENIED_ERROR", "LOAD_UNEXPECTED_ERROR"])
def test_a_failed_load_is_said_and_the_graph_is_written(system: System, ends_as: str) -> None:
    """What was loaded goes first; the reason is the loader's own."""
    system.loader.ends_as = ends_as
    system.publish(system.store(), system.graph("a", "b", "c"))
    [(event, facts)] = system.said
    assert event == "graph_load_failed"
    assert ends_as in str(facts["why"])
    assert "FROM_OR_TO_VERTEX_ARE_MISSING no such end" in str(facts["why"])
    assert system.files() == []


def test_a_refused_load_is_said_and_the_graph_is_written(system: System) -> None:
    """The role is not attached, or as many loads are under way as Neptune takes."""
    system.loader.refusal = (400, "BadRequestException")
    system.publish(system.store(), system.graph("a", "b", "c"))
    [(event, facts)] = system.said
    assert (event, "BadRequestException" in str(facts["why"])) == ("graph_load_failed", True)


def test_files_that_cannot_be_put_are_said_and_the_graph_is_written(system: System) -> None:
    """The builder may not put objects, or there is no such bucket: no job is started."""
    system.s3.delete_bucket(Bucket=local_aws.BUCKET)
    system.publish(system.store(), system.graph("a", "b", "c"))
    [(event, facts)] = system.said
    assert (event, "NoSuchBucket" in str(facts["why"])) == ("graph_load_failed", True)
    assert system.loader.starts == []


def test_a_start_whose_reply_is_lost_is_not_repeated(system: System) -> None:
    """The job is found by what it loads."""
    system.loader.lost, system.loader.looks = 1, 3
    system.publish(system.store(), system.graph("a", "b", "c"))
    assert [start["source"].split("/")[-2] for start in system.loader.starts] == ["vertices", "edges"]


def test_a_load_that_does_not_end_is_cancelled(system: System) -> None:
    """The publish ends by its deadline, nothing is current, and the next one begins anew."""
    system.loader.looks = 1_000_000
    store = system.store(seconds=0.3)
    target = system.graph("a", "b", "c")
    with pytest.raises(StoreUnavailable, match="did not load the graph in time"):
        publish(store, target, environment=system.environment)
    assert store.load(system.environment) is None
    assert [job.status for job in system.loader.jobs.values()] == ["LOAD_CANCELLED_BY_USER"]
    system.loader.looks = 0
    system.publish(system.store(), system.graph("a", "d", "e"), token=2)


def test_what_a_dead_builder_was_loading_is_ended_and_dropped(system: System) -> None:
    """The next builder, with another graph, finds its job by the Lock; nothing of it stays."""
    system.loader.looks = 1_000_000

    def die(name: str) -> None:
        if name == "graph.commit.load_noted":
            failpoints.install(None)
            system.loader.start({"source": f"{folder}/vertices/"})  # it was started, and nobody waits for it
            raise Died

    folder = f"s3://{local_aws.BUCKET}/{system.environment}/load/1.1"
    failpoints.install(die)
    with pytest.raises(Died):
        publish(system.store(), system.graph("a", "b", "c"), environment=system.environment)
    without = GremlinGraphStore(system.client, patience=Patience(seconds=0.3))
    with pytest.raises(StoreUnavailable, match="being loaded by another builder"):
        publish(without, system.graph("x"), token=2, environment=system.environment)
    system.publish(system.store(vertices=100), system.graph("a", "d"), token=3)
    assert [job.status for job in system.loader.jobs.values()] == ["LOAD_CANCELLED_BY_USER"]
    assert system.files() == []


def test_a_builder_that_lost_its_lease_starts_no_load(system: System) -> None:
    """Files may take minutes to put: the fence is asked after that, directly before the start."""
    store = system.store()
    target = system.graph("a", "b", "c")
    build = next_build(None, target, environment=system.environment)

    def overtaken(*args: Any) -> int:
        number = put(*args)
        publish(store, system.graph("x"), token=7, environment=system.environment)
        return number

    loader = store._loader
    assert isinstance(loader, NeptuneLoader)
    put = loader.put
    loader.put = overtaken  # type: ignore[method-assign]
    with pytest.raises(StaleLease):
        store.commit(build, diff(None, target), lease(2))
    assert system.loader.starts == []
