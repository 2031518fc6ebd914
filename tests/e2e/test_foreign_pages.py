"""A stranger's page, and another user of this machine, reach nothing of Karma's API, pages and Prefect."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from playwright.sync_api import Browser

from karma_api.routes import ROUTES
from karma_core.roles import Role
from karma_ui.app import OPEN_PAGES, PAGES
from tests import prefect_database
from tests.browser import sign_in_to_prefect
from tests.e2e.command_line import ROOT, Karma, environment
from tests.e2e.foreign_pages import (
    EVIL,
    REBOUND,
    Control,
    Target,
    as_another_user,
    attack,
    attacking_browser,
    body,
    filled,
    karma_targets,
    successes,
    under,
)
from tests.e2e.running_service import SETTINGS, RunningService
from tests.ui_system import UiSystem

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]
CONTROLS = [Target("GET", "/open"), Target("POST", "/open", '{"x": 1}')]
TABLES = (
    "flow", "deployment", "variable", "block_document", "work_pool", "work_queue", "automation", "log",
    "artifact", "saved_search", "concurrency_limit_v2", "task_run",
)  # fmt: skip
"""Of Prefect's database, what it does not write by itself while no worker is there."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser whose pages are the attacker's."""
    with attacking_browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Prefect and the API as `karma up` starts them by itself, with no setting on who may call."""
    karma = Karma(tmp_path_factory.mktemp("attacked"), env="slow", variables={})
    karma.json("init")
    with (karma.project / "karma.toml").open("a") as settings:
        settings.write(SETTINGS)
    prefect_database.prepare(karma.project / ".karma" / "prefect")
    running = RunningService(karma, "--only", "server", "--only", "api")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def prefect(service: RunningService) -> list[Target]:
    """Every route of Prefect's application, at the service's server; deployments are those that it has."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.prefect_routes"],
        cwd=ROOT, env=environment({"PREFECT_HOME": str(service.karma.project / ".routes")}),
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    routes = json.loads(done.stdout)
    assert len(routes) > 150
    assert ["POST", "/api/deployments/{id:uuid}/create_flow_run"] in routes
    deployment = service.prefect_get("/deployments/name/destroy/destroy")["id"]
    url = service.url("server").removesuffix("/api")
    return [Target(method, url + filled(path, id=deployment), body(path)) for method, path in routes]


@pytest.fixture(scope="module", params=[None, Role.ADMIN], ids=str)
def system(request: pytest.FixtureRequest) -> Iterator[UiSystem]:
    """API and pages: for callers with a token only, and where every caller may do everything."""
    ui = UiSystem(anonymous=request.param)
    yield ui
    ui.close()


@pytest.fixture
def control() -> Iterator[Control]:
    """A server that every page reaches."""
    made = Control()
    yield made
    made.close()


def kept(service: RunningService) -> dict[str, list[tuple[object, ...]]]:
    """What is in Prefect's database, but for runs that its own schedules have planned."""
    with closing(sqlite3.connect(service.karma.project / ".karma/prefect/prefect.db")) as database:
        rows = {name: database.execute(f"SELECT id FROM {name}").fetchall() for name in TABLES}  # noqa: S608
        rows["flow_run"] = database.execute("SELECT id FROM flow_run WHERE NOT auto_scheduled").fetchall()
    return rows


PREFECT_PUBLIC = {"/docs", "/docs/oauth2-redirect", "/redoc", "/ui-settings", "//"}
"""Pages of Prefect that show no data: its program for browsers, what that needs to sign in, descriptions."""
ORIGINS = ("http://127.0.0.1:8999", f"http://{EVIL}", REBOUND)
"""Another port of the same address, another site, and a name of the attacker's for the server itself."""


def attacked(browser: Browser, origin: str, url: str, targets: list[Target], control: Control) -> list[str]:
    """Try the targets, which are of the server at `url`, from a page of the origin; what succeeded.

    The page can do what it tries: it reaches the control server, by every way.
    """
    if origin == REBOUND:
        targets = [Target(one.method, under(one.url, REBOUND), one.body) for one in targets]
        origin = under(url, REBOUND)
    controls = [Target(one.method, control.url + one.url, one.body) for one in CONTROLS]
    tried = attack(browser, origin, [*controls, *targets])
    assert {way for method, way in control.taken if method == "POST"} >= {
        "", "text/plain", "text/plain;charset=UTF-8", "application/x-www-form-urlencoded;charset=UTF-8",
    }  # fmt: skip
    assert len({one["url"] for one in tried}) >= len({one.url for one in targets})
    return successes([one for one in tried if not one["url"].startswith(control.url)])


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_page_reaches_no_route_of_karma(
    browser: Browser, system: UiSystem, control: Control, origin: str
) -> None:
    """No answer is read, no handler is called, no run is ordered; also where callers need no token."""
    before, events = system.service.metrics(), len(list(system.log.events()))
    url = system.server.url
    assert attacked(browser, origin, url, karma_targets(url, "test"), control) == []
    assert system.service.metrics().count(b"karma_requests_total{") == before.count(b"karma_requests_total{")
    assert system.runs.started == []
    assert len(list(system.log.events())) == events


@pytest.mark.parametrize("origin", [ORIGINS[0], REBOUND])
def test_a_foreign_page_reaches_nothing_of_a_service(
    browser: Browser, service: RunningService, prefect: list[Target], control: Control, origin: str
) -> None:
    """Neither Prefect's API and pages nor Karma's: nothing is read, made, changed, deleted or started."""
    before, events = kept(service), service.events("slow")
    server, api = service.url("server").removesuffix("/api"), service.url("api")
    assert attacked(browser, origin, server, prefect, control) == []
    assert attacked(browser, origin, api, karma_targets(api, "slow"), control) == []
    assert kept(service) == before
    assert service.events("slow") == events


def test_another_user_of_the_machine_reaches_nothing(service: RunningService, prefect: list[Target]) -> None:
    """Without the password, over TCP: Prefect's API answers 401, Karma's 401 or the page to sign in."""
    file = service.karma.project / ".karma/service/prefect-auth"
    assert file.stat().st_mode & 0o777 == 0o600
    assert (service.karma.project / ".karma/prefect").stat().st_mode & 0o777 == 0o700
    api = service.url("api")
    said, readable = as_another_user([*prefect, *karma_targets(api, "slow")], str(file))
    assert not readable
    in_prefect = [(m, path, status) for m, path, status in said if path.startswith("/api/")]
    assert len(in_prefect) > 150
    answered = {path for _, path, status in in_prefect if status != 401}
    assert answered == {"/api/health", "/api/ready"}
    public = {filled(route.path) for route in ROUTES if route.role is None}
    public |= {f"/ui/slow{path}" for _, path, _ in OPEN_PAGES} | {"/openapi.json"}
    ours = [(m, path, status) for m, path, status in said if (m, path, status) not in in_prefect]
    let_in = {(m, path) for m, path, status in ours if status < 300 and path not in public}
    assert {path for _, path in let_in} <= PREFECT_PUBLIC
    before = kept(service)
    assert before["flow_run"] == []


@pytest.mark.parametrize(("role", "refusal"), [(None, 401), (Role.VIEWER, 403)])
def test_another_user_starts_nothing_without_a_token(role: Role | None, refusal: int) -> None:
    """Where callers without a token have no role, nothing is answered; where they are viewers, they read."""
    system = UiSystem(anonymous=role)
    said, _ = as_another_user(karma_targets(system.server.url, "test"), "/nowhere")
    status = {(method, path): code for method, path, code in said}
    for route in ROUTES:
        if route.role is not None and (role is None or not role.includes(route.role)):
            assert status[route.method, filled(route.path)] == refusal, route.name
    for method, path, _ in PAGES:
        if method == "POST":
            assert status[method, f"/ui/test{filled(path, act='apply')}"] in {400, 403}
    assert system.runs.started == []
    system.close()


def test_the_service_s_own_pages_still_work(browser: Browser, service: RunningService) -> None:
    """Under both names of loopback: Prefect's page signs in with the password and lists deployments."""
    url = service.url("server").removesuffix("/api")
    for name in ("127.0.0.1", "localhost"):
        page = browser.new_page()
        sign_in_to_prefect(page, under(url, name), service.prefect.auth)
        page.goto(f"{under(url, name)}/deployments")
        page.get_by_role("link", name="change-run", exact=True).first.wait_for(timeout=60_000)
        page.close()


@pytest.mark.parametrize("path", ["/api/flow_runs/filter", "/api/deployments/filter"])
@pytest.mark.parametrize(
    "kind", ["text/plain", "", "application/x-www-form-urlencoded", "multipart/form-data"]
)
def test_prefect_takes_a_body_as_json_only_where_it_is_declared(
    service: RunningService, path: str, kind: str
) -> None:
    """Also of who has the password: a type that any page may send is never parsed."""
    user, _, password = service.prefect.auth.partition(":")
    url = service.url("server").removesuffix("/api") + path
    headers = {"content-type": kind} if kind else {}
    with httpx.Client(auth=(user, password), trust_env=False) as client:
        assert client.post(url, content=b"{}", headers=headers).status_code == 415
        assert client.post(url, json={}).status_code == 200


def test_the_route_tables_are_walked(system: UiSystem) -> None:
    """A route that is added to API or pages is among what is tried."""
    tried = {(t.method, t.url) for t in karma_targets("", "test")}
    served = {
        (m, r.path) for r in system.app.routes for m in getattr(r, "methods", None) or () if m != "HEAD"
    }
    paths = {path.partition("?")[0] for _, path in tried}
    assert {filled(path) for _, path in served} <= paths
