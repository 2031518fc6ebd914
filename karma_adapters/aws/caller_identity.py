"""The caller's identity in AWS: STS GetCallerIdentity, asked once, when a proof is needed."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.wiring.settings import AwsSettings
from karma_core.errors import StoreError
from karma_core.workspace import Actor

NO_CREDENTIALS = "aws-credentials"
"""Code of the error where there are none, or none that AWS knows."""
_LOOKS = 3
"""Attempts: somebody waits for the answer. Ours."""


def caller_access(region: str, section: AwsSettings) -> Access:
    """Return access with the caller's own credentials: an environment's assumed role is shared by all."""
    return Access(region=region, profile=section.profile, endpoint_url=section.endpoint_url)


class CallerIdentity:
    """`Workspace.prove` by AWS: the ARN of the credentials is the user.

    Without credentials that AWS knows, nothing is proven, and the refusal that follows names every way.
    StoreError where AWS cannot be asked.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._arn = ""
        self._lock = Lock()

    def __call__(self, actor: Actor) -> Actor:
        """Return the actor, proven by the ARN; unchanged if there are no credentials."""
        with self._lock:
            if not self._arn:
                self._arn = self._ask()
        return replace(actor, user=self._arn, proof="aws") if self._arn else actor

    def _ask(self) -> str:
        """The ARN; empty where there are no credentials that AWS knows."""
        try:
            return str(Api(self._access, "sts", attempts=_LOOKS).call("get_caller_identity")["Arn"])
        except StoreError as error:
            if error.code == NO_CREDENTIALS:
                return ""
            raise
