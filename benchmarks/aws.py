"""Requests to Parameter Store, against the fewest that its pages allow: reading, publishing, rebuilding."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import corpus
from benchmarks.figures import Figure
from karma_adapters.aws.access import Access
from karma_adapters.aws.api import Api
from karma_adapters.aws.parameter_metadata import SeenVersions
from karma_adapters.aws.ssm import SsmParameters
from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import NotFound
from karma_core.parameters import PAGE_SIZE
from karma_core.records import Parameter
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.graph.build import build_graph
from karma_core.workspace import Workspace

TITLE = "requests to Parameter Store"
READ, CHANGED = 10_000, 1_000
LIMIT = 1.05
"""Times the fewest requests: a page holds 10 parameters (GetParametersByPath)."""
_DESCRIBED = 50
"""Most parameters that one DescribeParameters tells tier and description of."""
_WRITES = frozenset({"put_parameter", "delete_parameters", "add_tags_to_resource"})


class CountingSsm(Api):
    """Parameter Store in memory, by the requests of its API that reading and publishing make. Counts them."""

    def __init__(self) -> None:
        super().__init__(Access(region="eu-west-1"), "ssm")
        self.held: dict[str, dict[str, Any]] = {}
        self.calls: Counter[str] = Counter()

    def fill(self, parameters: list[Parameter]) -> None:
        """Hold these."""
        for parameter in parameters:
            self._put(parameter.name, parameter.value or "", "")

    def take_counts(self) -> Counter[str]:
        """Requests since the last call of this."""
        counts, self.calls = self.calls, Counter()
        return counts

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """The answer, in the form of the SSM API reference."""
        self.calls[operation] += 1
        answer: dict[str, Any] = getattr(self, operation)(request)
        return answer

    def get_parameters_by_path(self, request: dict[str, Any]) -> dict[str, Any]:
        """One full page."""
        start, size = int(request.get("NextToken", 0)), request["MaxResults"]
        names = sorted(name for name in self.held if name.startswith(request["Path"]))
        more = {"NextToken": str(start + size)} if start + size < len(names) else {}
        return {"Parameters": [self.held[name] for name in names[start : start + size]], **more}

    def describe_parameters(self, request: dict[str, Any]) -> dict[str, Any]:
        """Those that the filter names."""
        names = request["ParameterFilters"][0]["Values"]
        return {"Parameters": [self.held[name] for name in names if name in self.held]}

    def get_parameter(self, request: dict[str, Any]) -> dict[str, Any]:
        """One, or NotFound as the client translates it."""
        if request["Name"] not in self.held:
            raise NotFound("ssm get_parameter failed")
        return {"Parameter": self.held[request["Name"]]}

    def put_parameter(self, request: dict[str, Any]) -> dict[str, Any]:
        """A new version."""
        return {"Version": self._put(request["Name"], request["Value"], request["Description"])}

    def _put(self, name: str, value: str, description: str) -> int:
        version = int(self.held.get(name, {}).get("Version", 0)) + 1
        self.held[name] = {
            "Name": name,
            "Value": value,
            "Description": description,
            "Version": version,
            "Type": "String",
            "LastModifiedDate": datetime.now(UTC),
        }
        return version


def run() -> Iterator[Figure]:
    """The figures of this module."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _reading(Path(folder))
        yield from _one_change(Path(folder))


def _reading(folder: Path) -> Iterator[Figure]:
    """10,000 components, each with config and runtime: for the first time, and again."""
    ssm = CountingSsm()
    parameters = corpus.parameters(READ)
    ssm.fill(parameters)
    ssm.fill([_runtime(parameter) for parameter in parameters])
    store = SsmParameters(ssm, ssm, seen=SeenVersions(folder / "seen.json"))
    pages, described = 2 * READ / PAGE_SIZE, 2 * READ / _DESCRIBED
    for name, least in (("first", pages + described), ("again", pages)):
        count = len(list(store.read_tree(corpus.PREFIX)))
        made = ssm.take_counts().total()
        note = f"{made:,} requests for {count:,} parameters, {least:,.0f} at least"
        yield Figure(f"reading {READ:,} components, {name}", made / least, LIMIT, "times", note)


def _runtime(config: Parameter) -> Parameter:
    name = config.name.removesuffix("config") + "runtime"
    return Parameter(name=name, value='{"id": "x"}', version=1)


def _one_change(folder: Path) -> Iterator[Figure]:
    """One config of 1,000 changes: publish, rebuild, and rebuild again."""
    root = folder / "project"
    root.mkdir()
    base = corpus.write(root, CHANGED)
    ssm = CountingSsm()
    publish(_open(root, ssm))
    build_graph(_open(root, ssm))
    path = next(base.glob("*/*/config.json"))
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "cpu": 512}), "utf-8")
    ssm.take_counts()
    publish(_open(root, ssm))
    yield Figure(f"publishing 1 change of {CHANGED:,}", _writes(ssm), 1, "writes")
    build_graph(_open(root, ssm))
    counts = ssm.take_counts()
    least = CHANGED / PAGE_SIZE
    note = f"{counts['get_parameters_by_path']} pages, {counts['describe_parameters']} for new versions"
    yield Figure("building after it", counts["get_parameters_by_path"] / least, LIMIT, "times", note)
    before = _local(root)
    status = build_graph(_open(root, ssm)).status
    same = before == _local(root)
    note = f"the build is {status}; state, log and graph are {'as they were' if same else 'WRITTEN'}"
    yield Figure("rebuilding with nothing changed", _writes(ssm) + (not same), 0, "writes", note)


def _local(root: Path) -> dict[str, list[str]]:
    """Everything that the stores on disk hold, by file."""
    dumps = {}
    for path in sorted((root / ".karma" / "bench").glob("*.sqlite")):
        with closing(sqlite3.connect(path)) as opened:
            dumps[path.name] = list(opened.iterdump())
    return dumps


def _open(root: Path, ssm: CountingSsm) -> Workspace:
    """The project as a new process opens it, with its parameters in `ssm`."""
    opened = open_workspace(read_settings(root), "bench", user="bench")
    seen = SeenVersions(root / ".karma" / "bench" / "parameter-versions.json")
    return replace(opened, parameters=SsmParameters(ssm, ssm, seen=seen))


def _writes(ssm: CountingSsm) -> int:
    counts = ssm.take_counts()
    return sum(counts[operation] for operation in _WRITES)
