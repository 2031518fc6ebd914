"""The pages in a real browser: a component, its cone, a change, its approval, its run, its log."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from karma_core.roles import Role
from tests.browser import drawn, keep, launched, opened, serious
from tests.served_system import neighbour
from tests.ui_system import UiSystem

pytestmark = pytest.mark.xdist_group("browser")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with launched() as launched_browser:
        yield launched_browser


@pytest.fixture
def system() -> Iterator[UiSystem]:
    """The shop, in which every change needs an approval and runs go."""
    ui = UiSystem(runs_go=True)
    ui.policy["require_approval"] = True
    yield ui
    ui.close()


def test_an_operator_proposes_and_an_approver_sees_it_through(browser: Browser, system: UiSystem) -> None:
    """Find, read the cone, propose, see the plan, approve as another, watch the run, open the log entry."""
    with opened(browser, system, Role.OPERATOR) as page:
        page.goto(f"{system.pages}/graph")
        assert drawn(page) == len(system.service.graph.view().nodes)
        keep(page, "graph", full=False)
        page.fill("#q", "main")
        page.press("#q", "Enter")
        page.click(".found a:has-text('cluster/main')")
        expect(page.locator(".focus")).to_contain_text("cluster/main")
        assert drawn(page) == 6  # itself, its network, three services, the site
        expect(page.locator("#panel")).to_contain_text("4 depend on it")
        keep(page, "focus", full=False)
        page.click("#panel a:has-text('Propose a change')")
        page.fill("[name='field.size']", "0")
        expect(page.locator("#check")).to_contain_text("less than the minimum of 1")
        page.fill("[name='field.size']", "7")
        expect(page.locator("#check")).to_contain_text("Valid so far")
        page.fill("[name='reason']", "more orders")
        keep(page, "propose")
        page.click("text=See what it would do")
        assert drawn(page) >= 5
        expect(page.locator("#verdict")).to_contain_text("4 update")
        keep(page, "preview")
        page.click("button:has-text('Request it')")
        expect(page.locator("h1")).to_contain_text("Change")
        expect(page.locator("header .status")).to_have_text("awaiting approval")
        assert page.locator("button:has-text('Approve')").count() == 0
        change = page.url
    with opened(browser, system, Role.APPROVER) as page:
        page.goto(change)
        keep(page, "change")
        page.fill("#decide [name='reason']", "seen")
        page.click("button:has-text('Approve')")
        expect(page.locator("header .status")).to_have_text("applied", timeout=60_000)
        keep(page, "change-applied")
        page.click("dt:has-text('runs') + dd a")
        expect(page.locator("header .status")).to_have_text("succeeded", timeout=60_000)
        expect(page.locator("tbody")).to_contain_text("service/checkout")
        keep(page, "run")
        page.click("text=Its log")
        page.click("tbody a:has-text('terraform_apply') >> nth=0")
        expect(page.locator(".causes")).to_contain_text("change")
        keep(page, "event")


def test_the_walk_works_by_keyboard_alone(browser: Browser, system: UiSystem) -> None:
    """From signing in to the request of a change, without a pointer."""
    with opened(browser, system, None) as page:
        page.goto(f"{system.pages}/graph")
        page.keyboard.type(system.tokens[Role.OPERATOR])
        page.keyboard.press("Enter")
        page.wait_for_selector(".stage[data-drawn]")
        page.keyboard.press("/")
        page.keyboard.type("cluster")
        page.keyboard.press("Enter")
        expect(page.locator(".found")).to_be_visible()
        press_through(page, "cluster/main")
        expect(page.locator(".focus")).to_contain_text("cluster/main")
        press_through(page, "Propose a change")
        expect(page.locator("h1")).to_contain_text("Change cluster/main")
        while page.evaluate("document.activeElement.name") != "field.size":
            page.keyboard.press("Tab")
        page.keyboard.press("Control+A")
        page.keyboard.type("9")
        press_through(page, "See what it would do")
        expect(page.locator("#verdict")).to_contain_text("4 update")
        press_through(page, "Request it")
        expect(page.locator("header .status")).to_have_text("awaiting approval")


def press_through(page: Page, text: str) -> None:
    """Tab on until the link or button with this text has the focus, and press Enter."""
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip() == text:
            page.keyboard.press("Enter")
            return
    raise AssertionError(f"{text} is not reached by Tab")


PAGES = (
    "graph", "graph?form=table", "graph?form=tree", "graph?focus=cluster/main", "graph?since=1", "graph?q=o",
    "components/cluster/main", "changes", "changes/new?component=cluster/main",
    "changes/new?component=cluster/main&as=json", "runs", "log", "log/verify", "components/no/such",
)  # fmt: skip


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(browser: Browser, system: UiSystem, scheme: str) -> None:
    """No serious or critical violation of accessibility, in light and in dark."""
    change = system.request("cluster/main", proposed_change={"size": 4}, reason="to see it").id
    event = system.get("/log").json()["items"][0]["id"]
    run = system.get("/runs").json()["items"][0]["id"]
    artifact = next(key for kept in system.log.events(run_id=run) for key in kept.artifacts)
    with opened(browser, system, Role.ADMIN, color_scheme=scheme) as page:
        page.context.set_extra_http_headers({})
        violations = {}
        own = (f"changes/{change}", f"log/{event}", f"runs/{run}", f"artifacts?key={artifact}")
        for path in (*PAGES[:-1], *own, "components/cluster/main?runtime=1"):
            page.goto(f"{system.pages}/{path}")
            if page.locator(".stage").count():
                drawn(page)
            violations[path] = serious(page)
            keep(page, re.sub(r"[^a-z]+", "-", f"{path}-{scheme}"), full=False)
    with opened(browser, system, None, color_scheme=scheme) as page:
        page.goto(f"{system.pages}/signin")
        violations["signin"] = serious(page)
        keep(page, f"signin-{scheme}", full=False)
    assert {path: faults for path, faults in violations.items() if faults} == {}


def test_a_component_and_a_dependency_are_opened_by_a_click(browser: Browser, system: UiSystem) -> None:
    """The panel beside the picture says what was clicked; the address keeps the view."""
    with opened(browser, system, Role.VIEWER) as page:
        page.goto(f"{system.pages}/graph?type=cluster,service")
        assert drawn(page) == 4
        where = page.evaluate(
            "(() => { const cy = document.querySelector('.stage').karma.cy;"
            " return cy.getElementById('service/mail').renderedPosition() })()"
        )
        page.locator(".canvas").click(position={"x": where["x"], "y": where["y"]})
        expect(page.locator("#panel h2").first).to_have_text("service/mail")
        page.click("#panel [aria-label='How service/mail depends on cluster/main']")
        expect(page.locator("#panel")).to_contain_text("/cluster_nickname")
        page.click(".facets a:has-text('service')")
        expect(page).to_have_url(re.compile("type=cluster$"))
        page.go_back()
        assert drawn(page) == 4


def test_the_status_of_a_run_is_live(browser: Browser, system: UiSystem) -> None:
    """A page that is open shows what happens, without being loaded anew."""
    with opened(browser, system, Role.VIEWER) as page:
        page.goto(f"{system.pages}/changes")
        expect(page.locator("#live")).to_be_visible()
        expect(page.locator("tbody")).to_contain_text("There are none")
        system.post("/request-change", {"component": "queue/orders", "proposed_change": {"name": "o"}})
        expect(page.locator("tbody")).to_contain_text("queue/orders", timeout=20_000)


def test_the_picture_marks_what_a_run_works_on(browser: Browser, system: UiSystem) -> None:
    """A component is marked when its apply starts; afterwards it has the status of the next build."""
    system.policy.clear()
    with opened(browser, system, Role.VIEWER) as page:
        page.goto(f"{system.pages}/graph")
        drawn(page)
        expect(page.locator("#live")).to_be_visible()
        page.evaluate(
            "() => { const cy = document.querySelector('.stage').karma.cy; window.worked = new Set();"
            " const note = ({target}) => target.hasClass('running') && window.worked.add(target.id());"
            " cy.on('class', 'node', note) }"
        )
        body = {"component": "cluster/main", "proposed_change": {"size": 6}}
        assert system.post("/request-change", body).status_code == 202
        until(page, "window.worked.size >= 4")
        assert page.evaluate("window.worked.has('service/checkout')")
        until(page, "document.querySelector('.stage').karma.cy.nodes('.running').length === 0")


def until(page: Page, expression: str) -> None:
    """Wait until it is true. The page's policy lets the driver's own waiting evaluate nothing."""
    for _ in range(300):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"it never was: {expression}")


def test_a_narrow_screen_has_no_sideways_scrolling(browser: Browser, system: UiSystem) -> None:
    """On a telephone everything fits the width."""
    with opened(browser, system, Role.ADMIN, viewport={"width": 390, "height": 800}) as page:
        for path in ("graph", "components/cluster/main", "changes", "log"):
            page.goto(f"{system.pages}/{path}")
            width = page.evaluate("document.documentElement.scrollWidth")
            keep(page, f"narrow-{path.partition('/')[0]}", full=False)
            assert width <= 390, path


def test_another_environment_is_chosen(browser: Browser) -> None:
    """The same kind of page opens there, behind a session of its own; the way back needs no signing in."""
    prod, token = neighbour("prod", a_prod={"size": 1})
    system = UiSystem(neighbours={"prod": prod})
    with opened(browser, system, None) as page:
        page.goto(f"{system.pages}/changes")
        sign_in(page, system.tokens[Role.VIEWER])
        page.wait_for_url("**/ui/test/changes")
        page.select_option("#environment", "prod")
        page.wait_for_url("**/ui/prod/signin?then=%2Fchanges")
        sign_in(page, token)
        page.wait_for_url("**/ui/prod/changes")
        expect(page.locator(".who")).to_contain_text("nina@example.org")
        page.select_option("#environment", "test")
        page.wait_for_url("**/ui/test/changes")
        expect(page.locator(".who")).to_contain_text("viewer@example.org")
    system.close()


def sign_in(page: Page, token: str) -> None:
    """Send the form."""
    page.fill("[name='token']", token)
    page.press("[name='token']", "Enter")


def test_the_theme_is_switched_and_kept(browser: Browser, system: UiSystem) -> None:
    """The button overrules the system's scheme, on the next page too."""
    with opened(browser, system, Role.VIEWER, color_scheme="light") as page:
        page.goto(f"{system.pages}/log")
        page.click("#theme")
        page.goto(f"{system.pages}/runs")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 22)"
