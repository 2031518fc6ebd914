"""An environment's stores are those that its settings choose, each opened once."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.aws.neptune_loader import NeptuneLoader
from karma_adapters.gremlin.store import GremlinGraphStore
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.wiring.bootstrap import open_gremlin, open_workspace
from karma_adapters.wiring.reading import read_settings, settings_of
from karma_adapters.wiring.stores import Stores
from karma_core.errors import SettingsError

ROOT = Path(__file__).parents[4]
URL = "wss://cluster.example.org:8182/gremlin"


def stores(folder: Path, **section: str) -> Stores:
    """The stores of an environment with this section."""
    return Stores(settings_of(folder, {"environments": {"prod": section}}), "prod", folder)


def test_sqlite_is_the_default(tmp_path: Path) -> None:
    """Without a setting the graph is in a file of the environment's folder."""
    store = stores(tmp_path).graph
    assert isinstance(store, SqliteGraphStore)
    store.close()


def test_gremlin_is_chosen_by_a_setting_and_connects_when_it_is_used(tmp_path: Path) -> None:
    """Opening a workspace must not wait for a server."""
    store = stores(tmp_path, graph="gremlin", gremlin_url=URL).graph
    assert isinstance(store, GremlinGraphStore)
    store.close()


def test_the_environment_s_own_access_signs_for_neptune(tmp_path: Path) -> None:
    """Profile, role and region are those of its other stores; without `sigv4` nothing is signed."""
    signed = stores(
        tmp_path, graph="gremlin", gremlin_url="wss://n:8182/gremlin", gremlin_auth="sigv4", gremlin_seconds=5
    )
    sign = signed.gremlin.endpoint.sign
    assert isinstance(sign, partial)
    assert sign.keywords == {"access": signed.aws.access}
    assert stores(tmp_path, graph="gremlin", gremlin_url=URL).gremlin.endpoint.sign is None


def test_a_role_for_it_makes_large_graphs_load(tmp_path: Path) -> None:
    """The loader is at the cluster's own address; functions, whose calls are bounded, load nothing."""
    section: dict[str, Any] = {
        "graph": "gremlin", "gremlin_url": URL, "gremlin_load_role": "arn:aws:iam::123456789012:role/load",
        "gremlin_load_vertices": 7, "region": "eu-central-1", "aws": {"bucket": "things"},
    }  # fmt: skip
    settings = settings_of(tmp_path, {"environments": {"prod": section}})
    loader = Stores(settings, "prod", tmp_path).bulk_loader
    assert isinstance(loader, NeptuneLoader)
    assert loader.vertices == 7
    assert loader._data._endpoint_url == "https://cluster.example.org:8182"
    opened = Stores(settings, "prod", tmp_path).graph
    in_function = Stores(settings, "prod", tmp_path, gremlin_seconds=10.0).graph
    assert isinstance(opened, GremlinGraphStore)
    assert isinstance(in_function, GremlinGraphStore)
    assert opened._loader is not None
    assert in_function._loader is None
    assert stores(tmp_path, graph="gremlin", gremlin_url=URL).bulk_loader is None


def test_the_other_store_can_be_opened_too(tmp_path: Path) -> None:
    """A copy needs both, whichever is chosen; without an endpoint the error names the setting."""
    store = stores(tmp_path, graph="gremlin", gremlin_url=URL).graph_of("sqlite")
    assert isinstance(store, SqliteGraphStore)
    store.close()
    with pytest.raises(SettingsError) as raised:
        stores(tmp_path).graph_of("gremlin")
    assert "gremlin_url" in raised.value.next_step


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('graph = "gremlin"', "gremlin_url"),
        ('gremlin_load_role = "arn:aws:iam::123456789012:role/load"', "aws.bucket"),
        ('gremlin_load_role = "load"', "gremlin_load_role"),
        ('graph = "neptune"', "graph"),
        ('graph = "gremlin"\ngremlin_url = "https://host:8182/gremlin"', "gremlin_url"),
        ('gremlin_url = "wss://user:word@host/gremlin"', "gremlin_url"),
        ('gremlin_url = "ws://host:8182/gremlin"\ngremlin_auth = "sigv4"', "wss://"),
    ],
)
def test_settings_that_cannot_work_are_refused(tmp_path: Path, section: str, said: str) -> None:
    """A missing, misspelt or unsafe endpoint is an error at the start, which names the setting."""
    (tmp_path / "karma.toml").write_text(f"[environments.prod]\n{section}\n")
    with pytest.raises(SettingsError, match="cannot be used") as raised:
        read_settings(tmp_path)
    assert said in raised.value.why
    assert "word" not in str(raised.value)


def test_nothing_of_gremlin_is_loaded_with_sqlite(tmp_path: Path) -> None:
    """Who keeps the graph in SQLite pays for neither the driver nor the embedded engine."""
    code = (
        "import sys; from pathlib import Path; from karma_adapters.wiring.bootstrap import open_workspace; "
        "from karma_adapters.wiring.reading import read_settings; "
        f"open_workspace(read_settings(Path({str(tmp_path)!r})), 'prod').graph.current('prod'); "
        "print(sorted({'gremlin_python', 'graphersal', 'aiohttp', 'botocore'} & set(sys.modules)))"
    )
    (tmp_path / "karma.toml").write_text("[environments.prod]\n")
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"


def test_gremlin_over_sqlite_is_answered_in_process(tmp_path: Path) -> None:
    """Before the first build there is nothing, and that is an answer."""
    settings = settings_of(tmp_path, {"environments": {"prod": {}}})
    assert open_gremlin(settings, "prod").query("prod", "g.V().count()").results == [0]


def test_each_store_is_opened_once(tmp_path: Path) -> None:
    """Whoever has the stores, and the workspace over them, write to the same ones."""
    settings = settings_of(tmp_path, {"environments": {"prod": {}}})
    opened = Stores(settings, "prod", tmp_path)
    workspace = open_workspace(settings, "prod", stores=opened)
    assert (workspace.log, workspace.state, workspace.graph) == (opened.log, opened.state, opened.graph)
    assert workspace.parameters is opened.parameters
    assert workspace.artifacts is opened.artifacts


def test_a_shared_state_needs_a_shared_log(tmp_path: Path) -> None:
    """Else each machine would have a part of it."""
    aws = {"state_table": "karma"}
    settings = settings_of(tmp_path, {"environments": {"prod": {"state": "dynamodb", "aws": aws}}})
    with pytest.raises(SettingsError, match="sqlite alone"):
        _ = Stores(settings, "prod", tmp_path).log
