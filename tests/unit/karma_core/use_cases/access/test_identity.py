"""Who somebody is, is proven where the policy names persons; what is only said gets nobody in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from karma_adapters.local.thread_runs import ThreadRuns
from karma_core.changes.states import State
from karma_core.errors import Refused
from karma_core.roles import Role
from karma_core.use_cases.access import tokens
from karma_core.use_cases.access.identity import by_token
from karma_core.use_cases.access.vouching import KIND, LASTS, ordered_by, require_order, vouch
from karma_core.use_cases.changes import decisions
from karma_core.use_cases.changes.rollback import roll_back, roll_back_cone
from karma_core.use_cases.runs.acceptance import accept
from karma_core.workspace import Actor, Workspace
from tests.change_system import ChangeSystem, request

PERSONS: list[dict[str, Any]] = [
    {"requesters": ["ann"]},
    {"distinct_approver": True},
]
PARAMETERS = {"environment": "test", "everything": True, "requested_by": "ann", "source": "api"}


@pytest.fixture
def system() -> ChangeSystem:
    """Two components, nothing deployed."""
    made = ChangeSystem()
    made.configure(a_one={"size": 1}, b_two={"a_nickname": "one"})
    return made


def denials(system: ChangeSystem) -> list[str]:
    """Codes of the events that say that somebody was not let in."""
    denied = [e for e in system.log.events() if (e.action, e.status) == ("access", "denied")]
    return [str((event.inputs or {})["code"]) for event in denied]


def refused(system: ChangeSystem, code: str, act: Callable[[], object]) -> None:
    """The act is Refused with the code, an event says so, and nothing is applied."""
    with pytest.raises(Refused) as caught:
        act()
    assert caught.value.code == code
    assert caught.value.next_step
    assert denials(system)[-1] == code
    assert system.applies() == []


@pytest.mark.parametrize("policy", PERSONS)
def test_a_name_that_is_only_said_requests_nothing(system: ChangeSystem, policy: dict[str, Any]) -> None:
    """KARMA_USER is a label, also where it is the name that the policy has."""
    system.policy, system.proof = policy, ""
    refused(system, "identity-unproven", lambda: system.request("a/one", proposed_change={"size": 2}))
    system.proof = "token"
    assert system.request("a/one", proposed_change={"size": 2}).proof == "token"


def test_where_no_policy_names_persons_nothing_is_proven(system: ChangeSystem) -> None:
    """Neither is a proof looked for."""
    system.policy, system.proof = {"require_approval": True, "protected": ["a/*"]}, ""
    change = system.request("a/one", proposed_change={"size": 2}, requested_by="bob")
    assert (change.requested_by, change.proof) == ("bob", "")
    assert system.approve(change).status is State.APPROVED


def test_an_approver_by_name_alone_approves_and_rejects_nothing(system: ChangeSystem) -> None:
    """Where the policy names approvers; a token of a lower role does not, either."""
    system.policy = {"require_approval": True, "approvers": ["bob"]}
    change = system.request("a/one", proposed_change={"size": 2})
    system.user, system.proof = "bob", ""
    refused(system, "identity-unproven", lambda: system.approve(change))
    refused(system, "identity-unproven", lambda: decisions.reject(system.workspace, change.id))
    viewer = acting(system, role=Role.VIEWER)
    with pytest.raises(Refused) as caught:
        decisions.approve(viewer, change.id)
    assert caught.value.code == "not-approver"
    assert decisions.approve(acting(system, role=Role.APPROVER), change.id).status is State.APPROVED


def acting(system: ChangeSystem, role: Role) -> Workspace:
    """The system's user with a token of that role."""
    workspace = system.workspace
    return replace(workspace, actor=replace(workspace.actor, proof="token", role=role))


def test_another_than_an_unproven_requester_cannot_be_told(system: ChangeSystem) -> None:
    """A change that was requested before the policy named persons is requested anew, or rejected."""
    system.policy, system.proof = {"require_approval": True}, ""
    change = system.request("a/one", proposed_change={"size": 2})
    system.policy = {"require_approval": True, "distinct_approver": True}
    system.user, system.proof = "bob", "token"
    refused(system, "identity-unproven", lambda: system.approve(change))
    assert decisions.reject(system.workspace, change.id).status is State.REJECTED


def test_a_request_in_the_name_of_another_is_refused(system: ChangeSystem) -> None:
    """A forged requester; one's own name in another case is one's own."""
    system.policy = {"requesters": ["*"]}
    forged = {"proposed_change": {"size": 2}, "requested_by": "bob"}
    refused(system, "forged-requester", lambda: system.request("a/one", **forged))
    assert system.request("a/one", **{**forged, "requested_by": "Ann"}).asked_by == "ann"


def test_a_proof_is_looked_for_where_it_is_needed(system: ChangeSystem) -> None:
    """`Workspace.prove` gives the requester."""
    from tests.change_system import request  # noqa: PLC0415

    system.policy, system.proof = {"requesters": ["arn:*"]}, ""
    workspace = replace(
        system.workspace, prove=lambda a: replace(a, user="arn:aws:iam::1:user/a", proof="aws")
    )
    change = request(workspace, {"component": "a/one", "proposed_change": {"size": 2}})
    assert (change.requested_by, change.proof) == ("arn:aws:iam::1:user/a", "aws")


def test_a_token_proves_its_user_and_no_other_text_does(system: ChangeSystem) -> None:
    """Revoked, expired and unknown tokens are errors, never ignored."""
    workspace = system.workspace
    token, text = tokens.create(workspace, "eve", Role.OPERATOR)
    actor = by_token(workspace, text)
    assert (actor.user, actor.proof, actor.role) == ("eve", "token", Role.OPERATOR)
    tokens.revoke(workspace, token.id)
    brief = tokens.create(workspace, "eve", Role.OPERATOR, days=1)[1]
    system.clock.pass_seconds(86_401)
    for wrong in (text, brief, "ann", text[:-1]):
        refused(system, "token-not-recognised", lambda wrong=wrong: by_token(workspace, wrong))  # type: ignore[misc]


def test_a_viewers_token_requests_nothing(system: ChangeSystem) -> None:
    """Where persons are named, a token gives no more on the command line than over the API."""
    system.policy = {"requesters": ["ann"]}
    viewer = replace(system.workspace.actor, role=Role.VIEWER)
    workspace = replace(system.workspace, actor=viewer)
    wanted = {"component": "a/one", "proposed_change": {"size": 2}}
    refused(system, "role-too-low", lambda: request(workspace, wanted))


def test_a_retry_is_asked_for_like_a_request(system: ChangeSystem) -> None:
    """Who may not request a change does not have a failed one applied, either: by no name, role or proof."""
    system.terraform.failures["a/one"] = "apply"
    failed = system.apply(system.request("a/one", proposed_change={"size": 2}))
    system.terraform.failures.clear()
    system.terraform.calls.clear()
    system.policy = {"requesters": ["ann"]}

    def again() -> object:
        return decisions.retry(system.workspace, failed.id)

    for user, proof, code in (("ann", "", "identity-unproven"), ("eve", "token", "policy-requester")):
        system.user, system.proof = user, proof
        refused(system, code, again)
    viewer = acting(system, Role.VIEWER)
    refused(system, "role-too-low", lambda: decisions.retry(viewer, failed.id))
    assert system.change(failed.id).status is State.FAILED
    system.user, system.proof = "ann", "token"
    assert decisions.retry(system.workspace, failed.id).status is State.APPROVED


def test_who_is_proven_late_takes_back_under_the_proven_name(system: ChangeSystem) -> None:
    """AWS gives another name than the label had: what Karma asks for on one's behalf is no forgery."""
    system.deploy()
    change = system.applied("a/one", proposed_change={"size": 2})
    system.proof, system.policy = "", {"requesters": ["arn:*"]}
    arn = "arn:aws:iam::123456789012:user/ann"
    workspace = replace(system.workspace, prove=lambda actor: replace(actor, user=arn, proof="aws"))
    back = decisions.cancel(workspace, roll_back(workspace, change.id).id)
    system.configure(a_one={"size": 3})
    restored = roll_back_cone(workspace, "a/one")
    for rolled in (back, restored):
        assert (rolled.requested_by, rolled.asked_by, rolled.proof) == (arn, arn, "aws")


# -- orders -------------------------------------------------------------------------------------------------


def test_an_order_carries_who_was_proven(system: ChangeSystem) -> None:
    """Into its flow run, and into a retry of that; whatever `requested_by` says there."""
    workspace = system.workspace
    given = vouch(workspace, "deploy", PARAMETERS)
    label = replace(workspace, actor=Actor(user="mallory", source="flow"))
    shown = {**given, "plan_id": None, "with_producers": False, "project": "/srv", "requested_by": "mallory"}
    for _ in range(2):
        actor = ordered_by(label, str(given["order"]), "deploy", shown, "run-1")
        assert (actor.user, actor.proof) == ("ann", "token")
    assert len(str(given["order"])) * 6 >= 128


def test_nobody_vouches_that_who_is_only_said_is_proven(system: ChangeSystem) -> None:
    """The order of a command says the name that was given, and no proof; an order of before is left out."""
    system.proof = ""
    given = vouch(system.workspace, "deploy", {**PARAMETERS, "order": "x"})
    assert given["order"] != "x"
    actor = ordered_by(system.workspace, str(given["order"]), "deploy", given, "run-1")
    assert (actor.user, actor.proof, actor.role) == (system.workspace.actor.user, "", None)


@pytest.mark.parametrize("label", [{"requested_by": "ann"}, {"source": "api"}, {"source": "cli"}])
def test_a_name_without_an_order_is_refused(system: ChangeSystem, label: dict[str, str]) -> None:
    """Whoever reaches Prefect writes it: the run is refused, and the log says whom it named."""
    refused(system, "identity-unproven", lambda: require_order(system.workspace, "destroy", label))
    require_order(system.workspace, "destroy", {"source": "flow", "requested_by": None, "order": None})
    event = list(system.log.events())[-1]
    assert (event.action, event.status, event.user) == ("access", "denied", "nobody")
    assert event.inputs["requested_by"] == label.get("requested_by", "")


@pytest.mark.parametrize(
    ("flow", "changed", "run"),
    [
        ("destroy", {}, "run-1"),
        ("deploy", {"targets": ["a/one"]}, "run-1"),
        ("deploy", {"override_policy": "because"}, "run-1"),
        ("deploy", {"order": "unknown"}, "run-1"),
        ("deploy", {"order": "x" * 5_000}, "run-1"),
        ("deploy", {}, "run-2"),
    ],
)
def test_an_order_for_something_else_is_refused(
    system: ChangeSystem, flow: str, changed: dict[str, Any], run: str
) -> None:
    """Of another flow, with other parameters, unknown here, or taken by another flow run."""
    workspace = system.workspace
    given = vouch(workspace, "deploy", PARAMETERS)
    ordered_by(workspace, str(given["order"]), "deploy", given, "run-1")
    given |= changed
    refused(system, "order-not-vouched", lambda: ordered_by(workspace, str(given["order"]), flow, given, run))


def test_an_order_ends(system: ChangeSystem) -> None:
    """What lay about for a week is not done in anybody's name."""
    given = vouch(system.workspace, "deploy", PARAMETERS)
    system.clock.pass_seconds((LASTS + timedelta(seconds=1)).total_seconds())
    order = str(given["order"])
    refused(system, "order-not-vouched", lambda: ordered_by(system.workspace, order, "deploy", given, "r"))


def test_an_order_of_another_environment_is_refused(system: ChangeSystem) -> None:
    """Also where its document has got into this one's store."""
    workspace = system.workspace
    given = vouch(workspace, "deploy", PARAMETERS)
    order = str(given["order"])
    document = workspace.state.document(KIND, order)
    assert document is not None
    workspace.state.put_document(KIND, order, {**document.body, "environment": "prod"})
    refused(system, "order-not-vouched", lambda: ordered_by(workspace, order, "deploy", given, "run-1"))


def test_a_thread_runs_a_forged_order_for_nobody(system: ChangeSystem) -> None:
    """Parameters that were altered on their way; without an order the requester is only said."""
    workspace = system.workspace
    system.policy = {"requesters": ["ann"]}
    runs = ThreadRuns(lambda _: system.workspace)
    forged = {**vouch(workspace, "deploy", PARAMETERS), "everything": False, "targets": ["a/one"]}
    refused(system, "order-not-vouched", lambda: runs.start("deploy", forged, idempotency_key="1"))
    runs.start("deploy", PARAMETERS, idempotency_key="2")
    runs.close()
    assert [facts["code"] for event, facts in system.said if event == "run_failed"] == ["identity-unproven"]
    assert system.applies() == []


def test_a_lost_state_is_accepted_by_whom_the_policy_lets_ask(system: ChangeSystem) -> None:
    """Who is only said to be somebody, or may only read, says nothing about what is right."""
    system.deploy()
    system.applies()
    system.terraform.lose_state("a/one")
    system.policy, system.proof = {"requesters": ["ann"]}, ""
    refused(system, "identity-unproven", lambda: accept(system.workspace, "state:a/one"))
    reader = system.workspace.acting_as(Actor(user="ann", proof="token", role=Role.VIEWER))
    refused(system, "role-too-low", lambda: accept(reader, "state:a/one"))
    system.proof = "token"
    assert accept(system.workspace, "state:a/one").doubt == "state-lost"
