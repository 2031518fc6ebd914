"""Whom API Gateway recognised becomes a caller with a role, by rules alone."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from karma_api.exchange import Incoming
from karma_core.roles import Role
from karma_lambda.claims import GatewayAccess, caller_of
from karma_lambda.settings import Authorizer
from tests.api_doors import EventDoor, http_api_event, rest_api_event
from tests.contract.test_api import functions_of
from tests.served_system import ServedSystem

RULES = Authorizer(
    roles={"readers": Role.VIEWER, "platform": Role.ADMIN},
    iam_roles={"arn:aws:iam::123456789012:role/ops": Role.OPERATOR},
)
ASSUMED = "arn:aws:sts::123456789012:assumed-role/ops/ann"


VERIFIED = {"email": "a@x", "email_verified": "true"}
HTTP = replace(RULES, role_separator=" ")
REST = replace(RULES, role_separator=",")


def jwt(**claims: Any) -> dict[str, Any]:
    """The block of an HTTP API's JWT authorizer."""
    return {"jwt": {"claims": claims, "scopes": None}}


@pytest.mark.parametrize(
    ("block", "rules", "user", "role"),
    [
        (jwt(**{"cognito:groups": "[readers]", **VERIFIED}), HTTP, "a@x", Role.VIEWER),
        (jwt(**{"cognito:groups": "[readers platform]", "sub": "s-1"}), HTTP, "s-1", Role.ADMIN),
        ({"claims": {"cognito:groups": "readers,platform", **VERIFIED}}, REST, "a@x", Role.ADMIN),
        ({"claims": {"cognito:groups": ["readers"], **VERIFIED}}, RULES, "a@x", Role.VIEWER),
        ({"claims": {"cognito:groups": "readers", **VERIFIED}}, RULES, "a@x", Role.VIEWER),
        ({"iam": {"userArn": ASSUMED}}, RULES, ASSUMED, Role.OPERATOR),
        ({"userArn": ASSUMED}, RULES, ASSUMED, Role.OPERATOR),
    ],
)
def test_claims_give_the_highest_role_that_fits(
    block: dict[str, Any], rules: Authorizer, user: str, role: Role
) -> None:
    """Groups in every way that API Gateway writes them, and roles behind assumed sessions."""
    caller = caller_of(block, rules, "192.0.2.1")
    assert caller is not None
    assert (caller.user, caller.role, caller.source) == (user, role, "lambda")


@pytest.mark.parametrize(
    "block",
    [
        {},
        jwt(**{"cognito:groups": "[others]", "email": "a@x"}),
        jwt(**{"cognito:groups": "[platform-not]", "email": "a@x"}),
        jwt(**{"cognito:groups": "viewers,platform", "sub": "s-1"}),
        jwt(**{"cognito:groups": "viewers platform", "sub": "s-1"}),
        jwt(**{"cognito:groups": "[platform]", "sub": "s-1"}),
        jwt(**{"cognito:groups": "[platform]"}),
        jwt(**{"cognito:groups": "[platform]", "email": "a\nb"}),
        jwt(**{"cognito:groups": "[platform]", "email": "a" * 201}),
        {"iam": {"userArn": "arn:aws:sts::123456789012:assumed-role/ops"}},
        {"iam": {"userArn": "arn:aws:sts::999999999999:assumed-role/ops/ann"}},
        {"iam": {"userArn": None}},
    ],
)
def test_without_a_rule_nobody_is_recognised(block: dict[str, Any]) -> None:
    """No group, another account, no name, or a name that a log line cannot hold: nobody."""
    assert caller_of(block, RULES, "192.0.2.1") is None


@pytest.mark.parametrize("said", [None, False, "false", "yes", 1])
def test_an_address_that_is_not_verified_is_nobodys_name(said: Any) -> None:
    """Whoever signs up somewhere may say any address; the subject is what the issuer vouches for."""
    claims = {"cognito:groups": ["readers"], "email": "boss@example.org", "sub": "s-1"}
    claims |= {} if said is None else {"email_verified": said}
    caller = caller_of({"claims": claims}, RULES, "192.0.2.1")
    assert caller is not None
    assert caller.user == "s-1"
    trusting = caller_of({"claims": claims}, replace(RULES, email_is_verified=True), "192.0.2.1")
    assert trusting is not None
    assert trusting.user == "boss@example.org"


@pytest.mark.parametrize("make", [http_api_event, rest_api_event])
def test_an_authorized_event_acts_in_its_callers_name(make: Any) -> None:
    """The authorizer's caller may what the role may, and the log names it and the door."""
    system = ServedSystem(plans_here=False)
    try:
        door = EventDoor(functions_of(system), system.tokens, make, authorizer=RULES)
        body = b'{"component": "d/four", "proposed_change": {"size": 9}}'
        headers = {"Content-Type": "application/json", "Authorization": "Bearer ey.ey.ey"}
        event = door.event("POST", "/request-change", headers, body)
        event["requestContext"]["authorizer"] = (
            {"iam": {"userArn": ASSUMED}} if "version" in event else {"userArn": ASSUMED}
        )
        answer = door.handle(event)
        assert answer.status_code == 202
        change = door.get(f"/changes/{answer.json()['change_id']}").json()
        assert change["requested_by"] == ASSUMED
        newest = next(iter(system.log.events(action="change", newest_first=True)))
        assert (newest.user, newest.source) == (ASSUMED, "lambda")
        denied = door.event("GET", "/tokens", {}, b"")
        denied["requestContext"]["authorizer"] = {"iam": {"userArn": ASSUMED}, "userArn": ASSUMED}
        assert door.handle(denied).status_code == 403
    finally:
        system.close()


def test_a_header_makes_nobody_a_caller() -> None:
    """What a client sends is never taken for what API Gateway says: only its own requests carry a caller."""
    system = ServedSystem()
    try:
        access = functions_of(system).of(None).access
        assert isinstance(access, GatewayAccess)
        door = EventDoor(functions_of(system), system.tokens, http_api_event, authorizer=RULES)
        event = door.event("GET", "/whoami", {"authorizer": "platform", "caller": "admin"}, b"")
        assert door.handle(event).status_code == 401
        assert not hasattr(Incoming(), "caller")
    finally:
        system.close()
