"""Terraform's states in S3: `<prefix>/<type>/<nickname>/terraform.tfstate` of a bucket, one a component.

Bucket, key and lock are options of `init`; credentials, region and endpoint come to Terraform by its
environment alone, so that none is written into its data directory.
"""

from __future__ import annotations

import re
from typing import Final

from karma_adapters.aws.api import Api
from karma_adapters.terraform.backend import decoded, unreadable
from karma_core import ids
from karma_core.errors import NotFound, SettingsError
from karma_core.json_types import JsonObject
from karma_core.model import Record

_LOCK_FILES: Final = (1, 10)
"""Terraform and OpenTofu lock by an object beside the state from 1.10 on (S3 backend's documentation)."""
_VERSION: Final = re.compile(r"(\d+)\.(\d+)")


class StatePlace(Record, frozen=True, kw_only=True):
    """The place of states. `lock_table`: DynamoDB, for versions before 1.10; `local`: not AWS's own S3."""

    bucket: str
    prefix: str = ""
    lock_table: str = ""
    kms_key_id: str = ""
    local: bool = False


class S3Backend:
    """`backend.Backend` on S3."""

    def __init__(self, api: Api, place: StatePlace) -> None:
        self._api = api
        self._place = place

    def override(self) -> str:
        """An S3 backend in place of whichever the module names."""
        return 'terraform {\n  backend "s3" {}\n}\n'

    def options(self, address: str, version: str) -> dict[str, str]:
        """Bucket, key, encryption and lock; SettingsError where this Terraform could not lock."""
        options = {"bucket": self._place.bucket, "key": self._key(address), "encrypt": "true"}
        if self._place.kms_key_id:
            options["kms_key_id"] = self._place.kms_key_id
        if self._place.local:
            names = ("credentials_validation", "metadata_api_check", "region_validation")
            skipped = (*names, "requesting_account_id")
            options |= {"use_path_style": "true", **{f"skip_{name}": "true" for name in skipped}}
        return {**options, **self._lock(version)}

    def state(self, address: str) -> JsonObject | None:
        """The state, or None before the first; BadInput `state-unreadable` if it is damaged."""
        try:
            raw = self._api.content(Bucket=self._place.bucket, Key=self._key(address))
        except NotFound:
            return None
        try:
            return decoded(raw)
        except ValueError as error:
            place = f"s3://{self._place.bucket}/{self._key(address)}"
            step = "restore an earlier version of the object, then deploy again"
            raise unreadable(address, place, error, step) from error

    def _lock(self, version: str) -> dict[str, str]:
        match = _VERSION.search(version)
        if match and (int(match[1]), int(match[2])) >= _LOCK_FILES:
            return {"use_lockfile": "true"}
        if self._place.lock_table:
            return {"dynamodb_table": self._place.lock_table}
        raise SettingsError(
            f"{version} cannot lock a state in S3",
            why="lock files need version 1.10, and there is no tfstate_lock_table for older ones",
            next_step="use a newer Terraform, or set tfstate_lock_table in the environment's aws section",
        )

    def _key(self, address: str) -> str:
        component_type, nickname, _ = ids.Address.parse(address)
        parts = (self._place.prefix.strip("/"), component_type, nickname, "terraform.tfstate")
        return "/".join(part for part in parts if part)
