"""A change from the form of Prefect's own pages, filled in by hand in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from karma_core.roles import Role
from tests import prefect_database
from tests.browser import launched, sign_in_to_prefect
from tests.e2e.command_line import Karma
from tests.e2e.running_service import PATIENCE, RunningService, make_project

pytestmark = [pytest.mark.xdist_group("service"), pytest.mark.timeout(400)]
LONG = PATIENCE * 1000
"""What `wait_for` waits, in the browser's milliseconds."""


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """Server, API and worker over a shop that is deployed."""
    karma = make_project(tmp_path_factory.mktemp("form"))
    Karma(karma.project).json("deploy", "--all", "--auto-approve")
    prefect_database.prepare(karma.project / ".karma" / "prefect")
    running = RunningService(karma)
    yield running
    running.stop()


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a browser of its own."""
    with launched() as browser:
        opened = browser.new_page()
        opened.set_default_timeout(LONG)
        yield opened


class RunForm:
    """The form by which a deployment is run with parameters of one's own."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def field(self, name: str) -> Locator:
        """A parameter, by its name."""
        label = self._page.locator(
            ".schema-form-property__label", has_text=re.compile(rf"^{name}( \(Optional\))?$")
        )
        return self._page.locator(".schema-form-property").filter(has=label)

    def choose(self, name: str, value: str) -> None:
        """Choose one of a list's values."""
        chosen = self.field(name).locator("button.p-select-button__control")
        chosen.press("Space")  # the list opens on focus and closes again on a click
        self._page.get_by_role("option", name=value, exact=True).click()
        expect(chosen).to_have_text(value, timeout=LONG)

    def write(self, name: str, kind: str, text: str) -> None:
        """Give an optional parameter a value of a kind, as the form calls it."""
        field = self.field(name)
        field.get_by_role("button", name=kind, exact=True).click()
        field.locator("textarea").fill(text)

    def switch_on(self, name: str) -> None:
        """Set a parameter that is yes or no."""
        self.field(name).get_by_role("switch").click()

    def submit(self) -> str:
        """Start the run; its id. Prefect answers 503 while SQLite is locked, and its page asks once."""
        for _ in range(5):
            with self._page.expect_response("**/create_flow_run") as answer:
                self._page.get_by_role("button", name="Submit", exact=True).click()
            if answer.value.status != 503:
                break
        assert answer.value.status == 201, answer.value.text()
        return str(answer.value.json()["id"])


def changes(service: RunningService) -> list[dict[str, Any]]:
    """What the API says of the changes."""
    with service.client("prod", service.token("prod", "vera", Role.VIEWER)) as client:
        listed: list[dict[str, Any]] = client.get("/changes").raise_for_status().json()["items"]
    return listed


def test_a_change_is_started_from_the_form(service: RunningService, page: Page) -> None:
    """Typed fields in, a change applied: the API, the log and Prefect's page of the run say so."""
    pages = service.url("server").removesuffix("/api")
    sign_in_to_prefect(page, pages, service.prefect.auth)
    page.goto(f"{pages}/deployments")
    copied = list((service.karma.project / ".karma/prefect/ui").glob("*/index.html"))
    assert copied, "they are served from Prefect's own installation"
    page.get_by_role("link", name="change-run", exact=True).first.click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").click()
    form = RunForm(page)
    form.choose("environment", "prod")
    form.write("component", "str", "vpc/core")
    form.write("proposed_change", "dict", '{"flow_log_retention_days": 90}')
    form.switch_on("apply_when_approved")
    run_id = form.submit()
    assert service.ended(run_id).type == "COMPLETED"
    (change,) = changes(service)
    assert (change["status"], change["components"]) == ("applied", ["vpc/core"])
    applied = {
        event["component"]: event["inputs"]["flow_run"]
        for event in service.events("prod")
        if event["change_id"] == change["change_id"]
        and (event["action"], event["status"]) == ("terraform_apply", "succeeded")
    }
    assert applied["vpc/core"] == run_id
    shown = Karma(service.karma.project).json("config", "show", "vpc", "core")
    assert shown["config"]["flow_log_retention_days"] == 90
    page.goto(f"{pages}/runs/flow-run/{run_id}")
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=LONG)
    page.get_by_text("Artifacts", exact=True).click()
    link = f"{service.url('api')}/ui/prod/changes/{change['change_id']}"
    expect(page.locator(f'a[href="{link}"]').first).to_be_visible(timeout=LONG)
