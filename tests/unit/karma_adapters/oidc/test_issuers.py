"""Whom a token of an issuer proves: it has to be signed, meant for Karma, in time, and mapped to a role."""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from karma_adapters.oidc import discovery
from karma_adapters.oidc.issuers import OidcIssuers
from karma_adapters.wiring.settings import IssuerSettings
from karma_core import documents
from karma_core.documents import Faults
from karma_core.errors import StoreUnavailable
from karma_core.issuers import Returned
from karma_core.roles import Role
from tests.local_issuer import CLIENT, LocalIssuer, connect

BACK = "https://karma.example.org/ui/test/signin/corp/callback"


@pytest.fixture(scope="module")
def shared() -> Iterator[LocalIssuer]:
    """One issuer for tests that change nothing of it."""
    made = LocalIssuer()
    yield made
    made.close()


@pytest.fixture
def issuer() -> Iterator[LocalIssuer]:
    """One test's own."""
    made = LocalIssuer()
    yield made
    made.close()


def issuers_of(issuer: LocalIssuer, *, clock: Any = time.time, **settings: Any) -> OidcIssuers:
    """The issuer as the settings name it, `corp`, in the environments dev and prod."""
    section = documents.read(IssuerSettings, issuer.settings(**settings))
    return OidcIssuers({"corp": section}, ("dev", "prod"), connect=connect, clock=clock)


def test_a_token_proves_its_subject_with_the_highest_role(shared: LocalIssuer) -> None:
    """By the rules alone; the address counts where it is verified, any other name has the issuer's before."""
    issuers = issuers_of(shared)
    verified = {"email": "ann@example.org", "email_verified": True}
    person = issuers.person(shared.token(groups=["readers", "platform"], **verified), "prod")
    assert person is not None
    assert (person.user, person.role, person.proof) == ("ann@example.org", Role.ADMIN, "oidc")
    assert person.environments == ("dev", "prod")
    unverified = issuers.person(shared.token(groups=["readers"], email="boss@example.org"), "prod")
    assert unverified is not None
    assert (unverified.user, unverified.role) == ("oidc:corp:u-1", Role.VIEWER)


FAR = 10_000


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"aud": None},
        {"aud": ["others", CLIENT]},
        {"exp": int(time.time()) - FAR},
        {"exp": None},
        {"nbf": int(time.time()) + FAR},
        {"iat": int(time.time()) + FAR},
        {"iat": None},
        {"iss": "https://evil.example.org"},
        {"iss": None},
        {"sub": None},
        {"groups": ["nobody"]},
        {"groups": None},
        {"groups": "readers platform"},
        {"groups": "readers,platform"},
        {"groups": {"platform": True}},
        {"sub": "a\nb"},
        {"sub": "x" * 300},
        {"sub": 7},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
    ],
)
def test_what_is_not_meant_for_karma_proves_nobody(shared: LocalIssuer, claims: dict[str, Any]) -> None:
    """Another audience, issuer or time, no group that counts, a group within a text, a weaker signature."""
    header = claims.pop("header", None) if "header" in claims else None
    given = {"groups": ["platform"], **claims}
    if header:
        head, body, signature = shared.token(**given).split(".")
        del head
        text = ".".join((_coded(f'{{"alg":"{header["alg"]}","kid":"k1"}}'), body, signature))
    else:
        text = shared.token(**given)
    assert issuers_of(shared).person(text, "prod") is None


def _coded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_a_signature_by_another_key_proves_nobody(shared: LocalIssuer) -> None:
    """Nor one by the public key used as a secret (RFC 8725, 2.1), nor a token that was altered."""
    issuers = issuers_of(shared)
    other = RSAKey.generate_key(2048, {"kid": "k1"})
    assert issuers.person(shared.token(key=other, groups=["platform"]), "prod") is None
    weak = '{"alg":"HS256","kid":"k1"}'
    said = _coded(weak) + "." + shared.token(groups=["platform"]).split(".")[1]
    forged = hmac.digest(shared.key.as_pem(private=False), said.encode(), "sha256")
    text = base64.urlsafe_b64encode(forged).decode().rstrip("=")
    assert issuers.person(f"{said}.{text}", "prod") is None
    head, _, signature = shared.token(groups=["readers"]).split(".")
    body = shared.token(groups=["platform"]).split(".")[1]
    assert issuers.person(f"{head}.{body}.{signature}", "prod") is None
    for odd in ("", ".", "..", "ey.ey.ey", "ey..", "é.é.é", "ey" + "A" * 20_000 + ".ey.ey", "eyJ9.eyJ9.x"):
        assert issuers.person(odd, "prod") is None


def test_machines_are_mapped_by_their_claims(shared: LocalIssuer) -> None:
    """GitHub Actions' and GitLab's tokens: repository and branch both have to match."""
    issuers = issuers_of(shared)
    action = {"sub": "repo:acme/infra:ref:refs/heads/main", "repository": "acme/infra"}
    person = issuers.person(shared.token(**action, ref="refs/heads/main"), "dev")
    assert person is not None
    assert (person.user, person.role) == ("oidc:corp:repo:acme/infra:ref:refs/heads/main", Role.OPERATOR)
    assert issuers.person(shared.token(**action, ref="refs/heads/evil"), "dev") is None
    assert (
        issuers.person(shared.token(sub="x", repository="mallory/infra", ref="refs/heads/main"), "dev")
        is None
    )
    gitlab = [{"claims": {"project_path": "acme/*", "ref_protected": "true"}, "role": "operator"}]
    mapped = issuers_of(shared, rules=gitlab, user_claim="sub")
    job = {"sub": "project_path:acme/infra:ref_type:branch:ref:main", "project_path": "acme/infra"}
    assert mapped.person(shared.token(**job, ref_protected="true"), "dev") is not None
    assert mapped.person(shared.token(**job, ref_protected="false"), "dev") is None


def test_a_role_holds_where_its_rule_says(shared: LocalIssuer) -> None:
    """A rule for `dev` gives nothing in `prod`."""
    rules = [{"claims": {"groups": "readers"}, "role": "admin", "environments": ["dev"]}]
    issuers = issuers_of(shared, rules=rules)
    token = shared.token(groups=["readers"])
    person = issuers.person(token, "dev")
    assert person is not None
    assert (person.role, person.environments) == (Role.ADMIN, ("dev",))
    assert issuers.person(token, "prod") is None


def test_a_text_is_several_groups_where_the_settings_say_how(shared: LocalIssuer) -> None:
    """And an address that nobody verified gives no role, either."""
    token = shared.token(groups="readers|platform")
    assert issuers_of(shared).person(token, "dev") is None
    assert issuers_of(shared, separators={"groups": "|"}).person(token, "dev") is not None
    rules = [{"claims": {"email": "*@example.org"}, "role": "viewer"}]
    mail = issuers_of(shared, rules=rules)
    assert mail.person(shared.token(email="a@example.org"), "dev") is None
    assert mail.person(shared.token(email="a@example.org", email_verified=True), "dev") is not None
    trusting = issuers_of(shared, rules=rules, email_is_verified=True)
    assert trusting.person(shared.token(email="a@example.org"), "dev") is not None


def test_keys_are_fetched_when_they_are_needed_and_not_more_often(issuer: LocalIssuer) -> None:
    """A new key counts once the issuer may be asked again; unknown keys make it asked every 30 s at most."""
    issuers = issuers_of(issuer)
    now = [0.0]
    for named in issuers._named.values():
        named.issuer._monotonic = lambda: now[0]
    assert issuers.person(issuer.token(groups=["platform"]), "dev") is not None
    asked = len(issuer.asked)
    issuer.rotate()
    for _ in range(50):
        assert issuers.person(issuer.token(groups=["platform"]), "dev") is None
    assert len(issuer.asked) == asked
    now[0] += discovery.AGAIN_SECONDS
    assert issuers.person(issuer.token(groups=["platform"]), "dev") is not None
    assert len(issuer.asked) == asked + 1
    issuer.is_down = True
    now[0] += discovery.KEEP_SECONDS
    assert issuers.person(issuer.token(groups=["platform"]), "dev") is not None


@pytest.mark.parametrize(
    "document",
    [{"issuer": "https://evil.example.org"}, {"jwks_uri": "http://198.51.100.7/keys"}, {"jwks_uri": 3}],
)
def test_an_issuer_that_is_another_is_not_believed(issuer: LocalIssuer, document: dict[str, Any]) -> None:
    """The configuration has to name itself, and keys come over TLS."""
    issuer.document = document
    with pytest.raises(StoreUnavailable) as caught:
        issuers_of(issuer).person(issuer.token(groups=["platform"]), "dev")
    assert caught.value.code == "issuer"


def test_an_issuer_that_is_down_is_said_to_be(issuer: LocalIssuer) -> None:
    """503, not 401: the token may be right. A text that names no issuer of ours asks nobody."""
    issuer.is_down = True
    issuers = issuers_of(issuer)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            issuers.person(issuer.token(groups=["platform"]), "dev")
    assert len(issuer.asked) == 1
    assert issuers.person(issuer.token(iss="https://evil.example.org"), "dev") is None


def signed_in(issuer: LocalIssuer, issuers: OidcIssuers, **other: str) -> Any:
    """Go the browser's way; `other` replaces what was kept or what came back."""
    begun = issuers.begin("corp", BACK)
    answer = httpx.get(begun["url"], follow_redirects=False, trust_env=False)
    back = httpx.URL(answer.headers["location"])
    assert back.params["state"] == begun["state"]
    kept = {"nonce": begun["nonce"], "verifier": begun["verifier"], "redirect_uri": BACK}
    return issuers.finish("corp", "prod", Returned(**{"code": back.params["code"], **kept, **other}))


def test_somebody_signs_in_on_the_issuers_page(issuer: LocalIssuer) -> None:
    """The code is changed for a token with the verifier and the client's secret; the token for a person."""
    issuer.claims |= {"groups": ["platform"]}
    person = signed_in(issuer, issuers_of(issuer))
    assert (person.user, person.role) == ("ann@example.org", Role.ADMIN)


@pytest.mark.parametrize(
    "other",
    [{"code": "another"}, {"verifier": "another"}, {"nonce": "another"}, {"redirect_uri": "https://evil/"}],
)
def test_what_another_browser_began_is_not_finished(issuer: LocalIssuer, other: dict[str, str]) -> None:
    """A code that was caught or planted proves nobody."""
    issuer.claims |= {"groups": ["platform"]}
    assert signed_in(issuer, issuers_of(issuer), **other) is None


@pytest.mark.parametrize(
    "claims", [{"aud": "another"}, {"nonce": None}, {"azp": "another"}, {"groups": ["no"]}]
)
def test_a_token_that_is_not_of_this_sign_in_proves_nobody(
    issuer: LocalIssuer, claims: dict[str, Any]
) -> None:
    """For another client, without the nonce, or without a role."""
    issuer.claims |= {"groups": ["platform"], **claims}
    assert signed_in(issuer, issuers_of(issuer)) is None


@pytest.mark.parametrize(
    "section",
    [
        {"issuer": "http://issuer.example.org", "audience": ["karma"]},
        {"issuer": "https://issuer.example.org"},
        {"issuer": "https://a@issuer.example.org", "audience": ["karma"]},
        {"issuer": "https://x.example.org", "audience": ["k"], "rules": [{"claims": {}, "role": "admin"}]},
        {
            "issuer": "https://x.example.org",
            "audience": ["k"],
            "rules": [{"claims": {"a": "b"}, "role": "root"}],
        },
    ],
)
def test_settings_that_would_let_in_anybody_are_refused(section: dict[str, Any]) -> None:
    """Plain HTTP, tokens for anybody, a rule that every token fits, a role that there is not."""
    with pytest.raises(Faults):
        documents.read(IssuerSettings, section)
