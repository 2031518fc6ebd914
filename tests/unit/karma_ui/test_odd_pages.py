"""Pages of what is gone, and of names that nobody would give: each answers, and none leads elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from karma_core.roles import Role
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.selection.selecting import Selection
from karma_core.walk import ThreadExecutor
from tests.ui_system import UiSystem, Visitor

ODD_CONFIGS = {
    name: {"size": 1}
    for name in ("a_A.B-c", "a_1", "a_x..y", f"a_{'n' * 63}", "a_con.json", "a_x.", "config_diff", "runs_new")
}
WRONG = (
    "%00", "x%00", "x%0a", "x%7f", "%ff", "%E2%80%AE", "%2e", "%2e%2e", "x%3Fenvironment=prod", "x%23y",
    "x%25zz", "%F0%9F%98%80", "x" * 3000,
    "x%5C..%5Cy", "x%3B", "%20",
)  # fmt: skip


@pytest.fixture(scope="module")
def system() -> Iterator[UiSystem]:
    """Components with odd names, deployed."""
    made = UiSystem(configs=ODD_CONFIGS, definitions={}, types="a config runs")
    yield made
    made.close()


@pytest.fixture
def viewer(system: UiSystem) -> Iterator[Visitor]:
    """Somebody who may read."""
    made = system.visitor(Role.VIEWER)
    yield made
    made.close()


@pytest.mark.parametrize("name", list(ODD_CONFIGS))
def test_a_component_with_an_odd_name_has_its_pages(viewer: Visitor, name: str) -> None:
    """Every name that a component may have."""
    address = name.replace("_", "/", 1)
    for page in (f"/components/{address}", f"/log?component={address}", f"/changes/new?component={address}"):
        assert viewer.get(page).status_code == 200, page


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize(
    "page", ["/components/a/{}", "/changes/{}", "/runs/{}", "/log/{}", "/components/{}/x"]
)
def test_a_name_that_nothing_has_is_answered(viewer: Visitor, page: str, name: str) -> None:
    """As something that there is not, never as a defect, and never with another page's content."""
    answer = viewer.get(page.format(name))
    assert 400 <= answer.status_code < 500, answer.status_code


def test_runs_that_destroyed_are_shown(system: UiSystem, viewer: Visitor) -> None:
    """The run's page, the list, and the pages of what is no longer there."""
    result = destroy(system.workspace, Selection(targets=("a/1",)), ThreadExecutor)
    page = viewer.get(f"/runs/{result.run_id}")
    assert (page.status_code, "a/1" in page.text) == (200, True)
    assert viewer.get("/runs").status_code == 200
    assert viewer.get("/log").status_code == 200
    assert viewer.get("/components/a/1").status_code in {200, 404}
