"""Access of an environment to AWS: region, profile, assumed role, endpoint. No credentials are stored."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Final

from karma_core.errors import SettingsError, StoreError

SESSION_NAME: Final = "karma"
"""Name of assumed sessions: what CloudTrail shows beside the role."""
CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 10.0
"""Ours: SSM, S3 and DynamoDB answer small requests in well under a second; what takes longer hangs."""
ATTEMPTS: Final = 10
"""Tries of one call, the first included. Ours: at 40 % of failures one call in 10,000 fails."""
_ASSUMING: Final = 3
"""Tries of assuming a role. Ours: whoever needs it asks again."""
_CONNECTIONS: Final = 16


@dataclass(frozen=True, kw_only=True)
class Access:
    """The region, profile, role and endpoint to use. Empty: the AWS environment variables and files decide.

    `endpoint_url` takes the place of AWS's own addresses, for a local AWS or a VPC endpoint.
    """

    region: str
    profile: str = ""
    role_arn: str = ""
    external_id: str = ""
    endpoint_url: str = ""
    _made: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def client(
        self,
        service: str,
        *,
        attempts: int = ATTEMPTS,
        region: str | None = None,
        read_seconds: float = READ_SECONDS,
        endpoint_url: str = "",
    ) -> Any:
        """A boto3 client with adaptive retries (`attempts` 1: none). One a call: clients are thread-safe.

        `region`: another than the environment's own. `endpoint_url`: the address of this one service.
        """
        from botocore.config import Config  # noqa: PLC0415 - boto3 costs 0.2 s: only who uses AWS pays

        config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            retries={"mode": "adaptive", "total_max_attempts": attempts},
            max_pool_connections=_CONNECTIONS,
            user_agent_extra="karma",
            **self._addressing(service),
        )
        with self._lock:  # making clients is what is not thread-safe in boto3
            return self._session().client(
                service,
                region_name=region or self.region,
                config=config,
                endpoint_url=endpoint_url or self.endpoint_url or None,
            )

    def _addressing(self, service: str) -> dict[str, Any]:
        """How S3 is addressed and signed: links that redirect, or are signed in the old way, are refused.

        By default botocore signs links for buckets by Signature Version 2, and sends them to us-east-1: a
        new bucket elsewhere answers 307, and objects under a KMS key are refused.
        """
        if service != "s3":
            return {}
        style = "path" if self.endpoint_url else "virtual"
        return {
            "signature_version": "s3v4",
            "s3": {"addressing_style": style, "us_east_1_regional_endpoint": "regional"},
        }

    def credentials(self) -> Any:
        """The credentials of now, frozen, to sign a request with; an assumed role's are renewed in time."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        from karma_adapters.aws.failures import translated  # noqa: PLC0415

        try:
            with self._lock:
                source = self._session().get_credentials()
            frozen = source.get_frozen_credentials() if source is not None else None
        except (BotoCoreError, ClientError) as error:
            raise translated(error, "sts", "assume_role") from error
        if frozen is None or not frozen.access_key:
            raise StoreError(
                "there are no AWS credentials",
                why="botocore found none in the environment, the profile or the instance",
                next_step="set AWS_PROFILE or `profile`, or run where a role is attached",
                code="aws-credentials",
            )
        return frozen

    def environment(self) -> dict[str, str]:
        """Variables that give a child process (Terraform) the same access; the credentials are the caller's.

        An assumed role's are fetched anew at each call: they expire.
        """
        variables = {"AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region}
        if self.endpoint_url:
            variables["AWS_ENDPOINT_URL"] = self.endpoint_url
        if not self.role_arn:
            return {**variables, **({"AWS_PROFILE": self.profile} if self.profile else {})}
        with self._lock:
            frozen = self._session().get_credentials().get_frozen_credentials()
        return {
            **variables,
            "AWS_ACCESS_KEY_ID": frozen.access_key,
            "AWS_SECRET_ACCESS_KEY": frozen.secret_key,
            "AWS_SESSION_TOKEN": frozen.token,
            "AWS_PROFILE": "",  # a profile that is set would come before the role
        }

    def _session(self) -> Any:
        if "session" not in self._made:
            self._made["session"] = self._assumed() if self.role_arn else self._own()
        return self._made["session"]

    def _own(self) -> Any:
        import boto3  # noqa: PLC0415
        from botocore.exceptions import ProfileNotFound  # noqa: PLC0415

        try:
            return boto3.Session(profile_name=self.profile or None, region_name=self.region)
        except ProfileNotFound as error:
            raise SettingsError(
                f"there is no AWS profile {self.profile!r}",
                why="neither ~/.aws/config nor ~/.aws/credentials has it",
                next_step="create it with `aws configure`, or correct `profile` in the environment's section",
            ) from error

    def _assumed(self) -> Any:
        """A session whose credentials come from the role and are renewed before they expire."""
        from functools import partial  # noqa: PLC0415

        import boto3  # noqa: PLC0415
        import botocore.session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415
        from botocore.credentials import (  # noqa: PLC0415
            AssumeRoleCredentialFetcher,
            DeferredRefreshableCredentials,
        )

        own = self._own()
        source = own.get_credentials()
        if source is None:
            raise StoreError(
                f"the role {self.role_arn} cannot be assumed",
                why="there are no AWS credentials to assume it with",
                next_step="set AWS_PROFILE or `profile`, or log in with `aws sso login`",
                code="aws-credentials",
            )
        extra = {"RoleSessionName": SESSION_NAME}
        fetcher = AssumeRoleCredentialFetcher(
            partial(
                own._session.create_client,
                endpoint_url=self.endpoint_url or None,
                config=Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"mode": "standard", "total_max_attempts": _ASSUMING},
                ),
            ),
            source,
            self.role_arn,
            extra_args={**extra, **({"ExternalId": self.external_id} if self.external_id else {})},
        )
        assumed: Any = botocore.session.get_session()
        # botocore has no public way to give a session credentials that renew themselves.
        assumed._credentials = DeferredRefreshableCredentials(
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        return boto3.Session(botocore_session=assumed, region_name=self.region)
