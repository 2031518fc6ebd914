"""AWS proves who calls: by the caller's own credentials, asked once, when a proof is needed."""

from __future__ import annotations

import pytest

from karma_adapters.aws.caller_identity import CallerIdentity, caller_access
from karma_adapters.wiring.settings import AwsSettings
from karma_core.workspace import Actor
from tests import local_aws


def test_the_arn_is_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the role that the environment assumes, which is everybody's."""
    local_aws.fresh(monkeypatch)
    section = AwsSettings(endpoint_url=local_aws.url(), role_arn="arn:aws:iam::123456789012:role/karma")
    prove = CallerIdentity(caller_access(local_aws.REGION, section))
    actor = prove(Actor(user="ann"))
    assert actor.proof == "aws"
    assert actor.user.startswith("arn:aws:")
    assert "role/karma" not in actor.user
    assert prove(Actor(user="bob")).user == actor.user
