"""What `karma doctor` says of an account: each thing that is wrong, and what to do about it."""

from __future__ import annotations

from typing import Any

import pytest

from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.creation import Creation
from karma_adapters.aws.examination import Examination, principal
from karma_adapters.aws.iam_policy import policy
from karma_adapters.aws.places import places
from karma_adapters.doctor.check import Check
from karma_core.errors import StoreError
from tests import local_aws
from tests.unit.karma_adapters.aws.test_creation import make, settings, wanted

ROLE = "arn:aws:iam::123456789012:role/karma"
SESSION = "arn:aws:sts::123456789012:assumed-role/karma/someone"


class FakeIam:
    """IAM's simulation: everything is allowed but what is denied here."""

    def __init__(self, *denied: str) -> None:
        self.denied = denied
        self.asked: list[dict[str, Any]] = []

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """The answer to SimulatePrincipalPolicy, in the form of the IAM API reference."""
        if "simulate_principal_policy" in self.denied:
            raise StoreError("iam simulate_principal_policy failed", why="AccessDenied")
        self.asked.append(request)
        results = [
            {"EvalActionName": a, "EvalDecision": "implicitDeny" if a in self.denied else "allowed"}
            for a in request["ActionNames"]
        ]
        return {"EvaluationResults": results}


class FakeSts:
    """A caller that is a session of a role."""

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Who calls."""
        return {"Arn": SESSION, "Account": "123456789012"}


@pytest.fixture
def access(monkeypatch: pytest.MonkeyPatch) -> Access:
    """An account that holds nothing."""
    return local_aws.fresh(monkeypatch)


def examined(access: Access, iam: FakeIam, creation: Creation, **aws: Any) -> dict[str, Check]:
    """Name → check, places by their names, of an environment with every store in AWS."""
    chosen = settings(**aws)

    def service(name: str) -> Api:
        fakes: dict[str, Any] = {"iam": iam, "sts": FakeSts()}
        api: Api = fakes.get(name) or local_aws.api(access, name)
        return api

    examination = Examination(service, creation, places(chosen, "dev"))
    checks = examination.checks("/iac", policy(chosen, "dev"))
    return {
        f"{c.name} {c.found.split()[0]}" if "aws table aws bucket".count(c.name) else c.name: c
        for c in checks
    }


def test_an_empty_account_is_told_what_to_create(access: Access) -> None:
    """Every missing table and bucket, and the command that makes it."""
    checks = examined(access, FakeIam(), make(access))
    missing = {name for name, check in checks.items() if check.status == "failed"}
    assert missing == {"aws table locks", "aws table log", "aws table state", "aws bucket things"}
    assert {checks[name].next_step for name in missing} == {"run `karma aws create`"}
    assert checks["aws prefix"].status == "warning"


def test_a_whole_account_is_fine(access: Access) -> None:
    """After the creation and a publish nothing is left to say."""
    make(access).create(wanted())
    local_aws.api(access, "ssm").call("put_parameter", Name="/iac/a/b/config", Value="{}", Type="String")
    checks = examined(access, FakeIam(), make(access))
    assert {check.status for check in checks.values()} == {"ok"}


def test_denied_actions_are_named(access: Access) -> None:
    """As the role of the session, on the resources of its account."""
    iam = FakeIam("ssm:PutParameter", "s3:PutObject")
    check = examined(access, iam, make(access))["aws permissions"]
    assert (check.status, check.found) == ("failed", "denied: s3:PutObject, ssm:PutParameter")
    assert "--iam-policy" in check.next_step
    assert {asked["PolicySourceArn"] for asked in iam.asked} == {ROLE}
    assert "arn:aws:ssm:eu-central-1:123456789012:parameter/iac/*" in iam.asked[0]["ResourceArns"]


def test_who_may_not_simulate_is_warned_only(access: Access) -> None:
    """Simulating is a right of its own, which Karma does not need."""
    check = examined(access, FakeIam("simulate_principal_policy"), make(access))["aws permissions"]
    assert check.status == "warning"


def test_object_lock_that_is_not_there_is_said(access: Access) -> None:
    """Else the first artifact would be refused."""
    make(access).create(wanted())
    check = examined(access, FakeIam(), make(access), object_lock_days=30)["aws bucket things"]
    assert check.status == "failed"
    assert "object_lock_days" in check.next_step


@pytest.mark.parametrize(("caller", "expected"), [(SESSION, ROLE), (ROLE, ROLE)])
def test_sessions_are_simulated_as_their_roles(caller: str, expected: str) -> None:
    """IAM simulates users and roles, not sessions."""
    assert principal(caller) == expected
