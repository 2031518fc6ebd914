"""What is read over HTTP: the graph, its parts, builds, the log."""

from __future__ import annotations

from karma_api.exchange import encode
from karma_core.graph.document import show_document
from karma_core.records import ParameterKind, ParameterWrite
from karma_core.roles import Role
from karma_core.use_cases.graph.build import build_graph
from tests.served_system import ServedSystem


def test_the_graph_is_the_document_of_the_command_line(served: ServedSystem) -> None:
    """GET /graph gives what `karma graph show --json` prints."""
    stored = served.graph.load("test")
    assert stored is not None
    answer = served.get("/graph")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    document = show_document(stored.graph, environment="test", build_id=stored.build.id)
    assert answer.content == encode(document)


def test_an_etag_saves_the_body_until_the_next_build(fresh: ServedSystem) -> None:
    """304 while the build is the same, a new body and a new ETag after the next one."""
    first = fresh.get("/graph")
    again = fresh.get("/graph", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    fresh.configure(e_five={"size": 5})
    build_graph(fresh.workspace)
    fresh.service.graph.moved()
    after = fresh.get("/graph", **{"if-none-match": first.headers["etag"]})
    assert after.status_code == 200
    assert "e/five" in [node["id"] for node in after.json()["nodes"]]
    assert after.headers["etag"] != first.headers["etag"]
    earlier = fresh.get(f"/graph?at={first.json()['build_id']}")
    assert earlier.json() == first.json()


def test_a_component_has_values_and_neighbours(served: ServedSystem) -> None:
    """Config, runtime, producers and consumers stand in one document."""
    component = served.get("/components/b/two").json()
    assert component["config"] == {"a_nickname": "one"}
    assert component["runtime"] == served.runtime("b/two")
    assert [one["id"] for one in component["producers"]] == ["a/one"]
    assert [one["id"] for one in component["consumers"]] == ["c/three"]
    assert component["producers"][0]["via"] == ["nickname"]
    assert component["status"] == "current"


def test_components_come_in_pages(served: ServedSystem) -> None:
    """Following `next` gives every component once, in order."""
    seen, after = [], ""
    while True:
        body = served.get(f"/components?limit=3{after}").json()
        seen += [node["id"] for node in body["items"]]
        if body["next"] is None:
            break
        after = f"&after={body['next']}"
    assert seen == ["a/one", "b/two", "c/three", "d/four"]
    assert [n["id"] for n in served.get("/components?type=d").json()["items"]] == ["d/four"]
    assert [n["id"] for n in served.get("/components?search=tw").json()["items"]] == ["b/two"]
    assert served.get("/components?status=stale").json()["items"] == []


def test_impact_and_path(served: ServedSystem) -> None:
    """The contract's documents."""
    assert served.get("/graph/impact?component=a/one").json() == {
        "component": "a/one",
        "downstream": ["b/two", "c/three"],
        "waves": [["a/one"], ["b/two"], ["c/three"]],
    }
    path = served.get("/graph/path?source=c/three&target=a/one").json()
    assert path["path"] == ["c/three", "b/two", "a/one"]


def test_diff_of_builds(served: ServedSystem) -> None:
    """Between a build and itself there is none; against now there is none after a build."""
    difference = served.get("/graph/diff?from=1&to=1").json()
    assert (difference["added"], difference["changed"], difference["removed"]) == (0, 0, 0)
    assert served.get("/graph/diff").json()["to"] == "now"


def test_queries_by_name_and_in_gremlin(served: ServedSystem) -> None:
    """A viewer asks by name; Gremlin takes an operator."""
    wanted = {"query_type": "dependencies", "parameters": {"component": "b/two"}}
    subgraph = served.post("/graph/query", wanted, Role.VIEWER).json()
    assert [n["id"] for n in subgraph["nodes"]] == ["a/one", "b/two"]
    assert [(e["source"], e["target"]) for e in subgraph["edges"] if e["kind"] == "depends_on"] == [
        ("b/two", "a/one")
    ]
    assert served.post("/graph/query", {"gremlin": "g.V()"}, Role.VIEWER).status_code == 403
    answer = served.post("/graph/query", {"gremlin": "g.V()"}).json()
    assert [n["id"] for n in answer["nodes"]] == ["a/one"]
    assert answer["results"][1] == 3
    unknown = served.post("/graph/query", {"query_type": "x"}, Role.VIEWER)
    assert (unknown.status_code, unknown.json()["code"]) == (400, "unknown-query")


def test_builds_and_runs_and_their_pages(served: ServedSystem) -> None:
    """Newest first, each once."""
    builds = served.get("/builds?limit=1").json()
    assert builds["items"][0]["build_id"] == served.get("/graph").json()["build_id"]
    rest = served.get(f"/builds?after={builds['next']}").json()["items"] if builds["next"] else []
    assert [b["build_id"] for b in rest] == list(range(builds["items"][0]["build_id"] - 1, 0, -1))
    assert served.get("/builds/1").json()["findings"] == []
    assert served.get("/builds/99").status_code == 404
    run = served.get("/runs").json()["items"][0]
    assert served.get(f"/runs/{run['id']}").json()["steps"]


def test_the_log_is_read_by_page_and_verified(served: ServedSystem) -> None:
    """Both orders give every event once; one event is found by its id; the chain verifies."""
    everything = [event.seq for event in served.log.events()]
    for order, expected in (("oldest", everything), ("newest", everything[::-1])):
        seen, after = [], ""
        while True:
            body = served.get(f"/log?order={order}&limit=7{after}").json()
            seen += [event["seq"] for event in body["items"]]
            if body["next"] is None:
                break
            after = f"&after={body['next']}"
        assert seen[: len(expected)] == expected
    event = served.get("/log?action=terraform_*&limit=1").json()["items"][0]
    assert served.get(f"/log/{event['id']}").json() == event
    assert served.get("/log/verify").json()["verified"] is True
    assert served.get("/log/diff?before=2026-01-01&after=2026-12-31").json()["events"] > 0


def test_why_config_types_drift_and_who(served: ServedSystem) -> None:
    """The rest of what is read."""
    assert served.get("/why?component=c/three").json()["steps"][0]["component"] == "c/three"
    config = served.get("/config/a/one").json()
    assert (config["config"], config["version"], len(config["history"])) == ({"size": 1}, 1, 1)
    assert served.get("/config/a/one?version=2").status_code == 404
    assert served.get("/types").json()["types"] == ["a", "b", "c", "d", "e"]
    assert served.get("/types/a").json()["propagation"] == "apply"
    assert served.get("/drift").json()["components"] == []
    who = {"user": "viewer@example.org", "role": "viewer", "environment": "test"}
    assert served.get("/whoami").json() == who
    listed = served.get("/tokens", Role.ADMIN).json()["tokens"]
    assert [token["role"] for token in listed] == ["viewer", "operator", "approver", "admin"]
    assert "digest" not in listed[0]


def test_the_artifacts_of_a_deploy_are_read(served: ServedSystem) -> None:
    """A viewer reads the masked plan that an event names, and no key leads elsewhere."""
    event = served.get("/log?action=terraform_apply&limit=1&order=oldest").json()["items"][0]
    for key in event["artifacts"]:
        answer = served.http.get("/artifacts", params={"key": key}, headers=served.headers(Role.VIEWER))
        assert answer.json()["content"].encode() == served.artifacts.get(key)
        assert answer.headers["content-type"] == "application/json"
    for key in ("test/graph/x", "prod/2026-01-02/x/plan.txt", "..%2Fetc%2Fpasswd", "/etc/passwd", ""):
        assert served.get(f"/artifacts?key={key}").status_code in {400, 404}
    assert served.get("/artifacts").status_code == 400


def test_a_runtime_has_a_history(fresh: ServedSystem) -> None:
    """Each version with its value and the run that published it."""
    first = fresh.get("/runtime/d/four").json()
    fresh.configure(d_four={"size": 5})
    fresh.deploy()
    second = fresh.get("/runtime/d/four").json()
    assert (first["version"], second["version"], second["secret"]) == (1, 2, False)
    assert second["runtime"] == fresh.runtime("d/four") != first["runtime"]
    assert fresh.get("/runtime/d/four?version=1").json()["runtime"] == first["runtime"]
    runs = [run["id"] for run in fresh.get("/runs").json()["items"]]
    assert [version["run_id"] for version in second["history"]] == runs[::-1]
    assert fresh.get("/runtime/d/four?version=9").status_code == 404


CANARY = "canary-7f3a"


def test_a_secret_leaves_by_no_door(fresh: ServedSystem) -> None:
    """SecureStrings are named, never shown: not in components, configs, GraphQL, graph, plans or the log."""
    secret = f'{{"password": "{CANARY}", "user": "u"}}'
    for name in ("/iac/d/four/runtime", "/iac/e/secret/config"):
        held = fresh.parameters.get(name)
        write = ParameterWrite(
            name=name, value=secret, kind=ParameterKind.SECURE, base=held.version if held else None
        )
        fresh.parameters.put([write])
    build_graph(fresh.workspace)
    fresh.service.graph.moved()
    shown = fresh.get("/components/d/four").json()
    assert (shown["runtime"], shown["runtime_secret"]) == (None, True)
    hidden = fresh.get("/components/e/secret").json()
    assert (hidden["config"], hidden["config_secret"]) == (None, True)
    query = "{ components { items { id config runtime } } log { inputs } builds { buildId } }"
    texts = [
        fresh.post("/graphql", {"query": query}, Role.ADMIN).text,
        fresh.post("/plans", {"everything": True}, Role.ADMIN).text,
        fresh.post("/request-change", {"component": "e/secret", "proposed_change": {"x": 1}}).text,
        *(
            fresh.get(path, Role.ADMIN).text
            for path in (
                "/graph", "/components", "/components/d/four", "/components/e/secret", "/config/e/secret",
                "/config/d/four", "/runtime/d/four",
                "/runtime/d/four?version=1", "/runtime/d/four?version=2", "/log?limit=500", "/changes",
                "/builds", "/runs", "/graph/diff", "/metrics",
            )
        ),
    ]  # fmt: skip
    assert [text for text in texts if CANARY in text] == []


def test_health_and_metrics(served: ServedSystem) -> None:
    """Health is open; metrics take a token and count requests."""
    assert served.get("/healthz", None).json() == {"status": "ok"}
    assert served.get("/readyz", None).json()["status"] == "ok"
    assert served.get("/metrics", None).status_code == 401
    assert 'karma_requests_total{method="GET",route="healthz",status="200"}' in served.get("/metrics").text
