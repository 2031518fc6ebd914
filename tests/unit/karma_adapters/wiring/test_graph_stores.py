"""karma_adapters.wiring.graph_stores, and the settings that choose a store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from karma_adapters.gremlin.store import GremlinGraphStore
from karma_adapters.sqlite.graph import SqliteGraphStore
from karma_adapters.wiring.graph_stores import open_gremlin, open_store
from karma_adapters.wiring.reading import read_settings
from karma_adapters.wiring.settings import Environment
from karma_core.errors import SettingsError

ROOT = Path(__file__).parents[4]
URL = "wss://cluster.example.org:8182/gremlin"


def test_sqlite_is_the_default(tmp_path: Path) -> None:
    """Without a setting the graph is in a file of the environment's folder."""
    store = open_store(Environment(), tmp_path)
    assert isinstance(store, SqliteGraphStore)
    store.close()


def test_gremlin_is_chosen_by_a_setting_and_connects_when_it_is_used(tmp_path: Path) -> None:
    """Opening a workspace must not wait for a server."""
    store = open_store(Environment(graph="gremlin", gremlin_url=URL), tmp_path)
    assert isinstance(store, GremlinGraphStore)
    store.close()


def test_the_other_store_can_be_opened_too(tmp_path: Path) -> None:
    """A copy needs both, whichever is chosen; without an endpoint the error names the setting."""
    store = open_store(Environment(graph="gremlin", gremlin_url=URL), tmp_path, "sqlite")
    assert isinstance(store, SqliteGraphStore)
    store.close()
    with pytest.raises(SettingsError) as raised:
        open_store(Environment(), tmp_path, "gremlin")
    assert "gremlin_url" in raised.value.next_step


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ('graph = "gremlin"', "gremlin_url"),
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
    assert open_gremlin(Environment(), tmp_path).query("prod", "g.V().count()").results == [0]
