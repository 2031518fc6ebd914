"""The system's Chromium, driven by Playwright: pages opened as somebody, watched for errors, pictured."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from karma_core.roles import Role
from karma_ui.session import SESSION
from tests.ui_system import UiSystem

ROOT: Final = Path(__file__).parents[1]
PICTURES: Final = ROOT / "tests" / "artifacts" / "ui"
"""Where screenshots are kept; Git ignores it."""
AXE: Final = ROOT / "tests" / "vendor" / "axe.min.js"
NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
DESK: Final = {"width": 1400, "height": 860}


def chromium() -> str:
    """Path of the browser. Without one the test is skipped; it fails if KARMA_TEST_REQUIRE says so."""
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    if program is not None:
        return program
    if "chromium" in os.environ.get("KARMA_TEST_REQUIRE", "").split(","):
        pytest.fail("KARMA_TEST_REQUIRE asks for a browser, and there is no chromium on PATH")
    pytest.skip("the pages are walked in Chromium, which is not on PATH")


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser for as long as the block lasts."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def opened(browser: Browser, system: UiSystem, role: Role | None, **options: Any) -> Iterator[Page]:
    """A page of somebody. What the console reports as an error fails the test."""
    context = browser.new_context(**{"viewport": DESK, **options})
    if role is not None:
        context.add_cookies(
            [
                {
                    "name": SESSION,
                    "value": system.session(role),
                    "url": system.pages,
                    "httpOnly": True,
                    "sameSite": "Strict",
                }
            ]
        )
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not faults, faults


def keep(page: Page, name: str, *, full: bool = True) -> None:
    """Keep a picture of the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=full)


def drawn(page: Page) -> int:
    """Wait for the graph; how many nodes were drawn."""
    page.wait_for_selector(".stage[data-drawn]")
    return int(page.locator(".stage").first.get_attribute("data-drawn") or 0)


def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical, as `rule: element`."""
    page.evaluate(
        AXE.read_text("utf-8")
    )  # past the page's policy, which forbids scripts that are not its own
    report = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:120]}"
        for violation in report["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


def sign_in_to_prefect(page: Page, url: str, auth: str) -> None:
    """Give Prefect's pages at a URL the server's `USER:PASSWORD`."""
    page.goto(f"{url}/login")
    page.locator("input").first.fill(auth)
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard*", timeout=120_000)


def work(page: Page, url: str) -> float:
    """Seconds of the main thread's work until the graph is drawn."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(url)
    drawn(page)
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))
