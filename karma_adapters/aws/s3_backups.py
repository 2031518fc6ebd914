"""Backups as objects in S3: written once, encrypted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from karma_adapters.aws.api import Api
from karma_adapters.aws.failures import CONDITION
from karma_core.errors import Conflict, NotFound, Refused, UsageError
from karma_core.ids import shown

_ADDRESS: Final = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/([^/].{0,1000})\Z")
MAX_BYTES: Final = 5 * 1024**3
"""Largest object of one PutObject (Amazon S3 quotas)."""


class Place(NamedTuple):
    """An object's bucket and key."""

    bucket: str
    key: str


def is_address(text: str) -> bool:
    """Whether a text means an object in S3 and not a file."""
    return text.startswith("s3:")


def place_of(text: str) -> Place:
    """The object that `s3://bucket/key` names; UsageError."""
    match = _ADDRESS.match(text)
    if match is None:
        raise UsageError(f"{shown(text)!r} names no object", next_step="write it like s3://bucket/key")
    return Place(match[1], match[2])


def put(api: Api, place: Place, file: Path, kms_key_id: str = "") -> None:
    """Store the file as the object; Refused `backup-exists` where there is one, `too-large` over 5 GB."""
    size = file.stat().st_size
    if size > MAX_BYTES:
        raise Refused(
            "the backup was not stored",
            why=f"it has {size:,} bytes, and S3 takes {MAX_BYTES:,} in one request",
            next_step="take it to a file, and copy that",
            code="too-large",
        )
    sealed: dict[str, str] = {"ServerSideEncryption": "AES256"}
    if kms_key_id:
        sealed = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key_id}
    named = {"Bucket": place.bucket, "Key": place.key}
    try:
        with file.open("rb") as body:
            api.call("put_object", **named, Body=body, IfNoneMatch="*", ChecksumAlgorithm="SHA256", **sealed)
    except Conflict as error:
        if error.code != CONDITION:
            raise
        raise Refused(
            f"s3://{place.bucket}/{place.key} was not written",
            why="it exists, and a backup replaces none",
            next_step="choose another key",
            code="backup-exists",
        ) from error


def fetch(api: Api, place: Place, file: Path) -> None:
    """Write the object to the file; NotFound."""
    try:
        content = api.content(Bucket=place.bucket, Key=place.key)
    except NotFound:
        raise NotFound(
            f"there is no backup s3://{place.bucket}/{place.key}",
            next_step="name the object that `karma backup --to` wrote",
        ) from None
    file.touch(mode=0o600)
    file.write_bytes(content)
