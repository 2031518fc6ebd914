"""The AWS part of `bootstrap`: one environment's stores in AWS, from its settings. No client is made yet."""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path
from typing import Final

from karma_adapters.aws.access import ATTEMPTS, Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.dynamodb_state import DynamoState
from karma_adapters.aws.neptune_loader import NeptuneLoader, Place
from karma_adapters.aws.parameter_metadata import SeenVersions
from karma_adapters.aws.s3_artifacts import Protection, S3Artifacts
from karma_adapters.aws.ssm import SsmParameters
from karma_adapters.aws.state_table import StateTable
from karma_adapters.wiring.settings import AwsSettings
from karma_core.errors import SettingsError
from karma_core.ports import Clock, Say
from karma_core.records import Tier
from karma_core.token_bucket import TokenBucket
from karma_log.sinks.dynamodb import DynamoSink
from karma_log.sinks.s3 import S3Sink

_LOOKS: Final = 3
"""Attempts of a call that only looks: somebody waits for the answer. Ours."""


class AwsStores:
    """Makes each store that is asked for; `folder` holds what is kept of them locally (a cache)."""

    def __init__(
        self, environment: str, region: str, settings: AwsSettings, folder: Path, *, clock: Clock
    ) -> None:
        self._environment = environment
        self._settings = settings
        self._folder = folder
        self._clock = clock
        self.access = Access(
            region=region,
            profile=settings.profile,
            role_arn=settings.role_arn,
            external_id=settings.external_id,
            endpoint_url=settings.endpoint_url,
        )

    def parameters(self) -> SsmParameters:
        """Parameter Store; its retrying and its non-retrying client share one rate limit."""
        rate = self._settings.requests_per_second
        bucket = TokenBucket(rate, max(1.0, rate), monotonic=time.monotonic)
        quotas = {
            Tier.STANDARD: self._settings.standard_quota,
            Tier.ADVANCED: self._settings.advanced_quota,
        }
        return SsmParameters(
            self._ssm(bucket, ATTEMPTS),
            self._ssm(bucket, 1),
            seen=SeenVersions(self._folder / "parameter-versions.json"),
            quotas=quotas,
            key_id=self._settings.kms_key_id,
        )

    def state(self) -> DynamoState:
        """The state store."""
        table = self._needed("state_table")
        return DynamoState(StateTable(self.dynamodb, table, self._environment), clock=self._clock)

    def artifacts(self) -> S3Artifacts:
        """The artifact log; every key begins with the environment."""
        kept = Protection(kms_key_id=self._settings.kms_key_id, lock_days=self._settings.object_lock_days)
        return S3Artifacts(self.s3, self._needed("bucket"), clock=self._clock, protection=kept)

    def event_table(self) -> DynamoSink:
        """The log's sink in DynamoDB."""
        return DynamoSink(self.dynamodb, self._needed("log_table"), self._environment)

    def event_bucket(self) -> S3Sink:
        """The log's sink in S3."""
        folder = f"{self._environment}/log"
        return S3Sink(self.s3, self._needed("bucket"), folder, kms_key_id=self._settings.kms_key_id)

    def neptune_loader(self, endpoint: str, role_arn: str, vertices: int, say: Say) -> NeptuneLoader:
        """The bulk loader of the cluster at `endpoint`, https://HOST:PORT."""
        place = Place(
            bucket=self._needed("bucket"),
            folder=f"{self._environment}/load",
            region=self.access.region,
            role_arn=role_arn,
            kms_key_id=self._settings.kms_key_id,
        )
        data, starting = (
            Api(self.access, "neptunedata", attempts=attempts, endpoint_url=endpoint)
            for attempts in (ATTEMPTS, 1)
        )
        return NeptuneLoader(data, starting, self.s3, place, vertices=vertices, say=say)

    def service(self, name: str) -> Api:
        """An uncached, unthrottled client of any service, for account inspection."""
        return Api(self.access, name, attempts=_LOOKS)

    @cached_property
    def s3(self) -> Api:
        """S3, shared by artifacts, log and Terraform's states."""
        return Api(self.access, "s3")

    @cached_property
    def dynamodb(self) -> Api:
        """DynamoDB, shared by state and log."""
        return Api(self.access, "dynamodb")

    def _ssm(self, bucket: TokenBucket, attempts: int) -> Api:
        return Api(self.access, "ssm", bucket=bucket, attempts=attempts)

    def _needed(self, key: str) -> str:
        value = str(getattr(self._settings, key))
        if not value:
            raise needs(self._environment, key)
        return value


def needs(environment: str, key: str) -> SettingsError:
    """Return the error for an AWS store that the settings do not name."""
    return SettingsError(
        f"the environment {environment} names no {key}",
        why="one of its stores or log sinks is in AWS",
        next_step=f'add {key} = "…" to [environments.{environment}.aws] in karma.toml',
        environment=environment,
        setting=f"environments.{environment}.aws.{key}",
    )
