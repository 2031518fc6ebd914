"""karma_adapters.gremlin.sigv4."""

from __future__ import annotations

import re

import pytest
from gremlin_python.driver.aiohttp.transport import AiohttpTransport

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.sigv4 import SignedTransport, signature
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_core.errors import SettingsError

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
    headers = signature(URL, "eu-west-1")
    assert headers["Host"] == "db.cluster-x.eu-west-1.neptune.amazonaws.com:8182"
    assert headers["X-Amz-Security-Token"] == "token"
    scope = re.search(r"Credential=AKIDEXAMPLE/\d{8}/(\S+),", headers["Authorization"])
    assert scope is not None
    assert scope.group(1) == "eu-west-1/neptune-db/aws4_request"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in headers["Authorization"]
    assert "secret-canary" not in str(headers)


@pytest.mark.usefixtures("credentials")
def test_every_connection_is_signed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reconnect with the first signature would fail after five minutes, with old credentials at once."""
    seen: list[str] = []

    def connect(_self: object, _url: str, headers: dict[str, str]) -> None:
        seen.append(headers["Authorization"])

    monkeypatch.setattr(AiohttpTransport, "connect", connect)
    transport = SignedTransport("eu-west-1")
    transport.connect(URL)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDROTATED")
    transport.connect(URL)
    transport.close()
    assert ["AKIDEXAMPLE" in seen[0], "AKIDROTATED" in seen[1]] == [True, True]


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that botocore could find."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_said() -> None:
    """Where botocore finds none, the error says what to set."""
    with pytest.raises(SettingsError, match="credentials"):
        signature(URL, "eu-west-1")


@pytest.mark.usefixtures("no_credentials")
def test_no_credentials_are_not_waited_for() -> None:
    """The store raises that error as it is, at once: it would be the same in a minute."""
    store = GremlinGraphStore(GremlinClient(Endpoint(url=URL, iam_region="eu-west-1")))
    with pytest.raises(SettingsError, match="credentials"):
        store.current("prod")
    store.close()
