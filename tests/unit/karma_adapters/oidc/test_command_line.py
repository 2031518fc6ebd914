"""KARMA_TOKEN on the command line may be a token of an issuer: it proves who acts, as Karma's own does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from karma_adapters.wiring.bootstrap import open_for_person
from karma_adapters.wiring.reading import settings_of
from karma_adapters.wiring.settings import Settings
from karma_core.errors import Refused
from karma_core.roles import Role
from tests.local_issuer import LocalIssuer


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """An issuer in this process."""
    made = LocalIssuer()
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path: Path, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A project whose settings name the issuer, as a file would."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    section = json.loads(json.dumps(issuer.settings()))
    return settings_of(tmp_path, {"environments": {"dev": {}}, "oidc": {"corp": section}})


def test_a_pipeline_acts_by_its_token(
    settings: Settings, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the role that its repository and branch give, and under its subject's name."""
    action = {"sub": "repo:acme/infra:ref:refs/heads/main", "repository": "acme/infra"}
    monkeypatch.setenv("KARMA_TOKEN", issuer.token(**action, ref="refs/heads/main"))
    actor = open_for_person(settings, "dev").actor
    assert (actor.user, actor.proof, actor.role) == (
        "oidc:corp:repo:acme/infra:ref:refs/heads/main",
        "oidc",
        Role.OPERATOR,
    )


@pytest.mark.parametrize("claims", [{"ref": "refs/heads/evil"}, {"aud": "another"}, {"exp": 1}])
def test_a_token_that_gives_no_role_is_refused(
    settings: Settings, issuer: LocalIssuer, monkeypatch: pytest.MonkeyPatch, claims: dict[str, str]
) -> None:
    """Another branch, audience or time: nobody acts under the name of this machine's user instead."""
    given = {"repository": "acme/infra", "ref": "refs/heads/main", **claims}
    monkeypatch.setenv("KARMA_TOKEN", issuer.token(**given))
    with pytest.raises(Refused) as caught:
        open_for_person(settings, "dev")
    assert caught.value.code == "token-not-recognised"
