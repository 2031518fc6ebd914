"""The pages: layout and serialisation against the bare work, and what a browser waits for."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator

import msgspec
import networkx as nx
from playwright.sync_api import Browser, Page

from benchmarks.figures import Figure, best_of
from karma_core.graph.layout import layered
from karma_core.roles import Role
from karma_ui.graph_cache import CachedGraph
from karma_ui.rendering import render
from karma_ui.scene import draw
from karma_ui.view import View
from tests.browser import NAMES, launched, opened, work
from tests.ui_system import UiSystem, fleet

TITLE = "pages"
LAYOUT_LIMIT = 12.0
"""Times a bare topological sort by networkx, which gives an order and no place."""
SCENE_LIMIT = 12.0
"""Times encoding the graph's document alone."""
FIRST_PICTURE_MS = 1500
ANSWER_MS = 500


def run() -> Iterator[Figure]:
    """The figures of this module; those of a browser where there is one."""
    small = fleet(1_000)
    large = fleet(10_000)
    try:
        yield from _server(small, 1_000)
        yield from _server(large, 10_000)
        if any(map(shutil.which, NAMES)):
            yield from _browser(small, large)
    finally:
        small.close()
        large.close()


def _server(system: UiSystem, count: int) -> Iterator[Figure]:
    document = msgspec.json.decode(system.get("/graph").content)
    whole = CachedGraph(document)
    every = View(collapse="none") if count <= 1_000 else View()  # noqa: PLR2004 - what is drawn one by one
    edges, nodes = list(whole.edges), list(whole.nodes)

    def order() -> None:
        list(nx.topological_sort(nx.DiGraph(edges)))

    def scene() -> None:
        msgspec.json.encode(draw(whole, every).document())

    bare, placed, encoded, drawn, read = best_of(
        5,
        order,
        lambda: layered(nodes, edges),
        lambda: msgspec.json.encode(document),
        scene,
        lambda: CachedGraph(msgspec.json.decode(msgspec.json.encode(document))),
    )
    note = f"{placed * 1000:,.1f} ms"
    yield Figure(f"layout, {count:,}", placed / bare, LAYOUT_LIMIT, "topological sorts", note)
    note = f"{drawn * 1000:,.1f} ms"
    yield Figure(f"scene as JSON, {count:,}", drawn / encoded, SCENE_LIMIT, "encodings", note)
    yield Figure(f"graph read from the API, {count:,}", read / encoded, None, "encodings")
    started = time.perf_counter()
    render("bare.html", {"said": "x"})
    yield Figure("smallest page", (time.perf_counter() - started) * 1000, None, "ms")


def _browser(small: UiSystem, large: UiSystem) -> Iterator[Figure]:
    with launched() as browser:
        first = min(first_picture(browser, small, "/graph") for _ in range(3))
        yield Figure("first picture, 1,000", first, FIRST_PICTURE_MS, "ms after the load began")
        with opened(browser, small, Role.VIEWER) as page:
            seconds = min(work(page, f"{small.pages}/graph") for _ in range(3))
            yield Figure("work of the browser's main thread for it", seconds * 1000, FIRST_PICTURE_MS, "ms")
        first = min(first_picture(browser, large, "/graph") for _ in range(3))
        yield Figure("opens folded, 10,000", first, FIRST_PICTURE_MS, "ms after the load began")
        with opened(browser, large, Role.VIEWER) as page:
            page.goto(f"{large.pages}/graph")
            page.wait_for_selector(".stage[data-drawn]")
            yield Figure(
                "search, 10,000", min(search(page, f"c00{n}") for n in range(12, 15)), ANSWER_MS, "ms"
            )
            yield Figure("focus, 10,000", min(focus(page, large, n) for n in range(5)), ANSWER_MS, "ms")


def first_picture(browser: Browser, system: UiSystem, path: str) -> float:
    """Milliseconds from the beginning of a navigation to the drawn graph."""
    with opened(browser, system, Role.VIEWER) as page:
        page.goto(system.pages + path)
        page.wait_for_selector(".stage[data-drawn]")
        return float(page.evaluate("performance.getEntriesByName('karma-drawn')[0].startTime"))


def search(page: Page, text: str) -> float:
    """Milliseconds from Enter in the search field to its list."""
    page.fill("#q", text)
    started = time.perf_counter()
    page.press("#q", "Enter")
    page.wait_for_selector(f".found a:has-text('{text}') >> nth=0")
    return (time.perf_counter() - started) * 1000


def focus(page: Page, system: UiSystem, number: int) -> float:
    """Milliseconds from choosing a found component to its cone, drawn."""
    page.goto(f"{system.pages}/graph?q=c0099{number:02}")
    page.wait_for_selector(".stage[data-drawn]")
    started = time.perf_counter()
    page.click(".found a >> nth=0")
    page.wait_for_selector(".focus")
    page.wait_for_selector(".stage[data-drawn]")
    return (time.perf_counter() - started) * 1000
