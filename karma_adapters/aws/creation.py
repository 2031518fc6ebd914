"""Creates the tables and buckets of an environment; existing ones are only checked.

Every step may be repeated: a call that was interrupted, or whose answer was lost, is made up for by the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from karma_adapters.aws.api import Api, pauses
from karma_adapters.aws.places import TABLE, Place
from karma_core.errors import NotFound, Refused, StoreError, StoreUnavailable
from karma_core.model import Record
from karma_log.sinks.service import AwsDocument

CREATED: Final = "created"
EXISTS: Final = "exists"
MISSING: Final = "missing"
ACTIVE_SECONDS: Final = 120.0
"""How long a new table may take to become active. Ours: it takes some ten seconds."""
_PRIVATE: Final = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}
_NO_LOCATION: Final = "us-east-1"
"""The region that CreateBucket takes by leaving it out (S3 API reference)."""


class Made(Record, frozen=True, kw_only=True):
    """A place, and whether it was created or existed."""

    kind: str
    name: str
    uses: tuple[str, ...]
    status: str


class Creation:
    """Creates places in one account and region."""

    def __init__(self, dynamodb: Api, s3: Api, *, region: str, kms_key_id: str = "") -> None:
        self._dynamodb = dynamodb
        self._s3 = s3
        self._region = region
        self._kms_key_id = kms_key_id

    def look(self, wanted: Sequence[Place]) -> tuple[Made, ...]:
        """Return which of the places exist and which are missing; Refused if one is something else."""
        return tuple(_made(place, EXISTS if self.exists(place) else MISSING) for place in wanted)

    def create(self, wanted: Sequence[Place]) -> tuple[Made, ...]:
        """Create what is missing, in order, and wait until it can be used."""
        return tuple(self._create(place) for place in wanted)

    def exists(self, place: Place) -> bool:
        """Whether it is there; Refused `aws-mismatch` for a table with other keys or indexes."""
        return self._table(place) is not None if place.kind == TABLE else self._bucket(place.name)

    def _create(self, place: Place) -> Made:
        if self.exists(place):
            return _made(place, EXISTS)
        if place.kind == TABLE:
            self._create_table(place)
        else:
            self._create_bucket(place)
        return _made(place, CREATED)

    # -- tables -----------------------------------------------------------------------------------

    def _table(self, place: Place) -> AwsDocument | None:
        try:
            table: AwsDocument = self._dynamodb.call("describe_table", TableName=place.name)["Table"]
        except StoreError as error:
            if error.code != "aws-missing":
                raise
            return None
        if _shape(table) != _shape(place.definition):
            raise Refused(
                f"the table {place.name} cannot be used for {' and '.join(place.uses)}",
                why="a table of that name exists with other keys or indexes",
                next_step="name another one in [environments.<name>.aws] of karma.toml",
                code="aws-mismatch",
                table=place.name,
            )
        return table

    def _create_table(self, place: Place) -> None:
        try:
            self._dynamodb.call("create_table", **place.definition, DeletionProtectionEnabled=True)
        except StoreError as error:
            if error.facts.get("aws_code") != "ResourceInUseException":  # an answer was lost, not the call
                raise
        for _ in pauses(ACTIVE_SECONDS):
            table = self._table(place)
            if table is not None and table["TableStatus"] == "ACTIVE":
                break
        else:
            raise StoreUnavailable(
                f"the table {place.name} did not become active in {ACTIVE_SECONDS:.0f} s",
                next_step="run the command again: it goes on from here",
                code="store-deadline",
            )
        self._dynamodb.call(
            "update_continuous_backups",
            TableName=place.name,
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        )

    # -- buckets ----------------------------------------------------------------------------------

    def _bucket(self, name: str) -> bool:
        try:
            self._s3.call("head_bucket", Bucket=name)
        except NotFound:
            return False
        return True

    def _create_bucket(self, place: Place) -> None:
        """A private, encrypted, versioned bucket, with Object Lock where the settings ask for it."""
        request: AwsDocument = {"Bucket": place.name, "ObjectLockEnabledForBucket": place.lock_days > 0}
        if self._region != _NO_LOCATION:
            request["CreateBucketConfiguration"] = {"LocationConstraint": self._region}
        try:
            self._s3.call("create_bucket", **request)
        except StoreError as error:
            if error.facts.get("aws_code") != "BucketAlreadyOwnedByYou":
                raise _not_created(place.name, error) from error
        self._s3.call("put_public_access_block", Bucket=place.name, PublicAccessBlockConfiguration=_PRIVATE)
        self._s3.call(
            "put_bucket_encryption",
            Bucket=place.name,
            ServerSideEncryptionConfiguration={"Rules": [self._encryption()]},
        )
        self._s3.call(
            "put_bucket_versioning", Bucket=place.name, VersioningConfiguration={"Status": "Enabled"}
        )

    def _encryption(self) -> AwsDocument:
        rule: AwsDocument = {"SSEAlgorithm": "AES256"}
        if self._kms_key_id:
            rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self._kms_key_id}
        return {"ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": bool(self._kms_key_id)}


def _made(place: Place, status: str) -> Made:
    return Made(kind=place.kind, name=place.name, uses=place.uses, status=status)


def _shape(table: AwsDocument) -> tuple[Any, ...]:
    """Return what cannot be changed of a table: its keys and the keys of its indexes, by name."""
    indexes = [*table.get("LocalSecondaryIndexes", ()), *table.get("GlobalSecondaryIndexes", ())]
    return _keys(table), sorted((index["IndexName"], _keys(index)) for index in indexes)


def _keys(holder: AwsDocument) -> tuple[str, ...]:
    return tuple(f"{key['KeyType']} {key['AttributeName']}" for key in holder["KeySchema"])


def _not_created(bucket: str, error: StoreError) -> StoreError:
    if error.facts.get("aws_code") != "BucketAlreadyExists":
        return error
    return StoreError(
        f"the bucket {bucket} cannot be created",
        why="another account has a bucket of that name",
        next_step="choose another name in [environments.<name>.aws] of karma.toml",
        code="aws-bucket-taken",
    )
