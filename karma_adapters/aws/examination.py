"""Checks of `karma doctor` in AWS: credentials, permissions, prefix, tables, buckets. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from karma_adapters.aws.api import Api
from karma_adapters.aws.creation import Creation
from karma_adapters.aws.places import BUCKET, Place
from karma_adapters.doctor.check import Check, failed, passed, warned
from karma_core.errors import KarmaError
from karma_log.sinks.service import AwsDocument

CREDENTIALS: Final = "aws credentials"
"""The check that all others need."""
_CREATE: Final = "run `karma aws create`"
_POLICY: Final = "grant what `karma doctor --iam-policy` prints to the role in use"
_ASSUMED: Final = re.compile(r"^arn:(aws[a-z-]*):sts::(\d+):assumed-role/([^/]+)/")
_SIMULATED: Final = 100
"""Most actions of one simulation. Ours: one answer holds 100 results and more."""


class Examination:
    """Checks of one environment, made only if the credentials are valid.

    `service` gives the client of an AWS service by name.
    """

    def __init__(self, service: Callable[[str], Api], creation: Creation, places: Sequence[Place]) -> None:
        self._service = service
        self._creation = creation
        self._places = places

    def checks(self, prefix: str, policy: AwsDocument) -> Iterator[Check]:
        """Every check. `prefix` empty: parameters are not in AWS; `policy`: what Karma needs."""
        try:
            caller = self._service("sts").call("get_caller_identity")
        except KarmaError as error:
            yield failed(CREDENTIALS, error)
            return
        yield passed(CREDENTIALS, f"{caller['Arn']} in account {caller['Account']}")
        yield self._permissions(str(caller["Arn"]), policy)
        if prefix:
            yield self._guarded("aws prefix", lambda: self._prefix(prefix))
        for place in self._places:
            name = f"aws {place.kind}"
            yield self._guarded(name, lambda place=place, name=name: self._place(name, place))  # type: ignore[misc]

    def _guarded(self, name: str, check: Callable[[], Check]) -> Check:
        try:
            return check()
        except KarmaError as error:
            return failed(name, error)

    def _permissions(self, caller: str, policy: AwsDocument) -> Check:
        """Let IAM simulate what Karma needs; who may not ask that gets a warning, not a failure."""
        denied = []
        for statement in policy["Statement"]:
            try:
                denied += self._denied(caller, statement)
            except KarmaError as error:
                return warned("aws permissions", f"not simulated: {error.why}", f"compare: {_POLICY}")
        if denied:
            denials = f"denied: {', '.join(sorted(set(denied)))}"
            return Check(name="aws permissions", status="failed", found=denials, next_step=_POLICY)
        return passed("aws permissions", f"{len(policy['Statement'])} statements are allowed")

    def _denied(self, caller: str, statement: AwsDocument) -> list[str]:
        answer = self._service("iam").call(
            "simulate_principal_policy",
            PolicySourceArn=principal(caller),
            ActionNames=statement["Action"][:_SIMULATED],
            ResourceArns=[
                resource.replace(":*:", f":{caller.split(':')[4]}:") for resource in statement["Resource"]
            ],
        )
        results = answer.get("EvaluationResults", ())
        return [result["EvalActionName"] for result in results if result["EvalDecision"] != "allowed"]

    def _prefix(self, prefix: str) -> Check:
        path = prefix.rstrip("/") or "/"
        page = self._service("ssm").call("get_parameters_by_path", Path=path, Recursive=True, MaxResults=10)
        if page["Parameters"] or page.get("NextToken"):
            return passed("aws prefix", f"parameters below {path}")
        return warned("aws prefix", f"nothing below {path} yet", "publish with `karma config publish`")

    def _place(self, name: str, place: Place) -> Check:
        uses = ", ".join(place.uses)
        if not self._creation.exists(place):
            problem = f"{place.name} ({uses}) does not exist"
            return Check(name=name, status="failed", found=problem, next_step=_CREATE)
        if place.kind == BUCKET and place.lock_days and not self._locks(place.name):
            problem = f"{place.name} ({uses}) has no Object Lock, but object_lock_days is {place.lock_days}"
            step = "enable Object Lock on the bucket, or set object_lock_days = 0"
            return Check(name=name, status="failed", found=problem, next_step=step)
        return passed(name, f"{place.name} ({uses})")

    def _locks(self, bucket: str) -> bool:
        try:
            answer = self._service("s3").call("get_object_lock_configuration", Bucket=bucket)
        except KarmaError as error:
            if error.facts.get("aws_code") == "ObjectLockConfigurationNotFoundError":
                return False
            raise
        return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def principal(caller: str) -> str:
    """Return the ARN that IAM can simulate: an assumed session's role, or the caller itself."""
    match = _ASSUMED.match(caller)
    return f"arn:{match[1]}:iam::{match[2]}:role/{match[3]}" if match else caller
