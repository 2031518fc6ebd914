"""Errors as statuses and problem details."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from karma_api import problems
from karma_core import errors
from karma_core.errors import KarmaError

ROOT = Path(__file__).parents[3]
EXPECTED = {
    "BadInput": 422,
    "Conflict": 409,
    "DeployFailed": 422,
    "Forbidden": 403,
    "KarmaError": 500,
    "LeaseHeld": 409,
    "LogTampered": 500,
    "NotFound": 404,
    "PlanDeferred": 422,
    "Refused": 409,
    "SettingsError": 500,
    "StaleLease": 503,
    "StoreError": 500,
    "StoreUnavailable": 503,
    "TooManyRequests": 429,
    "TooSlow": 504,
    "Unauthenticated": 401,
    "UsageError": 400,
    "ValidationFailed": 422,
}
CLASSES = {
    name: kind
    for module in (errors, problems)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, KarmaError)
}


def test_every_class_has_a_status_that_is_documented() -> None:
    """A new class of error cannot come without one."""
    assert {name: problems.status_of(kind("x")) for name, kind in CLASSES.items()} == EXPECTED
    table = (ROOT / "docs/api.md").read_text("utf-8").partition("## Errors")[2]
    said = set(re.findall(r"\b[45]\d\d\b", table))
    assert {str(status) for status in EXPECTED.values()} <= said


def test_a_problem_has_the_members_of_the_rfc_and_of_the_error() -> None:
    """RFC 9457's five, then code, why, next and facts; none of these hides one of those."""
    error = errors.Conflict(
        "it moved", why="somebody wrote", next_step="again", code="moved", status="x", n=1
    )
    document = problems.problem(error)
    assert document["type"] == "urn:karma:error:moved"
    assert (document["status"], document["title"]) == (409, "Refused as things stand")
    assert document["detail"] == "it moved: somebody wrote"
    assert (document["code"], document["why"], document["next"], document["n"]) == (
        "moved",
        "somebody wrote",
        "again",
        1,
    )


@pytest.mark.parametrize(("code", "status"), [("too-large", 413), ("not-approver", 403), ("media-type", 415)])
def test_some_codes_have_a_status_of_their_own(code: str, status: int) -> None:
    """They are more precise than their class."""
    assert problems.status_of(errors.BadInput("x", code=code)) == status


def test_who_has_to_wait_is_told_how_long() -> None:
    """`Retry-After` on 429 and 503, the way to sign in on 401."""
    wait = problems.outgoing(problems.TooManyRequests("x", retry_after=7))
    assert (wait.status, wait.headers["retry-after"]) == (429, "7")
    assert problems.outgoing(errors.StoreUnavailable("x")).headers["retry-after"] == "1"
    assert "www-authenticate" in problems.outgoing(problems.Unauthenticated("x")).headers
