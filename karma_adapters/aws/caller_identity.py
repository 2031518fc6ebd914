"""Who calls, as AWS sees it: STS GetCallerIdentity, asked once, when a proof is needed."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.section import AwsSection
from karma_core.workspace import Actor

_LOOKS = 3
"""Attempts: somebody waits for the answer. Ours."""


def caller_access(region: str, section: AwsSection) -> Access:
    """AWS with the caller's own credentials: a role that the environment assumes is everybody's."""
    return Access(region=region, profile=section.profile, endpoint_url=section.endpoint_url)


class CallerIdentity:
    """`Workspace.prove` by AWS: the ARN of the credentials is the user. StoreError where AWS gives none."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._arn = ""
        self._lock = Lock()

    def __call__(self, actor: Actor) -> Actor:
        """The actor, proven."""
        with self._lock:
            if not self._arn:
                answer = Api(self._access, "sts", attempts=_LOOKS).call("get_caller_identity")
                self._arn = str(answer["Arn"])
        return replace(actor, user=self._arn, proof="aws")
