"""Tokens on every state store: what is kept, recognised and refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from karma_adapters.sqlite.state import SqliteState
from karma_core.errors import NotFound, UsageError
from karma_core.roles import Role
from karma_core.strictjson import canonical
from karma_core.use_cases.access.tokens import create, recognise, revoke, tokens
from karma_core.workspace import Workspace
from tests import local_aws
from tests.memory.state import MemoryState
from tests.memory_system import System


@pytest.fixture(params=["dynamodb", "memory", "sqlite"])
def system(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[System, Workspace]]:
    """An environment with its tokens in each kind of store."""
    made = System()
    if request.param == "dynamodb":
        state = local_aws.state(local_aws.fresh(monkeypatch), made.clock)
    elif request.param == "sqlite":
        state = SqliteState(tmp_path / "state.db", clock=made.clock)
    else:
        state = MemoryState(clock=made.clock)
    yield made, replace(made.workspace, state=state)
    state.close()


def test_a_token_is_recognised_and_only_its_hash_is_kept(system: tuple[System, Workspace]) -> None:
    """The text is nowhere in the store or the log."""
    made, workspace = system
    token, text = create(workspace, "ann", Role.OPERATOR)
    assert recognise(workspace, text) == token
    kept = [canonical(document.body) for document in workspace.state.documents("token")]
    assert len(kept) == 1
    secret = text.partition(".")[2].encode()
    assert secret not in kept[0]
    assert [made.events("token_create"), secret in canonical(list(made.said))] == [
        [(None, "succeeded")],
        False,
    ]


def test_a_token_ends_by_itself(system: tuple[System, Workspace]) -> None:
    """After 90 days unless its maker says otherwise: one that was lost does not count for ever."""
    made, workspace = system
    token, text = create(workspace, "ann", Role.ADMIN)
    assert token.expires_at.startswith("2026-04-02")
    made.clock.pass_seconds(89 * 86_400)
    assert recognise(workspace, text) == token
    made.clock.pass_seconds(2 * 86_400)
    assert recognise(workspace, text) is None


def test_nothing_else_is_recognised(system: tuple[System, Workspace]) -> None:
    """Another secret, a part, another's id, an empty or an odd text: nobody."""
    _, workspace = system
    _, one = create(workspace, "ann", Role.VIEWER)
    _, other = create(workspace, "bob", Role.ADMIN)
    mixed = other.partition(".")[0] + "." + one.partition(".")[2]
    odd = ["", "karma_", "karma_.", one[:-1], one + "A", mixed, one.upper(), "karma_x." + "A" * 43, "\ud800"]
    assert [recognise(workspace, text) for text in odd] == [None] * len(odd)


def test_a_token_ends(system: tuple[System, Workspace]) -> None:
    """By its time, or by being revoked, which may be said twice."""
    made, workspace = system
    short, short_text = create(workspace, "ann", Role.VIEWER, days=1)
    long, long_text = create(workspace, "bob", Role.VIEWER)
    made.clock.pass_seconds(86_400)
    assert recognise(workspace, short_text) is None
    assert recognise(workspace, long_text) == long
    ended = revoke(workspace, long.id)
    assert recognise(workspace, long_text) is None
    assert revoke(workspace, long.id) == ended
    assert [token.id for token in tokens(workspace)] == [short.id, long.id]
    with pytest.raises(NotFound):
        revoke(workspace, "none")


@pytest.mark.parametrize("user", ["", "  ", "x" * 201, "a\nb"])
def test_a_token_needs_a_user(system: tuple[System, Workspace], user: str) -> None:
    """The log must be able to name who acted."""
    _, workspace = system
    with pytest.raises(UsageError):
        create(workspace, user, Role.VIEWER)
    with pytest.raises(UsageError):
        create(workspace, "ann", Role.VIEWER, days=0)
