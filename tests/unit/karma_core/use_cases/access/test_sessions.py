"""Sessions of the pages: what is kept, how long they count, and what ends them."""

from __future__ import annotations

import pytest

from karma_core.issuers import Person
from karma_core.roles import Role
from karma_core.strictjson import canonical
from karma_core.use_cases.access.sessions import (
    KIND,
    MOST_SESSIONS,
    SESSION_HOURS,
    begin,
    end,
    recognise_session,
)
from karma_core.use_cases.access.tokens import create, revoke
from tests.memory_system import System

ISSUED = Person(user="ann@example.org", role=Role.OPERATOR, proof="oidc", environments=("dev", "prod"))


@pytest.fixture
def system() -> System:
    """An environment in memory."""
    return System()


def by_token(system: System, *, days: int = 90) -> Person:
    """Somebody with a token."""
    token, _ = create(system.workspace, "ann", Role.APPROVER, days=days)
    return Person(user=token.user, role=token.role, proof="token", token_id=token.id)


def test_a_session_stands_for_its_holder_and_only_its_hash_is_kept(system: System) -> None:
    """With the role of the token, or the one that the issuer's claims gave."""
    for person in (by_token(system), ISSUED):
        session, text = begin(system.workspace, person)
        assert recognise_session(system.workspace, text) == session
        assert (session.user, session.role, session.proof) == (person.user, person.role, person.proof)
        kept = b"".join(canonical(document.body) for document in system.state.documents(KIND))
        assert text.partition(".")[2].encode() not in kept
    assert system.events("sign_in") == [(None, "succeeded")] * 2


def test_a_session_ends_by_itself_and_with_its_token(system: System) -> None:
    """After a working day, when the token ends or is revoked, and when somebody signs out."""
    workspace = system.workspace
    texts = [begin(workspace, by_token(system))[1], begin(workspace, ISSUED)[1]]
    revoked = by_token(system)
    _, of_revoked = begin(workspace, revoked)
    revoke(workspace, revoked.token_id)
    assert recognise_session(workspace, of_revoked) is None
    _, signed_out = begin(workspace, ISSUED)
    end(workspace, signed_out)
    assert recognise_session(workspace, signed_out) is None
    assert None not in [recognise_session(workspace, text) for text in texts]
    short = by_token(system, days=1)
    system.clock.pass_seconds(20 * 3600)
    _, of_short = begin(workspace, short)
    assert [recognise_session(workspace, text) for text in texts] == [None, None]
    system.clock.pass_seconds(5 * 3600)
    assert SESSION_HOURS > 5
    assert recognise_session(workspace, of_short) is None


def test_nothing_else_is_a_session(system: System) -> None:
    """A part, another's secret, a token, an odd text; and ending one that is none writes nothing."""
    workspace = system.workspace
    _, one = begin(workspace, by_token(system))
    _, other = begin(workspace, ISSUED)
    _, token = create(workspace, "bob", Role.ADMIN)
    mixed = other.partition(".")[0] + "." + one.partition(".")[2]
    odd = ["", "karmas_", "karmas_.", one[:-1], one + "A", mixed, token, "karmas_x." + "A" * 43, "\ud800"]
    before = system.state.documents(KIND)
    assert [recognise_session(workspace, text) for text in odd] == [None] * len(odd)
    for text in odd:
        end(workspace, text)
    assert system.state.documents(KIND) == before


def test_a_holder_has_one_document_that_does_not_grow(system: System) -> None:
    """However often somebody signs in: the oldest sessions end, and those that are over go."""
    texts = [begin(system.workspace, ISSUED)[1] for _ in range(MOST_SESSIONS + 3)]
    counting = [recognise_session(system.workspace, text) is not None for text in texts]
    assert counting == [False] * 3 + [True] * MOST_SESSIONS
    (document,) = system.state.documents(KIND)
    assert len(document.body["sessions"]) == MOST_SESSIONS
    system.clock.pass_seconds((SESSION_HOURS + 1) * 3600)
    begin(system.workspace, ISSUED)
    (document,) = system.state.documents(KIND)
    assert len(document.body["sessions"]) == 1
