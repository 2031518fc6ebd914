"""What Parameter Store does beyond the contract: lost answers, writers in between, empty pages, quotas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.aws.api import Api
from karma_adapters.aws.parameter_metadata import SeenVersions
from karma_adapters.aws.ssm import SsmParameters
from karma_core.errors import Conflict, Refused, StoreUnavailable
from karma_core.records import ParameterWrite, Tier
from tests import local_aws

Disturb = Callable[[str, Callable[[], dict[str, Any]]], dict[str, Any]]


class Between:
    """Stands between the store and moto: counts calls, and lets a test disturb them."""

    def __init__(self, api: Api, disturb: Disturb | None = None) -> None:
        self.calls: list[str] = []
        self.deadline_seconds = 5.0
        self._api = api
        self.disturb: Disturb = disturb or (lambda _, call: call())

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        # moto's pages of descriptions have 10 entries, SSM's 50: what counts are requests, not their pages.
        if operation != "describe_parameters" or "NextToken" not in request:
            self.calls.append(operation)
        return self.disturb(operation, lambda: self._api.call(operation, **request))

    pages = Api.pages


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Calls to an empty account."""
    return Between(local_aws.api(local_aws.fresh(monkeypatch), "ssm", 1))


def store_over(between: Between, **options: Any) -> SsmParameters:
    """A store all of whose calls pass `between`."""
    return SsmParameters(between, between, **options)  # type: ignore[arg-type]


def losing(times: int, *, happens: bool) -> Disturb:
    """Loses the first answers to writes, which happen or do not."""
    left = [times]

    def disturb(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if operation != "put_parameter" or not left[0]:
            return call()
        left[0] -= 1
        if happens:
            call()
        raise StoreUnavailable("lost", throttled=False)

    return disturb


@pytest.mark.parametrize("happens", [True, False])
@pytest.mark.parametrize("base", [0, 1])
def test_a_lost_answer_doubles_and_loses_nothing(between: Between, base: int, happens: bool) -> None:
    """Whether the write happened is looked up; there is exactly one new version."""
    store = store_over(between)
    if base:
        store.put([ParameterWrite(name="/iac/a", value="old", base=0)])
    between.disturb = losing(1, happens=happens)
    assert store.put([ParameterWrite(name="/iac/a", value="new", base=base)]) == [base + 1]
    assert [kept.value for kept in store.history("/iac/a")] == ["old"] * base + ["new"]


def test_a_writer_in_between_is_a_conflict(between: Between) -> None:
    """A version that is not base + 1 says that somebody wrote after the base was checked."""
    store = store_over(between)
    store.put([ParameterWrite(name="/iac/a", value="one", base=0)])

    def overtake(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if operation == "put_parameter":
            request = {"Name": "/iac/a", "Value": "theirs", "Type": "String", "Overwrite": True}
            between._api.call("put_parameter", **request)
        return call()

    between.disturb = overtake
    with pytest.raises(Conflict) as caught:
        store.put([ParameterWrite(name="/iac/a", value="ours", base=1)])
    assert caught.value.facts == {"parameter": "/iac/a", "expected": 2, "found": 3}


def test_somebody_creates_it_in_between(between: Between) -> None:
    """A parameter that is to be created is never overwritten."""
    store = store_over(between)

    def overtake(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if operation == "put_parameter":
            between._api.call("put_parameter", Name="/iac/a", Value="theirs", Type="String")
        return call()

    between.disturb = overtake
    with pytest.raises(Conflict):
        store.put([ParameterWrite(name="/iac/a", value="ours", base=0)])
    assert [kept.value for kept in store.history("/iac/a")] == ["theirs"]


def test_pages_may_be_empty_before_the_last(between: Between) -> None:
    """A listing goes on until no token comes back, whatever a page holds."""
    store = store_over(between)
    names = [f"/iac/n{number:02}" for number in range(12)]
    store.put([ParameterWrite(name=name, value="v") for name in names])
    empty = [{"Parameters": [], "NextToken": "0"}]

    def disturb(operation: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return empty.pop() if operation == "get_parameters_by_path" and empty else call()

    between.disturb = disturb
    assert [parameter.name for parameter in store.read_tree("/iac")] == names


def test_reading_again_asks_for_values_only(between: Between, tmp_path: Path) -> None:
    """Descriptions are read once a version, 50 a request, also across processes."""
    seen = tmp_path / "cache" / "versions.json"
    store = store_over(between, seen=SeenVersions(seen))
    store.put([ParameterWrite(name=f"/iac/n{n:03}", value="v", description=f"d{n}") for n in range(55)])
    between.calls.clear()
    first = list(store.read_tree("/iac"))
    assert between.calls.count("describe_parameters") == 2
    between.calls.clear()
    again = list(store_over(between, seen=SeenVersions(seen)).read_tree("/iac"))
    assert between.calls == ["get_parameters_by_path"] * 6
    assert again == first
    assert first[7].description == "d7"
    store.put([ParameterWrite(name="/iac/n007", value="w", description="new")])
    between.calls.clear()
    assert list(store.read_tree("/iac"))[7].description == "new"
    assert between.calls.count("describe_parameters") == 1


def test_a_quota_is_checked_before_the_first_write(between: Between) -> None:
    """What the account has no room for is refused whole; overwriting needs no room."""
    store = store_over(between, quotas={Tier.STANDARD: 3, Tier.ADVANCED: 0})
    store.put([ParameterWrite(name=f"/iac/n{n}", value="v") for n in range(3)])
    list(store.read_tree("/iac"))
    between.calls.clear()
    for name, tier in (("/iac/n3", None), ("/iac/n4", Tier.ADVANCED), ("/iac/n0", Tier.ADVANCED)):
        with pytest.raises(Refused) as caught:
            store.put([ParameterWrite(name=name, value="v", tier=tier)])
        assert caught.value.code == "parameter-quota"
    assert "put_parameter" not in between.calls
    assert store.put([ParameterWrite(name="/iac/n0", value="w")]) == [2]
