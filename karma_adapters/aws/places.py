"""The tables and buckets that an environment's settings name: what `karma aws create` makes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from karma_adapters.wiring.kinds import Kind, loaded
from karma_adapters.wiring.settings import AwsSettings, Environment, Settings
from karma_core.model import Record
from karma_log.sinks.service import AwsDocument

TABLE: Final = "table"
BUCKET: Final = "bucket"


class Place(Record, frozen=True, kw_only=True):
    """A table or bucket. `uses` say what for: state, log, artifacts, terraform_state, terraform_lock.

    `definition` is the request of CreateTable, of a bucket nothing. `lock_days`: its objects are locked.
    """

    kind: str
    name: str
    uses: tuple[str, ...]
    definition: AwsDocument = {}
    lock_days: int = 0


def places(settings: Settings, environment: str) -> tuple[Place, ...]:
    """Return the tables and buckets that the environment needs, tables first, by name.

    A store whose name is not set is left out: opening it says so.
    """
    section = settings.section(environment)
    aws = section.aws or AwsSettings()
    return (*_tables(settings, section, aws), *_buckets(settings, section, aws))


def _tables(settings: Settings, section: Environment, aws: AwsSettings) -> Iterator[Place]:
    wanted = [
        (getattr(aws, kind.aws_setting), use, loaded(*kind.table.split(":")))
        for use, kind in _used(settings, section)
        if kind.table
    ]
    if section.terraform_state == "s3":
        wanted.append((aws.tfstate_lock_table, "terraform_lock", _lock_definition))
    for name, use, define in sorted(wanted, key=lambda table: table[:2]):
        if name:
            yield Place(kind=TABLE, name=name, uses=(use,), definition=define(name))


def _buckets(settings: Settings, section: Environment, aws: AwsSettings) -> Iterator[Place]:
    wanted = {
        (getattr(aws, kind.aws_setting), use)
        for use, kind in _used(settings, section)
        if kind.aws_setting and not kind.table
    }
    if section.terraform_state == "s3":
        wanted.add((aws.tfstate_bucket or aws.bucket, "terraform_state"))
    for name in sorted({name for name, _ in wanted} - {""}):
        uses = tuple(sorted(use for bucket, use in wanted if bucket == name))
        locked = aws.object_lock_days if "artifacts" in uses else 0
        yield Place(kind=BUCKET, name=name, uses=uses, lock_days=locked)


def _used(settings: Settings, section: Environment) -> list[tuple[str, Kind]]:
    """(use, kind) of every store and sink that the settings name."""
    return [*section.stores().items(), *(("log", kind) for kind in settings.log.kinds())]


def sinks(settings: Settings) -> frozenset[str]:
    """The log's sinks, the required one among them."""
    return frozenset(kind.name for kind in settings.log.kinds())


def _lock_definition(name: str) -> AwsDocument:
    """The table of Terraform's own locks (S3 backend's documentation)."""
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "LockID", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "LockID", "KeyType": "HASH"}],
    }
