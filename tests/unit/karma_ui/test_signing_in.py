"""Signing in and out: a session in the cookie and no token, over TLS under a name that is protected."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from karma_adapters.oidc.issuers import OidcIssuers
from karma_adapters.wiring.settings import IssuerSettings
from karma_core import documents
from karma_core.roles import Role
from karma_ui.session import SESSION
from tests.local_issuer import LocalIssuer, connect
from tests.ui_system import UiSystem, Visitor


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """An issuer in this process."""
    made = LocalIssuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def system(issuer: LocalIssuer) -> Iterator[UiSystem]:
    """A system that knows the issuer as `corp`."""
    section = documents.read(IssuerSettings, issuer.settings())
    made = UiSystem(issuers=OidcIssuers({"corp": section}, ("test", "prod"), connect=connect))
    yield made
    made.close()


@pytest.fixture
def visitor(system: UiSystem) -> Iterator[Visitor]:
    """Somebody who is not signed in."""
    made = system.visitor(None)
    yield made
    made.close()


def test_the_cookie_holds_a_session_and_not_the_token(system: UiSystem, visitor: Visitor) -> None:
    """Neither the token nor a part of it is kept in the browser, and a token in the cookie is no session."""
    token = system.tokens[Role.VIEWER]
    answer = visitor.post("/signin", {"token": token})
    assert answer.status_code == 303
    said = json.dumps([*answer.headers.items(), *visitor.http.cookies.items()])
    assert token.partition(".")[2] not in said
    assert "karmas_" in said
    other = system.visitor(None)
    other.http.cookies.set(SESSION, token, path="/ui/test")
    assert other.get("/log").status_code == 303
    other.close()


def test_signing_out_ends_the_session_at_the_api_too(system: UiSystem, visitor: Visitor) -> None:
    """A copy of the cookie is worth nothing afterwards."""
    visitor.post("/signin", {"token": system.tokens[Role.VIEWER]})
    copied = str(visitor.http.cookies.get(SESSION))
    assert system.http.get("/whoami", headers={"authorization": f"Bearer {copied}"}).status_code == 200
    visitor.post("/signout")
    system.service.access._remembered.clear()
    assert system.http.get("/whoami", headers={"authorization": f"Bearer {copied}"}).status_code == 401


def test_a_session_begins_no_other(system: UiSystem) -> None:
    """Else it would never end; nor does an anonymous caller have one."""
    session = system.session(Role.VIEWER)
    answer = system.http.post("/sessions", headers={"authorization": f"Bearer {session}"})
    assert (answer.status_code, answer.json()["code"]) == (409, "no-session")
    assert system.post("/sessions", role=None).status_code == 401


def test_over_tls_cookies_have_the_host_prefix(system: UiSystem) -> None:
    """`Secure`, for the whole host, without a domain: no other name and no page without TLS can set one."""

    async def sign_in() -> list[str]:
        transport = httpx.ASGITransport(app=system.app)
        async with httpx.AsyncClient(transport=transport, base_url="https://localhost/ui/test") as http:
            form = await http.get("/signin")
            seal = form.text.partition('data-seal="')[2].partition('"')[0]
            data = {"seal": seal, "token": system.tokens[Role.VIEWER]}
            answer = await http.post("/signin", data=data)
            assert (await http.get("/log")).status_code == 200
            return [*form.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]

    cookies = asyncio.run(sign_in())
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-karma_seal",
        "__Host-karma_session_test",
    }
    for cookie in cookies:
        parts = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"secure", "path=/", "httponly", "samesite=strict"} <= parts
        assert not any(part.startswith("domain") for part in parts)


def went(visitor: Visitor, then: str = "/log") -> Any:
    """Go to the issuer's page and come back, as a browser does."""
    form = visitor.get("/signin")
    assert "Sign in with corp" in form.text
    away = visitor.get(f"/signin/corp?then={then}")
    assert away.status_code == 303
    back = httpx.get(away.headers["location"], trust_env=False).headers["location"]
    return visitor.http.get(back)


def test_somebody_signs_in_on_an_issuers_page(issuer: LocalIssuer, visitor: Visitor) -> None:
    """The page that they come back to goes on to where they wanted to go; the session is theirs."""
    issuer.claims |= {"groups": ["platform"]}
    page = went(visitor)
    assert page.status_code == 200
    assert re.search(r'http-equiv="refresh" content="0; url=/ui/test/log"', page.text)
    shown = visitor.get("/log")
    assert shown.status_code == 200
    assert "ann@example.org" in shown.text


def test_an_issuers_page_leads_nowhere_else(issuer: LocalIssuer, visitor: Visitor) -> None:
    """Not by what is asked for, and not by what was kept."""
    issuer.claims |= {"groups": ["platform"]}
    assert "evil" not in went(visitor, "https://evil.example").text


@pytest.mark.parametrize("change", ["state", "code", "cookie", "error"])
def test_what_another_page_began_signs_nobody_in(issuer: LocalIssuer, visitor: Visitor, change: str) -> None:
    """A code that was planted (login CSRF), a state of another sign-in, a refusal of the issuer."""
    issuer.claims |= {"groups": ["platform"]}
    away = visitor.get("/signin/corp?then=/log")
    back = httpx.URL(httpx.get(away.headers["location"], trust_env=False).headers["location"])
    if change == "cookie":
        visitor.http.cookies.clear()
    elif change == "error":
        back = back.copy_with(query=b"error=access_denied")
    else:
        back = back.copy_set_param(change, "another")
    answer = visitor.http.get(back)
    assert answer.status_code == 401
    assert visitor.http.cookies.get(SESSION) is None
    assert visitor.get("/log").status_code == 303


def test_without_a_role_nobody_is_signed_in_and_it_is_logged(
    issuer: LocalIssuer, system: UiSystem, visitor: Visitor
) -> None:
    """The issuer knows them, and no rule gives them anything here."""
    issuer.claims |= {"groups": ["others"]}
    assert went(visitor).status_code == 401
    newest = next(iter(system.log.events(action="access", newest_first=True)))
    assert newest.inputs["route"] == "issuer-finish"
    assert visitor.get("/signin/nobody").status_code == 404


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_a_token_of_the_issuer_is_a_token_of_the_api(
    issuer: LocalIssuer, system: UiSystem, role: Role
) -> None:
    """With the role of its claims and no more; what it does is by its person, proven."""
    group = {"viewer": "readers", "admin": "platform"}[str(role)]
    token = issuer.token(groups=[group], email="ann@example.org", email_verified=True)
    headers = {"authorization": f"Bearer {token}"}
    who = system.http.get("/whoami", headers=headers).json()
    assert (who["user"], who["role"]) == ("ann@example.org", str(role))
    body = {"component": "queue/orders", "proposed_change": {"name": "other"}, "dry_run": True}
    answer = system.http.post("/request-change", json=body, headers=headers)
    assert answer.status_code == (403 if role is Role.VIEWER else 200)
    assert system.http.get("/tokens", headers=headers).status_code == (403 if role is Role.VIEWER else 200)
    late = {"authorization": f"Bearer {issuer.token(groups=[group], exp=1)}"}
    assert system.http.get("/whoami", headers=late).status_code == 401
