"""What the stores in AWS are told: `[environments.<name>.aws]`, whoever read it."""

# ruff: noqa: D102 - `karma_adapters.wiring.settings.AwsSettings` says what each means

from __future__ import annotations

from typing import Protocol


class AwsSection(Protocol):
    """The names of an environment's stores, and how AWS is reached; nothing is written to it."""

    @property
    def profile(self) -> str: ...

    @property
    def role_arn(self) -> str: ...

    @property
    def external_id(self) -> str: ...

    @property
    def endpoint_url(self) -> str: ...

    @property
    def state_table(self) -> str: ...

    @property
    def log_table(self) -> str: ...

    @property
    def bucket(self) -> str: ...

    @property
    def kms_key_id(self) -> str: ...

    @property
    def object_lock_days(self) -> int: ...

    @property
    def requests_per_second(self) -> float: ...

    @property
    def standard_quota(self) -> int: ...

    @property
    def advanced_quota(self) -> int: ...
