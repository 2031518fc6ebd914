"""Calls to AWS: rate, deadline, translated errors, and no boto3 before the first."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api, pauses
from karma_adapters.aws.failures import CONDITION
from karma_adapters.aws.wiring import AwsStores
from karma_adapters.wiring.settings import AwsSettings
from karma_core.errors import Conflict, NotFound, SettingsError, StoreError, StoreUnavailable
from karma_core.token_bucket import TokenBucket
from tests import local_aws

ROOT = Path(__file__).parents[4]


def test_nothing_local_loads_boto3() -> None:
    """Help, wiring and the adapters' modules cost no import of boto3 (0.2 s)."""
    code = (
        "import sys, karma_adapters.wiring.bootstrap\n"
        "import karma_adapters.aws.ssm, karma_adapters.aws.dynamodb_state\n"
        "from karma_cli.main import run\n"
        "sys.argv = ['karma', '--help']\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "sys.exit('boto' in ' '.join(sys.modules))"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, timeout=60)


def test_no_attempt_begins_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that cannot be reached ends in StoreUnavailable soon after the deadline."""
    local_aws.credentials(monkeypatch)
    api = Api(Access(region="us-east-1", endpoint_url="http://127.0.0.1:9"), "ssm", deadline_seconds=0.3)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        api.call("get_parameter", Name="/iac/a")
    assert time.monotonic() - started < 10


def test_every_attempt_waits_until_its_token_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests leave at the bucket's rate: the first of a burst at once, the next when its token has come."""
    local_aws.credentials(monkeypatch)
    slept: list[float] = []
    monkeypatch.setattr("karma_adapters.aws.api.time.sleep", slept.append)
    bucket = TokenBucket(4, 1, monotonic=lambda: 0.0)
    api = Api(Access(region="us-east-1", endpoint_url="http://127.0.0.1:9"), "ssm", bucket=bucket, attempts=1)
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            api.call("get_parameter", Name="/a")
    assert slept == [0, 0.25, 0.5]


def test_a_client_that_is_closed_while_it_is_called_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that ends closes its stores while a request may still be asking them."""
    local_aws.credentials(monkeypatch)

    class Closing(TokenBucket):
        """Another thread closes the client when an attempt is about to be sent."""

        def book(self) -> float:
            api.close()
            return 0.0

    access = Access(region="us-east-1", endpoint_url="http://127.0.0.1:9")
    api = Api(access, "ssm", bucket=Closing(40, 40, monotonic=time.monotonic), attempts=1)
    with pytest.raises(StoreUnavailable):
        api.call("get_parameter", Name="/a")


def test_pauses_end_with_their_time() -> None:
    """Attempts are numbered and stop before the time is over."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    attempts = list(pauses(20, sleep=sleep, monotonic=lambda: now[0]))
    assert attempts == list(range(1, len(attempts) + 1))
    assert len(attempts) > 5
    assert now[0] <= 20


def test_errors_are_karmas(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing, what conflicts and what is not there are told apart."""
    access = local_aws.fresh(monkeypatch)
    ssm, s3, dynamodb = (local_aws.api(access, name) for name in ("ssm", "s3", "dynamodb"))
    with pytest.raises(NotFound):
        ssm.call("get_parameter", Name="/iac/none")
    ssm.call("put_parameter", Name="/iac/a", Value="v", Type="String")
    with pytest.raises(Conflict) as conflict:
        ssm.call("put_parameter", Name="/iac/a", Value="v", Type="String")
    assert conflict.value.code == CONDITION
    for call in (
        lambda: s3.call("get_object", Bucket="none-of-ours", Key="k"),
        lambda: dynamodb.call("get_item", TableName="none", Key={"pk": {"S": "x"}}),
    ):
        with pytest.raises(StoreError) as missing:
            call()
        assert missing.value.code == "aws-missing"


def test_a_role_is_assumed_and_given_to_terraform(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role's own short-lived credentials are used, not the caller's."""
    fresh = local_aws.fresh(monkeypatch)
    role = "arn:aws:iam::123456789012:role/karma"
    access = Access(region=fresh.region, endpoint_url=fresh.endpoint_url, role_arn=role)
    variables = access.environment()
    assert variables["AWS_ACCESS_KEY_ID"] != "test"
    assert variables["AWS_SESSION_TOKEN"]
    identity = Api(access, "sts").call("get_caller_identity")
    assert "assumed-role/karma/karma" in identity["Arn"]


def test_an_unknown_profile_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said by name, with what to do."""
    local_aws.credentials(monkeypatch)
    with pytest.raises(SettingsError) as caught:
        Api(Access(region="us-east-1", profile="nobody"), "ssm").call("get_parameter", Name="/a")
    assert "nobody" in caught.value.what


@pytest.mark.parametrize(("given", "rate"), [({}, 40), ({"requests_per_second": 7}, 7)])
def test_the_rate_is_the_settings(tmp_path: Path, given: dict[str, float], rate: float) -> None:
    """40 requests a second unless the account has more; both ways of calling SSM share one bucket."""
    settings = AwsSettings(**given)
    stores = AwsStores("dev", "eu-west-1", settings, tmp_path, clock=lambda: datetime.now(UTC))
    parameters = stores.parameters()
    assert parameters._api._bucket is parameters._once._bucket
    assert parameters._api._bucket._per_second == rate
