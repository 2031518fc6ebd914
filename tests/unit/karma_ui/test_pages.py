"""What pages show and lead to: artifacts, runtimes of before, Prefect, other environments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from karma_core.records import ParameterKind, ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.changes.policy_change import request_policy
from karma_core.use_cases.runs.deploy import deploy
from karma_core.walk import ThreadExecutor
from karma_ui.server import prefect_ui
from tests.memory_system import ALL
from tests.served_system import neighbour
from tests.ui_system import UiSystem, Visitor

FLOW_RUN = "3f0c7a52-5b0e-4f2b-9a55-6e8f4a0f2b11"


@pytest.fixture
def system() -> Iterator[UiSystem]:
    """The shop."""
    ui = UiSystem()
    yield ui
    ui.close()


@pytest.fixture
def viewer(system: UiSystem) -> Iterator[Visitor]:
    """A viewer of it."""
    visitor = system.visitor(Role.VIEWER)
    yield visitor
    visitor.close()


def links(text: str, part: str) -> list[str]:
    """Where the links lead whose addresses hold this, below the environment's pages."""
    targets = re.findall(r'href="(?:/ui/test)?([^"]*)"', text)
    return [link.replace("&amp;", "&") for link in dict.fromkeys(targets) if part in link]


def test_artifacts_are_opened_from_runs_and_events(system: UiSystem, viewer: Visitor) -> None:
    """What a run or an event left is a link, and the link gives what was kept."""
    run = system.state.runs()[0]
    event = next(e for e in system.log.events(run_id=run.id) if e.artifacts)
    opened = links(viewer.get(f"/runs/{run.id}").text, "/artifacts?key=")
    assert len(opened) == 2 * len(system.service.graph.view().nodes)
    assert set(links(viewer.get(f"/log/{event.id}").text, "/artifacts?key=")) <= set(opened)
    for link in opened:
        key = parse_qs(urlsplit(link).query)["key"][0]
        shown = unescape(viewer.get(link).text.partition("<pre")[2].partition(">")[2].partition("</pre>")[0])
        kept = (system.artifacts.get(key) or b"").decode()
        assert (json.loads(shown) == json.loads(kept)) if key.endswith("json") else (shown == kept)


def test_the_plan_of_a_change_leads_to_its_artifacts(system: UiSystem, viewer: Visitor) -> None:
    """The document and the text that the approval is about."""
    system.policy["require_approval"] = True
    change = system.request("queue/orders", proposed_change={"name": "later"})
    document, text = links(viewer.get(f"/changes/{change.id}").text, "/artifacts?key=")
    assert f"{change.plan_id}" in viewer.get(document).text
    assert "queue/orders" in viewer.get(text).text


def test_the_page_of_a_policy_shows_what_is_published_and_what_would_be(
    system: UiSystem, viewer: Visitor
) -> None:
    """Nobody approves what the gate reads unseen; the list has the change, too."""
    published = json.dumps({"policy": {"largest_cone": 7}})
    system.parameters.put([ParameterWrite(name="/iac/_policy", value=published)])
    system.policy["largest_cone"] = 8
    change = request_policy(system.workspace)
    text = unescape(viewer.get(f"/changes/{change.id}").text)
    before, after = text.partition("Policy before")[2].split("Policy after")
    assert '"largest_cone": 7' in before
    assert '"largest_cone": 8' in after
    assert links(viewer.get("/changes").text, change.id)


@pytest.mark.parametrize(
    "key", ["", "../../etc/passwd", "test/graph/1", "prod/2026-01-02/x/plan.txt", "<script>"]
)
def test_no_other_key_opens_anything(viewer: Visitor, key: str) -> None:
    """The API refuses, and the page says so."""
    answer = viewer.http.get("/artifacts", params={"key": key})
    assert answer.status_code in {400, 404}
    assert "<script>" not in answer.text


def test_an_earlier_runtime_is_compared_with_that_of_now(system: UiSystem, viewer: Visitor) -> None:
    """Each version is a link to what has changed since, and names the run that published it."""
    system.configure(queue_orders={"name": "orders", "colour": "green"})
    second = system.deploy().run_id
    page = viewer.get("/components/queue/orders").text
    assert links(page, "?runtime=") == ["?runtime=2", "?runtime=1"]
    assert f"/runs/{second}" in links(page, "/runs/")
    compared = viewer.get("/components/queue/orders?runtime=1").text
    assert "From v1 to v2" in compared
    before, now = (viewer.get(f"/components/queue/orders?runtime={n}").text for n in (1, 2))
    assert re.search(r'<tr class="(added|changed)">', before)
    assert "They are the same." in now


def test_a_secret_runtime_has_versions_and_no_values(system: UiSystem, viewer: Visitor) -> None:
    """Also the versions from before it was secret are not compared."""
    name = "/iac/queue/orders/runtime"
    system.parameters.put([ParameterWrite(name=name, value='{"k": "s3cret"}', kind=ParameterKind.SECURE)])
    for query in ("", "?runtime=1", "?runtime=2"):
        page = viewer.get(f"/components/queue/orders{query}")
        assert page.status_code == 200
        assert "none is shown" in page.text
        assert "From v" not in page.text
        assert "s3cret" not in page.text
        assert links(page.text, "?runtime=") == []


def test_a_run_that_prefect_carried_out_leads_there(system: UiSystem, viewer: Visitor) -> None:
    """By the flow run's id; a run of threads has no such link."""
    direct = system.state.runs()[0].id
    assert "Open in Prefect" not in viewer.get(f"/runs/{direct}").text
    system.configure(queue_orders={"name": "by Prefect"})
    workspace = system.workspace
    carried = replace(workspace, actor=replace(workspace.actor, flow_run=FLOW_RUN))
    run = deploy(carried, ALL, ThreadExecutor).run_id
    page = viewer.get(f"/runs/{run}").text
    assert links(page, "prefect") == [f"http://prefect.example.org/runs/flow-run/{FLOW_RUN}"]


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, ""),
        ({"PREFECT_API_URL": "http://p.example.org:4200/api"}, "http://p.example.org:4200"),
        ({"PREFECT_API_URL": "http://p.example.org:4200/api/"}, "http://p.example.org:4200"),
        ({"PREFECT_API_URL": "http://p/api", "PREFECT_UI_URL": "https://ui.p"}, "https://ui.p"),
    ],
)
def test_where_prefect_shows_runs(variables: dict[str, str], expected: str) -> None:
    """PREFECT_UI_URL says it; else the UI stands where the API is."""
    assert prefect_ui(variables) == expected


@pytest.fixture
def two() -> Iterator[tuple[UiSystem, Visitor, str]]:
    """The shop beside an environment `prod`, the shop's admin, and the token of a viewer of `prod`."""
    prod, token = neighbour("prod", a_prod={"size": 1})
    system = UiSystem(neighbours={"prod": prod})
    visitor = system.visitor(Role.ADMIN)
    yield system, visitor, token
    visitor.close()
    system.close()


def test_each_environment_has_pages_and_a_session_of_its_own(two: tuple[UiSystem, Visitor, str]) -> None:
    """Both can be chosen on every page; the session of one signs nobody in to the other."""
    system, visitor, token = two
    page = visitor.get("/graph?form=table").text
    assert re.findall(r"<option( selected)?>(\w+)</option>", page)[-2:] == [
        (" selected", "test"),
        ("", "prod"),
    ]
    assert "queue/orders" in page
    assert "a/prod" not in page
    root = f"{system.server.url}/ui/prod"
    assert visitor.http.get(f"{root}/changes").headers["location"] == "/ui/prod/signin?then=%2Fchanges"
    form = {"token": token, "seal": visitor.seal(f"{root}/signin")}
    assert visitor.http.post(f"{root}/signin", data=form).status_code == 303
    there = visitor.http.get(f"{root}/graph?form=table").text
    assert "a/prod" in there
    assert "queue/orders" not in there
    assert "nina@example.org" in there
    assert "admin@example.org" in visitor.get("/graph?form=table").text
