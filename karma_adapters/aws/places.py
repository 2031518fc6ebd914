"""The tables and buckets that an environment's settings name: what `karma aws create` makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from karma_adapters.aws import state_table
from karma_adapters.wiring.settings import AwsSettings, Environment, Settings
from karma_core.model import Record
from karma_log.sinks import dynamodb_table

TABLE: Final = "table"
BUCKET: Final = "bucket"


class Place(Record, frozen=True, kw_only=True):
    """A table or bucket. `uses` say what for: state, log, artifacts, terraform_state, terraform_lock.

    `definition` is the request of CreateTable, of a bucket nothing. `lock_days`: its objects are locked.
    """

    kind: str
    name: str
    uses: tuple[str, ...]
    definition: dict[str, Any] = {}
    lock_days: int = 0


def places(settings: Settings, environment: str) -> tuple[Place, ...]:
    """What the environment needs, tables first, by name; nothing where no store of it is in AWS.

    A store whose name is not set is left out: opening it says so.
    """
    section = settings.section(environment)
    aws = section.aws or AwsSettings()
    in_log = sinks(settings, environment)
    return (*_tables(in_log, section, aws), *_buckets(in_log, section, aws))


def _tables(in_log: frozenset[str], section: Environment, aws: AwsSettings) -> Iterator[Place]:
    wanted = {
        "state": (aws.state_table if section.state == "dynamodb" else "", state_table.definition),
        "log": (aws.log_table if "dynamodb" in in_log else "", dynamodb_table.definition),
        "terraform_lock": (
            aws.tfstate_lock_table if section.terraform_state == "s3" else "",
            _lock_definition,
        ),
    }
    for use, (name, define) in sorted(wanted.items(), key=lambda item: item[1][0]):
        if name:
            yield Place(kind=TABLE, name=name, uses=(use,), definition=define(name))


def _buckets(in_log: frozenset[str], section: Environment, aws: AwsSettings) -> Iterator[Place]:
    wanted = {
        "artifacts": aws.bucket if section.artifacts == "s3" else "",
        "log": aws.bucket if "s3" in in_log else "",
        "terraform_state": (aws.tfstate_bucket or aws.bucket) if section.terraform_state == "s3" else "",
    }
    for name in sorted(set(wanted.values()) - {""}):
        uses = tuple(use for use, bucket in sorted(wanted.items()) if bucket == name)
        locked = aws.object_lock_days if "artifacts" in uses else 0
        yield Place(kind=BUCKET, name=name, uses=uses, lock_days=locked)


def sinks(settings: Settings, environment: str) -> frozenset[str]:
    """The sinks of an environment's log, the required one among them."""
    log = settings.log_of(environment)
    return frozenset({*log.sinks, log.required})


def _lock_definition(name: str) -> dict[str, Any]:
    """The table of Terraform's own locks (S3 backend's documentation)."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "LockID", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "LockID", "KeyType": "HASH"}],
    }
