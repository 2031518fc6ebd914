"""karma_adapters.gremlin.sigv4."""

from __future__ import annotations

import itertools
import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from botocore.credentials import AssumeRoleCredentialFetcher

from karma_adapters.aws.access import Access
from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.retry import Patience
from karma_adapters.gremlin.sigv4 import signature
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.errors import StoreError, StoreUnavailable

URL = "wss://db.cluster-x.eu-west-1.neptune.amazonaws.com:8182/gremlin"


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary credentials in the environment, and no other source of them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")


@pytest.mark.usefixtures("credentials")
def test_a_handshake_is_signed_for_neptune() -> None:
    """Service, region and host are part of the signature; the secret is not part of the headers."""
    headers = signature(URL, Access(region="eu-west-1"))
    assert headers["Host"] == "db.cluster-x.eu-west-1.neptune.amazonaws.com:8182"
    assert headers["X-Amz-Security-Token"] == "token"
    scope = re.search(r"Credential=AKIDEXAMPLE/\d{8}/(\S+),", headers["Authorization"])
    assert scope is not None
    assert scope.group(1) == "eu-west-1/neptune-db/aws4_request"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in headers["Authorization"]
    assert "secret-canary" not in str(headers)


@pytest.mark.usefixtures("credentials")
def test_the_role_of_the_environment_signs_and_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment's assumed role signs each handshake, with the credentials that hold at that moment.

    The caller's own would be refused by a cluster in another account, and an expired session everywhere.
    """
    made = itertools.count(1)

    def assumed(_fetcher: object) -> dict[str, str]:
        expiry = datetime.now(UTC) + timedelta(seconds=30)  # less than botocore holds to be enough
        name = f"ASIAROLE{next(made)}"
        return {
            "access_key": name,
            "secret_key": "secret",
            "token": f"token-{name}",
            "expiry_time": expiry.isoformat(),
        }

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "fetch_credentials", assumed)
    access = Access(region="eu-west-1", role_arn="arn:aws:iam::1:role/karma")
    first, second = (signature(URL, access) for _ in range(2))
    assert "Credential=ASIAROLE1/" in first["Authorization"]
    assert first["X-Amz-Security-Token"] == "token-ASIAROLE1"
    assert "Credential=ASIAROLE2/" in second["Authorization"]


def test_the_profile_of_the_environment_signs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`profile` of the settings, not what the shell happens to hold."""
    kept = tmp_path / "credentials"
    kept.write_text("[graph]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(kept))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDSHELL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    headers = signature(URL, Access(region="eu-west-1", profile="graph"))
    assert "Credential=AKIDPROFILE/" in headers["Authorization"]


def test_every_connection_is_signed_anew() -> None:
    """A reconnect with the first signature would fail after five minutes."""
    signed: list[str] = []

    def sign(url: str) -> dict[str, str]:
        signed.append(url)
        return {}

    url = "ws://127.0.0.1:1/gremlin"
    store = GremlinGraphStore(GremlinClient(Endpoint(url=url, sign=sign)), patience=Patience(whole=0.2))
    with pytest.raises(StoreUnavailable):
        store.current("prod")
    store.close()
    assert len(signed) > 1
    assert set(signed) == {url}


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that botocore could find."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_not_waited_for() -> None:
    """Where botocore finds none the error says what to set, at once: it would be the same in a minute."""
    sign = partial(signature, access=Access(region="eu-west-1"))
    store = GremlinGraphStore(GremlinClient(Endpoint(url=URL, sign=sign)))
    began = time.monotonic()
    with pytest.raises(StoreError, match="credentials") as said:
        store.current("prod")
    assert said.value.code == "aws-credentials"
    assert time.monotonic() - began < 5
    store.close()
