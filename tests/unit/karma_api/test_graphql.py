"""GraphQL: nested in batches, one build a query, limits, errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from karma_api.access import Caller
from karma_api.cached_graph import View
from karma_api.graphql import execution
from karma_api.graphql.context import Context
from karma_api.graphql.execution import execute
from karma_core.roles import Role
from tests.served_system import QUICK, ServedSystem

NESTED = """
query ($id: ID!) {
  component(id: $id) {
    id status config runtime
    consumers {
      via
      component { id config consumers { component { id config } } producers { component { id } } }
    }
  }
}
"""


def ask(served: ServedSystem, query: str, **variables: Any) -> Any:
    """The answer's document."""
    answer = served.post("/graphql", {"query": query, "variables": variables or None}, Role.VIEWER)
    assert answer.status_code == 200
    return answer.json()


def test_consumers_and_producers_nest(served: ServedSystem) -> None:
    """To any depth within the limits, each with its values."""
    component = ask(served, NESTED, id="a/one")["data"]["component"]
    assert (component["status"], component["config"]) == ("current", {"size": 1})
    assert component["runtime"] == served.runtime("a/one")
    two = component["consumers"][0]
    assert (two["via"], two["component"]["id"]) == (["nickname"], "b/two")
    assert two["component"]["consumers"][0]["component"] == {
        "id": "c/three",
        "config": {"b_nickname": "two"},
    }
    assert two["component"]["producers"] == [{"component": {"id": "a/one"}}]


def test_a_level_is_one_batch(served: ServedSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many components a level has, each kind of neighbour is fetched once."""
    contexts: list[Context] = []

    class Noted(Context):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            contexts.append(self)

    monkeypatch.setattr(execution, "Context", Noted)
    query = "{ components { items { config consumers { component { id config } } producers { via } } } }"
    caller = Caller(user="ann", role=Role.VIEWER)
    execution.execute(served.service, caller, query)
    kinds = [kind for kind, _ in contexts[0].batches]
    assert kinds.count("consumers") == kinds.count("producers") == 1
    assert kinds.count("values") <= 2
    assert ("consumers", 4) in contexts[0].batches


def test_the_rest_of_what_can_be_asked(fresh: ServedSystem) -> None:
    """Pages, impact, diff, builds, changes and the log give what REST gives."""
    fresh.post("/request-change?apply=false", {"component": "a/one", "proposed_change": {"size": 2}})
    answered = ask(
        fresh,
        """{
          components(limit: 2, status: "current") { buildId next items { id findings { code } } }
          impact(component: "a/one") { downstream waves }
          diff(old: "1", to: "1") { added document }
          builds { buildId components }
          changes { changeId status components document }
          log(action: "change") { seq action user inputs }
        }""",
    )["data"]
    assert [one["id"] for one in answered["components"]["items"]] == ["a/one", "b/two"]
    assert answered["components"]["next"] == "b/two"
    assert answered["impact"]["downstream"] == ["b/two", "c/three"]
    assert answered["builds"][-1]["buildId"] == 1
    assert answered["changes"][0]["status"] == answered["changes"][0]["document"]["status"] == "approved"
    assert answered["log"][0]["action"] == "change"


REFUSED: dict[str, str] = {
    "syntax": "{ component(",
    "unknown field": "{ secrets }",
    "wrong address": '{ component(id: "../../etc/passwd") { id } }',
    "unknown component": '{ impact(component: "a/nobody") { waves } }',
    "zero limit": "{ builds(limit: 0) { buildId } }",
    "unknown state": '{ changes(status: "odd") { changeId } }',
    "deep": "{ components { items " + "{ consumers { component " * 8 + "{ id }" + " } }" * 8 + " } }",
    "aliased": "{ " + " ".join(f"a{n}: builds {{ buildId }}" for n in range(20)) + " }",
    "many tokens": "{ " + " ".join("builds { buildId }" for _ in range(400)) + " }",
    "costly": "{ components(limit: 500) { items "
    + "{ consumers { component " * 3
    + "{ id }"
    + " } }" * 3
    + " } }",
    "circular fragments": "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
    "unknown fragment": "{ ...a }",
    "deep by fragments": "{ components { items { ...f0 } } } "
    + " ".join(
        f"fragment f{n} on Component {{ consumers {{ component {{ ...f{n + 1} }} }} }}" for n in range(9)
    )
    + " fragment f9 on Component { id }",
    "aliased by fragments": "{ ...a ...b } fragment a on Query { "
    + " ".join(f"a{n}: __typename" for n in range(8))
    + " } fragment b on Query { ...a }",
    "a limit below 1": "{ a: components(limit: 500) { items { consumers { component { producers { component "
    "{ id } } } } } } components(limit: -100000) { items { id type } } }",
    "fragments that multiply": "{ ...f0 } "
    + " ".join(f"fragment f{n} on Query {{ {f'...f{n + 1} ' * 12} }}" for n in range(30))
    + " fragment f30 on Query { __typename }",
    "deep introspection": "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }",
    "mutation": "mutation { delete }",
}


@pytest.mark.parametrize("query", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(served: ServedSystem, query: str) -> None:
    """Each in GraphQL's form, without data and without a word of what is inside."""
    answered = ask(served, query)
    assert not answered["data"] or not any(answered["data"].values())
    assert answered["errors"][0]["message"]
    assert "Traceback" not in str(answered)


def test_an_operation_that_is_not_there(served: ServedSystem) -> None:
    """It is said, in GraphQL's form."""
    body = {"query": "query a { builds { buildId } }", "operationName": "b"}
    answer = served.post("/graphql", body, Role.VIEWER)
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert "operation" in answer.json()["errors"][0]["message"]


def test_no_refusal_is_a_defect(served: ServedSystem) -> None:
    """What is wrong with a query is the caller's to know."""
    for query in REFUSED.values():
        assert "defect" not in str(ask(served, query)["errors"])


def test_a_list_of_queries_is_not_taken(served: ServedSystem) -> None:
    """Batches would pass by the limits."""
    assert served.post("/graphql", [{"query": "{ builds { buildId } }"}] * 50).status_code == 422


def test_a_variable_does_not_hide_a_cost(served: ServedSystem) -> None:
    """A limit that comes as a variable or its default is weighed."""
    body = "{ items { consumers { component { consumers { component { id } } } } } }"
    query = f"query ($n: Int! = 500) {{ components(limit: $n) {body} }}"
    assert "cost" in ask(served, query)["errors"][0]["message"]
    assert "errors" not in ask(served, query, n=5)


def test_a_query_does_not_wait_for_another_ones_graph(served: ServedSystem) -> None:
    """One environment's graph may be loading for long; the queries of the others go on."""
    gate, waiting = threading.Event(), threading.Event()

    class Loading:
        """A graph that is not there yet."""

        def view(self) -> View:
            waiting.set()
            gate.wait(60)
            return served.service.graph.view()

    caller = Caller(user="ann", role=Role.VIEWER)
    slow = Context(replace(served.service, graph=Loading()), caller)  # type: ignore[arg-type]
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(lambda: slow.view)
        waiting.wait(10)
        other = pool.submit(lambda: Context(served.service, caller).view)
        try:
            assert other.result(20).build.id
        finally:
            gate.set()
        assert first.result(20).build.id


@pytest.fixture(scope="module")
def hub() -> Iterator[ServedSystem]:
    """An environment in which 400 components read one."""
    configs: dict[str, dict[str, Any]] = {"a_one": {}}
    configs |= {f"b_n{number}": {"a_nickname": "one"} for number in range(400)}
    served = ServedSystem(configs=configs, deployed=False)
    yield served
    served.close()


def test_a_hub_is_charged_by_its_real_degree(hub: ServedSystem) -> None:
    """What looks cheap before, with ten a level, would be 400 times 400; nothing is resolved."""
    twice = "consumers { component { producers { component { consumers { component { id } } } } } }"
    began = time.monotonic()
    answered = ask(hub, f'{{ component(id: "a/one") {{ {twice} }} }}')
    assert "costs more" in answered["errors"][0]["message"]
    assert time.monotonic() - began < 5
    once = ask(hub, '{ component(id: "a/one") { consumers { component { id type } } } }')
    assert "errors" not in once
    assert len(once["data"]["component"]["consumers"]) == 400


def test_a_query_ends_with_the_time_of_its_request() -> None:
    """Work goes on in a thread when nobody waits any more: the query itself looks at the clock."""
    served = ServedSystem(limits=replace(QUICK, request_seconds=1e-9))
    try:
        document = execute(
            served.service, Caller(user="vera", role=Role.VIEWER), "{ components { items { id } } }"
        )
        assert "took longer" in document["errors"][0]["message"]
    finally:
        served.close()


def test_costly_fields_have_a_cost_of_their_own(served: ServedSystem) -> None:
    """Ten differences between builds are more than one query may ask for."""
    many = " ".join(f"d{number}: diff {{ added }}" for number in range(11))
    assert "may cost" in ask(served, f"{{ {many} }}")["errors"][0]["message"]
