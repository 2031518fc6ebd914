"""Every kind of store and of log sink that the settings may name, each in one entry of a table.

The settings take their choices from here, `stores` opens what they name, functions refuse what is not shared,
and `karma aws create` makes the tables and buckets. Settings are read in every process, so nothing here loads
an adapter: an entry loads its own when it is opened. What stands in files of this machine is loaded by its
name and not by an import, because functions have no such stores and their packages are made of what is
imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

from msgspec.structs import replace

if TYPE_CHECKING:
    from karma_adapters.wiring.stores import Stores
    from karma_core import ports
    from karma_core.documents import TypeForm
    from karma_log.sinks.base import Sink


class Kind(NamedTuple):
    """One kind of store or sink, by the name that the settings give.

    `open` makes it for an environment (`Stores`), and nothing is connected before it is used; a sink's `open`
    is told also whether it is durable, or a copy that follows another. `shared`: all machines see the same
    data, so that functions can use it. `aws_setting` is the key of `[environments.<name>.aws]` that names its
    table or bucket; `table` is the function that defines the table (`module:function`), empty for a bucket.
    """

    name: str
    open: Callable[..., Any]
    shared: bool = False
    aws_setting: str = ""
    table: str = ""


def loaded(module: str, name: str) -> Any:
    """The class or function of that name, whose module is loaded now."""
    return getattr(import_module(module), name)


def _file_store(module: str, name: str, file: str) -> Callable[[Stores], Any]:
    """Opens a store in a file or folder of the environment's folder."""
    return lambda stores: loaded(module, name)(stores.folder / file)


def _file_sink(module: str, name: str, file: str) -> Callable[[Stores, bool], Sink]:
    """Opens a sink in a file of the environment's folder."""

    def opened(stores: Stores, durable: bool) -> Sink:
        sink: Sink = loaded(module, name)(stores.folder / file, durable=durable)
        return sink

    return opened


def _local_parameters(stores: Stores) -> ports.ParameterStore:
    opener = loaded("karma_adapters.sqlite.parameters", "LocalParameters")
    store: ports.ParameterStore = opener(stores.folder / "parameters.sqlite", clock=stores.clock)
    return store


def _gremlin_graph(stores: Stores, seconds: float = math.inf, *, replicas: bool = False) -> ports.GraphStore:
    from karma_adapters.gremlin.retry import Patience  # noqa: PLC0415 - loads gremlinpython
    from karma_adapters.gremlin.store import GremlinGraphStore  # noqa: PLC0415

    patience = Patience(seconds=min(seconds, stores.section.gremlin_seconds), whole=stores.gremlin_seconds)
    loader = None if replicas or math.isfinite(stores.gremlin_seconds) else stores.bulk_loader
    return GremlinGraphStore(stores.gremlin, patience=patience, replicas=replicas, loader=loader)


def _graph_of_writer_and_readers(stores: Stores) -> ports.GraphStore:
    from karma_adapters.gremlin.readers import READER_SECONDS, ReadersFirst  # noqa: PLC0415 - as above

    writer, url = _gremlin_graph(stores), stores.section.gremlin_reader_url
    if not url:
        return writer
    return ReadersFirst(writer, _gremlin_graph(at_endpoint(stores, url), READER_SECONDS, replicas=True))


def at_endpoint(stores: Stores, url: str) -> Stores:
    """The stores of the same environment with another endpoint as its graph's."""
    twin = copy(stores)
    twin.__dict__.pop("gremlin", None)  # made for the endpoint of the original
    twin.section = replace(stores.section, gremlin_url=url)
    return twin


PARAMETERS: Final = (
    Kind(name="local", open=_local_parameters),
    Kind(name="ssm", shared=True, open=lambda stores: stores.aws.parameters()),
)
STATE: Final = (
    Kind(name="local", open=_file_store("karma_adapters.sqlite.state", "SqliteState", "state.sqlite")),
    Kind(
        name="dynamodb",
        shared=True,
        aws_setting="state_table",
        table="karma_adapters.aws.state_table:definition",
        open=lambda stores: stores.aws.state(),
    ),
)
ARTIFACTS: Final = (
    Kind(name="local", open=_file_store("karma_adapters.local.artifacts", "DirectoryArtifacts", "artifacts")),
    Kind(name="s3", shared=True, aws_setting="bucket", open=lambda stores: stores.aws.artifacts()),
)
GRAPH: Final = (
    Kind(name="sqlite", open=_file_store("karma_adapters.sqlite.graph", "SqliteGraphStore", "graph.sqlite")),
    Kind(name="gremlin", shared=True, open=_graph_of_writer_and_readers),
)
SINKS: Final = (
    Kind(name="sqlite", open=_file_sink("karma_log.sinks.sqlite", "SqliteSink", "log.sqlite")),
    Kind(name="file", open=_file_sink("karma_log.sinks.file", "FileSink", "log.jsonl")),
    Kind(
        name="dynamodb",
        shared=True,
        aws_setting="log_table",
        table="karma_log.sinks.dynamodb_table:definition",
        open=lambda stores, _durable: stores.aws.event_table(),
    ),
    Kind(
        name="s3",
        shared=True,
        aws_setting="bucket",
        open=lambda stores, _durable: stores.aws.event_bucket(),
    ),
)
STORES: Final[Mapping[str, tuple[Kind, ...]]] = {
    "parameters": PARAMETERS,
    "state": STATE,
    "artifacts": ARTIFACTS,
    "graph": GRAPH,
}
"""Key of an environment's section → its kinds, the default first."""


def kind_of(kinds: Iterable[Kind], name: str) -> Kind:
    """The kind of that name; the settings have no other."""
    return next(kind for kind in kinds if kind.name == name)


def advice(kinds: Iterable[Kind]) -> str:
    """The shared kinds as an error's next step says them: `"dynamodb" (or "s3")`."""
    shared = [kind.name for kind in kinds if kind.shared]
    first, *others = (f'"{name}"' for name in shared)
    return f"{first} (or {', '.join(others)})" if others else first


def _names(kinds: Iterable[Kind]) -> TypeForm:
    """The type of a setting that takes one of these names and refuses every other."""
    return Literal[tuple(kind.name for kind in kinds)]


if TYPE_CHECKING:  # a type checker knows no `Literal` that is made of a table
    ParametersName: TypeAlias = str
    StateName: TypeAlias = str
    ArtifactsName: TypeAlias = str
    GraphName: TypeAlias = str
    SinkName: TypeAlias = str
else:
    ParametersName = _names(PARAMETERS)
    StateName = _names(STATE)
    ArtifactsName = _names(ARTIFACTS)
    GraphName = _names(GRAPH)
    SinkName = _names(SINKS)
