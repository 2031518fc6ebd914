"""Sessions, seals, roles, headers: what holds for every page, tried by raw requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from karma_core.roles import Role
from karma_ui.app import PAGES
from karma_ui.headers import POLICY
from karma_ui.pages.signin import within
from karma_ui.rendering import render
from karma_ui.session import SEAL, SESSION
from tests.ui_system import UiSystem, Visitor

READS = (
    "/graph", "/graph?form=table", "/graph?form=tree", "/graph/scene.json", "/graph/node?focus=cluster/main",
    "/graph/edge?source=cluster/main&target=network/core", "/graph/graph.svg", "/graph/graph.mmd",
    "/components/cluster/main", "/changes", "/changes/new?component=cluster/main", "/runs", "/log",
    "/log/verify",
)  # fmt: skip
HOSTILE = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'-alert(1)-'", "{{7*7}}", "{{ssm:y}}",
    "${file(\"/etc/passwd\")}", "; rm -rf /", "javascript:alert(1)", "</pre><b>", "]]>",
)  # fmt: skip


@pytest.fixture(scope="module")
def system() -> Iterator[UiSystem]:
    """The shop."""
    ui = UiSystem()
    yield ui
    ui.close()


@pytest.fixture
def visitors(system: UiSystem) -> Iterator[dict[Role | None, Visitor]]:
    """Somebody of each role, and somebody who is not signed in."""
    by_role = {role: system.visitor(role) for role in (None, *Role)}
    yield by_role
    for visitor in by_role.values():
        visitor.close()


Visitors = dict[Role | None, Visitor]


@pytest.mark.parametrize("path", READS)
def test_a_viewer_reads_every_page(visitors: Visitors, path: str) -> None:
    """The least role sees everything that is only shown."""
    assert visitors[Role.VIEWER].get(path).status_code == 200


@pytest.mark.parametrize("path", READS)
def test_nobody_sees_a_page_without_a_session(visitors: Visitors, path: str) -> None:
    """They are sent to sign in, and back to where they wanted to go; a forged token is none."""
    answer = visitors[None].get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/ui/test/signin?then=%2F")
    visitors[None].http.cookies.set(SESSION, "karma_forged.token", path="/ui/test")
    assert visitors[None].get(path).status_code == 303


@pytest.mark.parametrize("path", ["/", "/ui"])
def test_the_name_of_the_server_alone_leads_to_the_pages(visitors: Visitors, path: str) -> None:
    """As does /ui without its last slash."""
    visitor = visitors[None]
    answer = visitor.http.get(str(visitor.http.base_url.copy_with(path=path)))
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")
    assert answer.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize("path", [*READS, "/signin", "/nowhere", "/components/no/such", "/events/x"])
def test_every_answer_has_the_strict_policy(visitors: Visitors, path: str) -> None:
    """No inline script or style, nothing from elsewhere, no framing, nothing kept by caches."""
    answer = visitors[Role.ADMIN].get(path)
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "private, no-store"


class Inline(HTMLParser):
    """Collects what the policy forbids: inline scripts, styles, handlers, foreign addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        for name, value in names.items():
            leads = name in {"href", "src", "action", "formaction"} or name.startswith("hx-")
            foreign = leads and (value or "").strip().lower().startswith(
                ("http", "//", "javascript:", "data:")
            )
            if name == "style" or name.startswith("on") or foreign:
                self.found.append(f"{tag} {name}={value}")


@pytest.mark.parametrize("path", READS)
def test_no_page_has_anything_inline_or_from_elsewhere(visitors: Visitors, path: str) -> None:
    """What the policy would block is not there in the first place."""
    answer = visitors[Role.ADMIN].get(path)
    if "html" not in answer.headers["content-type"]:
        return
    parser = Inline()
    parser.feed(answer.text)
    assert parser.found == []


def test_signing_in_keeps_the_token_where_no_script_reads_it(system: UiSystem, visitors: Visitors) -> None:
    """The cookie is http-only, for this environment's pages, and no other site sends it along."""
    answer = visitors[None].post("/signin", {"token": system.tokens[Role.VIEWER], "then": "/log"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/test/log")
    cookie = answer.headers["set-cookie"].lower()
    assert all(part in cookie for part in ("httponly", "samesite=strict", "path=/ui/test"))
    assert visitors[None].get("/log").status_code == 200
    assert system.tokens[Role.VIEWER] not in visitors[None].get("/log").text


def test_signing_out_ends_the_session(system: UiSystem, visitors: Visitors) -> None:
    """After it the pages are closed again."""
    visitor = visitors[None]
    visitor.post("/signin", {"token": system.tokens[Role.VIEWER]})
    assert visitor.post("/signout").status_code == 303
    assert visitor.get("/graph").status_code == 303


@pytest.mark.parametrize("token", ["", "karma_x.y", "a b", "x" * 5000, "x\r\nset-cookie: a=b", "ü"])
def test_what_is_no_token_signs_nobody_in(visitors: Visitors, token: str) -> None:
    """It is refused, says so, and sets no session."""
    answer = visitors[None].post("/signin", {"token": token})
    assert answer.status_code == 401
    assert SESSION not in answer.headers.get("set-cookie", "")


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil", "\\\\evil", "javascript:alert(1)", "/../../x"],
)
def test_signing_in_leads_nowhere_else(path: str) -> None:
    """Only pages of this environment are gone to afterwards."""
    assert within(path) == "/graph"


WRITES = [path for method, path, _ in PAGES if method == "POST"]


@pytest.mark.parametrize("path", [*WRITES, "/signin"])
def test_no_form_counts_without_the_session_s_seal(visitors: Visitors, path: str) -> None:
    """No seal, a wrong one, that of another session, and one without its cookie: all are refused."""
    filled = path.replace("{change_id}", "id-1").replace("{act}", "approve")
    visitor, other = visitors[Role.ADMIN], visitors[Role.APPROVER]
    foreign = other.seal()
    assert visitor.post(filled, {"component": "cluster/main"}, sealed=False).status_code == 403
    assert visitor.post(filled, {"seal": "0" * 64}, sealed=False).status_code == 403
    assert visitor.post(filled, {"seal": foreign}, sealed=False).status_code == 403
    own = visitor.seal()
    visitor.http.cookies.delete(SEAL)
    assert visitor.post(filled, {"seal": own}, sealed=False).status_code == 403


def test_a_seal_ends_with_its_session(system: UiSystem, visitors: Visitors) -> None:
    """What was sealed before somebody signed in, in the same browser, counts for nothing after."""
    visitor = visitors[None]
    before = visitor.seal()
    visitor.post("/signin", {"token": system.tokens[Role.ADMIN]})
    assert visitor.post("/signout", {"seal": before}, sealed=False).status_code == 403
    assert visitor.post("/signout").status_code == 303


def test_a_form_is_a_form(visitors: Visitors) -> None:
    """Other content types, which other sites can send too, are not read."""
    visitor = visitors[Role.ADMIN]
    answer = visitor.http.post("/signout", json={"seal": visitor.seal()})
    assert answer.status_code == 400


@pytest.mark.parametrize("act", ["approve", "reject", "cancel", "rollback", "apply", "retry"])
def test_a_viewer_cannot_act_by_any_request(system: UiSystem, visitors: Visitors, act: str) -> None:
    """With a right seal and a real change, the API refuses, and the change stays as it was."""
    system.policy["require_approval"] = True
    change = system.request("queue/orders", proposed_change={"name": f"by {act}"})
    visitor = visitors[Role.VIEWER]
    answer = visitor.post(f"/changes/{change.id}/{act}", {"reason": "let me", "digest": change.digest})
    assert answer.status_code == 403
    assert "may not do this" in answer.text
    assert system.change(change.id).status == change.status
    assert f"/{act}" not in visitor.get(f"/changes/{change.id}").text
    system.policy.clear()
    visitors[Role.ADMIN].post(f"/changes/{change.id}/cancel")


def test_a_viewer_cannot_propose_and_an_operator_cannot_approve(system: UiSystem, visitors: Visitors) -> None:
    """Neither by the page's form nor past it."""
    system.policy["require_approval"] = True
    form = {"component": "queue/orders", "as": "json", "patch": '{"name": "x"}'}
    for path in ("/changes/preview", "/changes/submit"):
        assert visitors[Role.VIEWER].post(path, form).status_code == 403
    answer = visitors[Role.OPERATOR].post("/changes/submit", form)
    change = answer.headers["location"].removeprefix("/ui/test")
    assert visitors[Role.OPERATOR].post(f"{change}/approve").status_code == 403
    assert visitors[Role.APPROVER].post(f"{change}/reject", {"reason": "no"}).status_code == 303
    system.policy.clear()


def test_an_environment_that_is_not_served_is_not_found(system: UiSystem, visitors: Visitors) -> None:
    """Whoever asks for it: pages and events alike."""
    for path in ("graph", "events", "signin"):
        assert visitors[Role.ADMIN].http.get(f"{system.server.url}/ui/prod/{path}").status_code == 404


BAD = (
    "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/graph?focus=%00", "/graph?at=x", "/components/A/b",
    "/components/a/..", "/runs/%0a", "/log/..%2f..", "/graph?q=" + "x" * 5000,
)  # fmt: skip


@pytest.mark.parametrize("path", BAD)
def test_bad_addresses_are_refused_politely(visitors: Visitors, path: str) -> None:
    """An error page or a plain answer, never a defect."""
    assert visitors[Role.ADMIN].get(path).status_code < 500


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_values_are_text_on_every_page(system: UiSystem, visitors: Visitors, value: str) -> None:
    """Values of configs, reasons, filters and searches are escaped wherever they are shown."""
    visitor = visitors[Role.ADMIN]
    form = {"component": "queue/orders", "as": "json", "patch": json.dumps({"note": value}), "reason": value}
    shown = [visitor.post("/changes/check", form), visitor.post("/changes/preview", form)]
    change = visitor.post("/changes/submit", form).headers["location"].removeprefix("/ui/test")
    visitor.post("/changes/check", {"component": value, "as": "json", "patch": value})
    paths = [change, "/changes", "/components/queue/orders", "/log?action=change&user=x", "/log"]
    shown += [visitor.get(path) for path in paths]
    shown += [
        visitor.http.get("/graph", params={"q": value}),
        visitor.http.get("/log", params={"user": value}),
    ]
    for answer in shown:
        assert answer.status_code < 500
        parser = Inline()
        parser.feed(answer.text)
        assert parser.found == []
        assert not re.search(r"<script>|<img src=x|<b>", answer.text)


def test_a_hostile_name_of_a_foreign_store_is_text() -> None:
    """Even a component whose name could not be published is only text in the page's data."""
    text = render("graph_edge.html", {"root": "/ui/test", "count": 1, "edges": [edge("<script>/x")]})
    assert "<script>" not in text


def edge(name: str) -> dict[str, Any]:
    """An edge whose names are hostile."""
    return {"source": name, "target": name, "via": [name], "pointers": [name], "keys": [name]}


def test_static_files_are_kept_and_named_by_their_content(visitors: Visitors) -> None:
    """Their address holds their digest, so that browsers need not ask again."""
    page = visitors[None].get("/signin").text
    sheet = re.search(r'href="(/ui/static/[0-9a-f]{12}/karma\.css)"', page)
    assert sheet is not None
    answer = visitors[None].http.get(str(visitors[None].http.base_url.copy_with(path=sheet[1])))
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
