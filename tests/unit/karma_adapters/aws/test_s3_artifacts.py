"""How artifacts are kept: locked where asked, but for what may expire."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from karma_adapters.aws.s3_artifacts import Protection, S3Artifacts


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
