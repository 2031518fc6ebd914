"""The stores in AWS behind a network that throttles, fails, hangs, loses replies and cuts them short."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import DEADLINE_SECONDS, Api
from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.use_cases.graph.build import build_graph
from tests import local_aws
from tests.aws_system import AwsSystem, Impatient, prepare
from tests.faulty_aws import FaultyAws, faulty_aws
from tests.hurried_botocore import hurry
from tests.memory_system import statuses

SOAK = os.environ.get("KARMA_SOAK") == "1"
SEEDS = range(1, 13 if SOAK else 2)
RATES = {
    "throttle": 0.30,
    "error": 0.02,
    "garbage": 0.01,
    "reset": 0.02,
    "hang": 0.005,
    "lose": 0.03,
    "cut": 0.03,
    "short": 0.05,
}
HANG_SECONDS = 1.5
JOB_SECONDS = 3 * DEADLINE_SECONDS
"""A call ends within its deadline, and a job that fails does so at its first one; twice that is slack."""
COMPONENTS = {"a/one": "applied", "b/two": "applied", "c/three": "applied"}


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Access:
    """An account with tables and a bucket, and clients that pause little."""
    hurry(monkeypatch)
    fresh_access = local_aws.fresh(monkeypatch)
    prepare(fresh_access)
    return fresh_access


def behind(proxy: FaultyAws) -> Impatient:
    """Access by way of the proxy."""
    return Impatient(region=local_aws.REGION, endpoint_url=proxy.url)


def do_job(system: AwsSystem) -> dict[str, str]:
    """Publish three components, build, deploy: each consumes the one before."""
    system.publish(a_one={"v": 1}, b_two={"a_nickname": "one"}, c_three={"b_nickname": "two"})
    build_graph(system.workspace)
    return statuses(system.deploy())


def attempt(system: AwsSystem) -> KarmaError | None:
    """Do the job; the error that it ended in."""
    try:
        assert do_job(system) == COMPONENTS
    except KarmaError as error:
        return error
    return None


def finish(system: AwsSystem) -> None:
    """Do by hand what a person does after the error: the same commands again, a run that stopped resumed."""
    system.publish()
    open_runs = [run.id for run in system.state.runs() if run.status == "running"]
    if open_runs:
        system.clock.pass_seconds(3600)
        system.resume(open_runs[0])
    else:
        build_graph(system.workspace)
        system.deploy()


def assert_nothing_lost_or_doubled(system: AwsSystem, *, resumed: bool = False) -> None:
    """Every write happened once, in every store, and the log says so from one end to the other.

    A run that ended before it heard that its intent to apply was kept says it again when it is `resumed`.
    """
    assert system.log.catch_up()
    verified = system.log.verify()
    assert verified.verified, verified.problems
    assert sorted(system.applies()) == sorted(COMPONENTS)
    assert {a: record.status for a, record in system.state.all_applied().items()} == COMPONENTS
    for address in COMPONENTS:
        for leaf in ("config", "runtime"):
            parameter = system.parameters.get(f"/iac/{address}/{leaf}")
            assert parameter is not None
            assert parameter.version == 1, parameter
        done = [e.status for e in system.state.entries(address=address) if e.step == "apply"]
        said = [e.status for e in system.log.events(component=address, action="terraform_apply")]
        for steps in (done, said):
            again = resumed and steps[:2] == ["started", "started"]
            assert steps[again:] == ["started", "succeeded"], steps
    keys = {key for event in system.log.events() for key in event.artifacts}
    assert {key for key in keys if system.artifacts.get(key) is None} == set()


@pytest.fixture
def quiet_calls(access: Access, tmp_path: Path) -> int:
    """Calls of the job where nothing goes wrong."""
    with faulty_aws(access.endpoint_url) as proxy:
        system = AwsSystem(tmp_path / "quiet", behind(proxy))
        assert do_job(system) == COMPONENTS
        calls = len(proxy.calls)
        assert_nothing_lost_or_doubled(system)
        system.close()
    return calls


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_the_job_survives_a_bad_network(
    access: Access, quiet_calls: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completes with at most twice the calls, or ends in a typed error in time; nothing lost or doubled."""
    completed = 0
    for seed in SEEDS:
        fresh_access = local_aws.fresh(monkeypatch)
        prepare(fresh_access)
        with faulty_aws(
            fresh_access.endpoint_url, rates=RATES, seed=seed, hang_seconds=HANG_SECONDS
        ) as proxy:
            system = AwsSystem(tmp_path / f"seed-{seed}", behind(proxy))
            started = time.monotonic()
            ended = attempt(system)
            assert time.monotonic() - started < JOB_SECONDS
            assert {"throttle", "short"} <= set(proxy.counted())
            if ended is None:
                completed += 1
                assert len(proxy.calls) <= 2 * quiet_calls, proxy.counted()
            proxy.rates = {}
            if ended is not None:
                assert ended.next_step, ended
                finish(system)
            assert_nothing_lost_or_doubled(system, resumed=ended is not None)
            system.close()
    assert completed, "no seed let the job complete"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[FaultyAws, dict[str, Api]]]:
    """A proxy and clients without retries behind it: making a client takes longer than these tests."""
    with faulty_aws(local_aws.url(), hang_seconds=HANG_SECONDS) as proxy:
        yield proxy, {name: Api(behind(proxy), name, attempts=1) for name in ("ssm", "dynamodb", "s3")}


@pytest.fixture
def faulty(access: Access, shared: tuple[FaultyAws, dict[str, Api]]) -> FaultyAws:
    """The proxy, which the test tells what to do."""
    shared[0].rates = {}
    shared[0].calls.clear()
    return shared[0]


CALLS = [
    ("ssm", "get_parameters_by_path", {"Path": "/"}),
    ("dynamodb", "get_item", {"TableName": local_aws.STATE, "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}}),
    ("s3", "list_objects_v2", {"Bucket": local_aws.BUCKET}),
]


@pytest.mark.parametrize("fault", ["throttle", "error", "garbage", "reset", "lose", "cut"])
@pytest.mark.parametrize(("service", "operation", "request_"), CALLS)
def test_a_fault_is_never_an_answer(
    faulty: FaultyAws,
    shared: tuple[FaultyAws, dict[str, Api]],
    fault: str,
    service: str,
    operation: str,
    request_: dict[str, object],
) -> None:
    """Half a reply above all: read as an empty one it would say that nothing is there."""
    faulty.rates = {fault: 1.0}
    with pytest.raises(StoreUnavailable) as caught:
        shared[1][service].call(operation, **request_)
    assert caught.value.next_step


@pytest.mark.parametrize("fault", ["throttle", "reset", "cut"])
def test_an_object_is_read_whole_or_not_at_all(faulty: FaultyAws, fault: str) -> None:
    """A body that breaks off is read again until the deadline, and never taken for the object."""
    content = b"x" * 1000
    api = Api(behind(faulty), "s3", deadline_seconds=2, attempts=2)
    api.call("put_object", Bucket=local_aws.BUCKET, Key="k", Body=content)
    faulty.rates = {fault: 1.0}
    with pytest.raises(StoreUnavailable):
        api.content(Bucket=local_aws.BUCKET, Key="k")
    faulty.rates = {fault: 0.3}
    assert Api(behind(faulty), "s3").content(Bucket=local_aws.BUCKET, Key="k") == content


def test_a_hang_ends_at_the_deadline(faulty: FaultyAws) -> None:
    """No attempt begins after it, whatever botocore would still do."""
    faulty.rates = {"hang": 1.0}
    api = Api(behind(faulty), "dynamodb", deadline_seconds=2)
    with pytest.raises(StoreUnavailable):
        api.call("list_tables")
    assert len(faulty.calls) <= 4
