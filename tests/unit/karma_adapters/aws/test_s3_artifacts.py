"""How artifacts are kept: locked where asked, but for what may expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.s3_artifacts import Protection, S3Artifacts
from karma_adapters.wiring.stores import utc_now


class Requests:
    """S3's put_object, noted."""

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []

    def call(self, operation: str, **named: Any) -> dict[str, Any]:
        assert operation == "put_object"
        self.made.append(named)
        return {}


@pytest.mark.parametrize(
    ("protection", "encryption"),
    [(Protection(lock_days=30), "AES256"), (Protection(lock_days=30, kms_key_id="1234"), "aws:kms")],
)
def test_what_may_expire_is_encrypted_and_not_locked(protection: Protection, encryption: str) -> None:
    """A lock of so many days is on every artifact; a large answer goes with the rule of the bucket."""
    requests = Requests()
    now = datetime(2026, 1, 1, tzinfo=UTC)
    store = S3Artifacts(requests, "bucket", clock=lambda: now, protection=protection)  # type: ignore[arg-type]
    assert store.put("dev/one", b"1") == "dev/one"
    assert store.put_passing("dev/answers/two", b"2") == "dev/answers/two"
    kept, passing = requests.made
    assert kept["ServerSideEncryption"] == passing["ServerSideEncryption"] == encryption
    assert (kept["ObjectLockMode"], kept["ObjectLockRetainUntilDate"].day) == ("COMPLIANCE", 31)
    assert not [name for name in passing if name.startswith("ObjectLock")]


ENDINGS = {
    "us-east-1": "s3.us-east-1.amazonaws.com",
    "eu-central-1": "s3.eu-central-1.amazonaws.com",
    "ap-southeast-2": "s3.ap-southeast-2.amazonaws.com",
    "cn-north-1": "s3.cn-north-1.amazonaws.com.cn",
}
"""Regional endpoints (AWS General Reference, "Amazon S3 endpoints and quotas")."""
KEYS = ("", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-central-1:123456789012:alias/karma")


@pytest.mark.parametrize("key_id", KEYS, ids=["SSE-S3", "KMS key", "KMS alias"])
@pytest.mark.parametrize("region", ENDINGS)
def test_links_go_to_the_bucket_s_own_region_and_are_signed_by_version_4(
    region: str, key_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is the bucket's regional one, and a GET of the URL needs no header but Host.

    A bucket that is younger than a day answers 307 elsewhere; what a KMS key encrypts is given only to
    requests that are signed by Signature Version 4 (S3 User Guide, "Download and upload objects with
    presigned URLs" and "Using server-side encryption with AWS KMS"), and then without naming the key.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-canary")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    api = Api(Access(region=region), "s3")
    store = S3Artifacts(api, "karma-prod", clock=utc_now, protection=Protection(kms_key_id=key_id))
    made = urlsplit(store.link("prod/answers/a+b.json", seconds=300, media_type="application/json"))
    api.close()
    assert (made.scheme, made.netloc, made.path) == (
        "https",
        f"karma-prod.{ENDINGS[region]}",
        "/prod/answers/a%2Bb.json",
    )
    said = dict(parse_qsl(made.query))
    day = said["X-Amz-Date"].partition("T")[0]
    assert said["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    assert said["X-Amz-Credential"] == f"AKIDEXAMPLE/{day}/{region}/s3/aws4_request"
    assert (said["X-Amz-SignedHeaders"], said["X-Amz-Expires"]) == ("host", "300")
    assert (said["X-Amz-Security-Token"], said["response-content-type"]) == ("token", "application/json")
    assert not [name for name in said if "encryption" in name.lower() or name in {"Signature", "Expires"}]
    assert "secret-canary" not in made.geturl()
