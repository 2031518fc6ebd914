"""Large graphs in a real browser.

Bounds are on the work of the browser's main thread, which a busy machine does not change much;
`python -m benchmarks ui` prints what somebody waits for.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from karma_core.roles import Role
from karma_ui.graph_cache import CachedGraph
from tests.browser import drawn, keep, launched, opened, work
from tests.ui_system import UiSystem, fleet

pytestmark = pytest.mark.xdist_group("browser")
FIRST_PICTURE_SECONDS = 1.5
"""Of the requirement; there as time on the clock, here as work."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all."""
    with launched() as launched_browser:
        yield launched_browser


@pytest.fixture(scope="module")
def large() -> Iterator[UiSystem]:
    """10,000 components."""
    system = fleet(10_000)
    yield system
    system.close()


def test_a_thousand_components_are_drawn_one_by_one(browser: Browser) -> None:
    """The first picture costs the browser less than the time that it may take."""
    system = fleet(1_000)
    try:
        with opened(browser, system, Role.VIEWER) as page:
            seconds = work(page, f"{system.pages}/graph")
            assert drawn(page) == 1_000
            keep(page, "thousand", full=False)
        assert seconds < FIRST_PICTURE_SECONDS
    finally:
        system.close()


def test_ten_thousand_open_folded_and_answer_search_and_focus(browser: Browser, large: UiSystem) -> None:
    """A node for each type; a search lists what it found, and a focus draws its cone."""
    with opened(browser, large, Role.VIEWER) as page:
        seconds = work(page, f"{large.pages}/graph")
        assert drawn(page) == 5
        keep(page, "ten-thousand", full=False)
        page.fill("#q", "c009999")
        page.press("#q", "Enter")
        expect(page.locator(".found")).to_contain_text("1 found")
        page.click(".found a")
        expect(page.locator(".focus")).to_be_visible()
        whole = CachedGraph(large.get("/graph").json())
        address = next(name for name in whole.nodes if name.endswith("c009999"))
        beside = whole.reach(address, 1, consumers=False) | whole.reach(address, None, consumers=True)
        assert drawn(page) == len(beside)
    assert seconds < FIRST_PICTURE_SECONDS


def test_what_is_too_much_to_draw_stays_folded(browser: Browser, large: UiSystem) -> None:
    """The page says so, and the table shows what was searched for all the same."""
    with opened(browser, large, Role.VIEWER) as page:
        page.goto(f"{large.pages}/graph?collapse=none")
        assert drawn(page) == 5
        expect(page.locator(".strip")).to_contain_text("5 types folded")
        page.goto(f"{large.pages}/graph?collapse=none&q=c0099&form=table")
        expect(page.locator("tbody tr")).to_have_count(100)
