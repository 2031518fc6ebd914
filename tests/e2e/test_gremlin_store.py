"""The same commands with the graph on a Gremlin Server: the same bytes as with the embedded store."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from karma_adapters.gremlin.client import Endpoint, GremlinClient
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_adapters.sqlite_graph import SqliteGraphStore
from karma_core.use_cases.copy_graph import copy_graph
from tests.e2e.command_line import Karma, edit_config, statuses
from tests.e2e.conftest import Shop
from tests.e2e.test_sample_repository import REPOSITORY, SETTINGS
from tests.graphs import lease
from tests.integration import gremlin_server

pytestmark = pytest.mark.xdist_group("gremlin")
QUESTIONS = [
    ("graph", "show", "--json"),
    ("graph", "export", "--format", "dot"),
    ("graph", "query", "orphans", "--json"),
    ("graph", "query", "--gremlin", "g.V().hasLabel('Component').elementMap()", "--json"),
    ("graph", "query", "--gremlin", "g.E().elementMap()", "--json"),
]


@pytest.fixture
def on_gremlin() -> Callable[[Karma], Karma]:
    """A command as it was, with its graph on an empty server."""
    url = gremlin_server.required().url
    gremlin_server.empty()
    return lambda karma: karma.under(
        KARMA_ENVIRONMENTS__PROD__GRAPH="gremlin", KARMA_ENVIRONMENTS__PROD__GREMLIN_URL=url
    )


def answers(karma: Karma, questions: list[tuple[str, ...]]) -> list[str]:
    """What the command prints."""
    return [karma.run(*question).out for question in questions]


def test_the_sample_repository_is_the_same_on_both(
    tmp_path: Path, on_gremlin: Callable[[Karma], Karma]
) -> None:
    """Built, asked, changed, rebuilt and diffed: the documents are equal, byte for byte."""
    printed = []
    for name in ("sqlite", "gremlin"):
        project = tmp_path / name
        shutil.copytree(REPOSITORY / "iac", project / "iac", copy_function=shutil.copyfile)
        (project / "karma.toml").write_text(SETTINGS)
        karma = Karma(project)
        if name == "gremlin":
            karma = on_gremlin(karma)
        out = [karma.run("config", "publish", "--json").out, karma.run("graph", "build", "--json").out]
        config = next((project / "iac/prod").rglob("config.json"))
        config.write_text(config.read_text().replace("{", '{"note": "changed", ', 1))
        out += [karma.run("config", "publish", "--json").out, karma.run("graph", "build", "--json").out]
        out += answers(karma, [("graph", "diff", "--from", "1", "--to", "2", "--json"), *QUESTIONS])
        out.append(karma.run("graph", "show", "--at", "1", "--json").out)
        printed.append(out)
        assert all(out)
    assert printed[0] == printed[1]


def test_the_shop_moves_to_the_server_and_deploys_from_there(
    shop: Shop, on_gremlin: Callable[[Karma], Karma]
) -> None:
    """The deployed example system, its graph copied: the same answers, nothing to apply, changes deploy."""
    served = Shop(shop.project, on_gremlin(shop.karma), shop.ledger)
    source = SqliteGraphStore(shop.karma.state / "graph.sqlite")
    target = GremlinGraphStore(GremlinClient(Endpoint(url=gremlin_server.shared().url)))
    copy_graph(source, target, "prod", lease())
    source.close()
    target.close()
    assert answers(served.karma, QUESTIONS) == answers(shop.karma, QUESTIONS)
    plans = [karma.json("plan", "--all") for karma in (served.karma, shop.karma)]
    assert plans[0] | {"plan_id": ""} == plans[1] | {"plan_id": ""}

    assert set(statuses(served.deploy()).values()) == {"unchanged"}
    assert {line.command for line in shop.ledger.lines()} <= {"version"}
    edit_config(shop.project, "prod", "vpc/core", note="changed")
    served.publish_and_build()
    assert statuses(served.deploy())["vpc/core"] == "applied"
    found = served.karma.json("graph", "query", "--gremlin", "g.V('prod:vpc/core').values('config_version')")
    assert found["results"] == [2]
