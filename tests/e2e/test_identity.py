"""Who somebody is, on the command line: a token proves it, a name does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.boxes import config, make_project, request
from tests.e2e.command_line import Karma

POLICY = """
[policy]
require_approval = true
requesters = ["ann"]
approvers = ["lead"]
"""
GROW = {"component": "box/one", "proposed_change": {"size": 2}}


@pytest.fixture
def karma(tmp_path: Path) -> Karma:
    """A box, deployed, in an environment whose policy names who asks and who approves."""
    plain = make_project(tmp_path, {"box/one": {"size": 1}})
    with (tmp_path / "karma.toml").open("a") as settings:
        settings.write(POLICY)
    return plain


def token(karma: Karma, user: str, role: str = "approver") -> Any:
    """A new token, as `karma token create` tells it."""
    return karma.json("token", "create", user, "--role", role)


def denials(karma: Karma) -> list[tuple[str, str]]:
    """(user, code) of every denial in the log."""
    events = karma.json("log", "list", "--limit", "500")
    return [
        (e["user"], e["inputs"]["code"]) for e in events if (e["action"], e["status"]) == ("access", "denied")
    ]


def test_a_name_opens_nothing(karma: Karma) -> None:
    """Neither KARMA_USER nor the request file makes one a requester or an approver; nothing is applied."""
    assert request(karma.under(KARMA_USER="ann"), GROW, code=4)["error"]["code"] == "identity-unproven"
    ann = karma.under(KARMA_TOKEN=token(karma, "ann")["token"])
    assert request(ann, {**GROW, "requested_by": "boss"}, code=4)["error"]["code"] == "forged-requester"
    mallory = karma.under(KARMA_TOKEN=token(karma, "mallory")["token"])
    assert request(mallory, {**GROW, "requested_by": "ann"}, code=4)["error"]["code"] == "forged-requester"
    assert karma.json("change", "list") == []
    asked = request(ann, GROW, code=4)
    refused = karma.refuses("change", "approve", asked["change_id"], code=4, KARMA_USER="lead")
    assert refused.error["code"] == "identity-unproven"
    assert karma.json("change", "show", asked["change_id"])["status"] == "awaiting_approval"
    assert config(karma, "box/one") == {"size": 1}
    assert denials(karma) == [
        ("ann", "identity-unproven"),
        ("ann", "forged-requester"),
        ("mallory", "forged-requester"),
        ("lead", "identity-unproven"),
    ]


def test_tokens_prove_who_asks_and_who_approves(karma: Karma) -> None:
    """Their users act, whatever KARMA_USER says, and stand in the change and in the log."""
    ann = karma.under(KARMA_TOKEN=token(karma, "ann", "operator")["token"], KARMA_USER="boss")
    lead = karma.under(KARMA_TOKEN=token(karma, "lead")["token"], KARMA_USER="boss")
    asked = request(ann, GROW, code=4)["change_id"]
    approved = lead.json("change", "approve", asked)
    assert approved["status"] == "approved"
    assert lead.json("apply", asked)["status"] == "applied"
    shown = karma.json("change", "show", asked)
    assert (shown["requested_by"], shown["asked_by"], shown["proof"]) == ("ann", "ann", "token")
    assert (shown["approval"]["by"], shown["approval"]["proof"]) == ("lead", "token")
    users = {e["user"] for e in karma.json("log", "list", "--limit", "500") if e["change_id"] == asked}
    assert users == {"ann", "lead"}


def test_a_token_that_does_not_count_is_refused_by_every_command(karma: Karma) -> None:
    """Unknown or revoked: exit code 4, said in the log, also where nothing would be changed."""
    revoked = token(karma, "ann")
    karma.json("token", "revoke", revoked["id"])
    for text in (revoked["token"], "nonsense"):
        for words in (("graph", "show"), ("plan", "--all"), ("deploy", "--all", "--auto-approve")):
            assert karma.refuses(*words, code=4, KARMA_TOKEN=text).error["code"] == "token-not-recognised"
    assert denials(karma) == [("nobody", "token-not-recognised")] * 6
