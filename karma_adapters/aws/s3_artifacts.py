"""Artifacts in an S3 bucket: written once, by a conditional put, encrypted, locked where asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from karma_adapters.aws.api import Api, pauses
from karma_adapters.aws.failures import CONDITION
from karma_core.artifact_keys import already_other, check_key, listing_prefix
from karma_core.errors import Conflict, NotFound
from karma_core.model import Record
from karma_core.ports import Clock
from karma_log.sinks.service import AwsDocument

_RETRY_SECONDS: Final = 10.0
"""How long a put tries against another put of the same key (S3 answers 409 to both). Ours."""


class Protection(Record, frozen=True, kw_only=True):
    """Protection of objects. `kms_key_id` empty: SSE-S3. `lock_days` 0: no Object Lock.

    A locked object cannot be deleted by anybody before (COMPLIANCE); the bucket must have Object Lock.
    """

    kms_key_id: str = ""
    lock_days: int = 0


class S3Artifacts:
    """ports.ArtifactStore on `bucket`, below `folder`; empty: keys are the objects' own."""

    def __init__(
        self, api: Api, bucket: str, folder: str = "", *, clock: Clock, protection: Protection | None = None
    ) -> None:
        self._api = api
        self._bucket = bucket
        self._folder = f"{folder.strip('/')}/" if folder else ""
        self._clock = clock
        self._protection = protection or Protection()

    def put(self, key: str, content: bytes) -> str:
        """Store and return the key; Conflict where other bytes are there."""
        return self._put(key, content, {**self._encrypted(), **self._locked()})

    def put_passing(self, key: str, content: bytes) -> str:
        """Store content as `put` does, but never locked: a rule of the bucket lets it expire."""
        return self._put(key, content, self._encrypted())

    def _put(self, key: str, content: bytes, kept: AwsDocument) -> str:
        check_key(key)
        for _ in pauses(_RETRY_SECONDS):
            try:
                self._api.call(
                    "put_object",
                    Bucket=self._bucket,
                    Key=self._folder + key,
                    Body=content,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    **kept,
                )
            except Conflict as error:
                if error.code != CONDITION:
                    raise
                present = self.get(key)
                if present is None:
                    continue  # another put of the key was under way, and did not succeed
                if present != content:
                    raise already_other(key) from error
            return key
        raise already_other(key)

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        check_key(key)
        try:
            return self._api.content(Bucket=self._bucket, Key=self._folder + key)
        except NotFound:
            return None

    def link(self, key: str, *, seconds: int, media_type: str) -> str:
        """Return a presigned URL of the artifact, valid for `seconds`, without a request to S3."""
        check_key(key)
        place = {"Bucket": self._bucket, "Key": self._folder + key, "ResponseContentType": media_type}
        return self._api.link("get_object", place, seconds=seconds)

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Keys below prefix, sorted. 1,000 a request."""
        request = {"Bucket": self._bucket, "Prefix": self._folder + listing_prefix(prefix)}
        pages = self._api.pages(
            "list_objects_v2", request, by="ContinuationToken", given="NextContinuationToken"
        )
        names = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return tuple(sorted(key.removeprefix(self._folder) for key in names))

    def _encrypted(self) -> AwsDocument:
        if self._protection.kms_key_id:
            return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._protection.kms_key_id}
        return {"ServerSideEncryption": "AES256"}

    def _locked(self) -> AwsDocument:
        if not self._protection.lock_days:
            return {}
        until = self._clock() + timedelta(days=self._protection.lock_days)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
