"""The contract of `ports.Modules`: a directory, memory, and what a build keeps for who has no files."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml

from karma_adapters.modules.directory import ModuleDirectory
from karma_core import ports
from karma_core.errors import Refused
from karma_core.use_cases.graph.build import build_graph
from karma_core.use_cases.graph.kept_modules import KeptModules
from tests.memory.terraform import MemoryModules
from tests.memory_system import System


class Source(Protocol):
    """Modules, and a hand on what they are read from. `has_files`: whether they can be archived."""

    modules: ports.Modules
    has_files: bool

    def write(self, component_type: str, content: str) -> None: ...
    def define(self, component_type: str, definition: dict[str, Any]) -> None: ...
    def settle(self) -> None: ...


class Directory:
    """Files below a folder."""

    has_files = True

    def __init__(self, root: Path) -> None:
        self._root = root / "components"
        self._root.mkdir()
        self.modules = ModuleDirectory(self._root, archive=root / "archive", cache=root / "cache")

    def write(self, component_type: str, content: str) -> None:
        (self._root / component_type).mkdir(exist_ok=True)
        (self._root / component_type / "main.tf").write_text(f"# {content}\n")

    def define(self, component_type: str, definition: dict[str, Any]) -> None:
        (self._root / component_type).mkdir(exist_ok=True)
        (self._root / component_type / "component.yaml").write_text(yaml.safe_dump(definition))

    def settle(self) -> None:
        """Wait until files written within one tick of the file system's clock count as written."""
        time.sleep(0.15)


class Memory:
    has_files = True

    def __init__(self) -> None:
        self.modules = MemoryModules()

    def write(self, component_type: str, content: str) -> None:
        self.modules.edit(component_type, content)

    def define(self, component_type: str, definition: dict[str, Any]) -> None:
        self.modules._definitions[component_type] = definition

    def settle(self) -> None:
        """Nothing to wait for."""


class Kept:
    """What the last build of an environment kept; each change is followed by a build."""

    has_files = False

    def __init__(self) -> None:
        self._system = System(types="")

    @property
    def modules(self) -> KeptModules:
        workspace = self._system.workspace
        return KeptModules(workspace.state, workspace.environment)

    def write(self, component_type: str, content: str) -> None:
        self._system.modules.edit(component_type, content)
        self._build(component_type)

    def define(self, component_type: str, definition: dict[str, Any]) -> None:
        self._system.modules._definitions[component_type] = definition
        self._build(component_type)

    def settle(self) -> None:
        """Nothing to wait for."""

    def _build(self, component_type: str) -> None:
        self._system.configure(**{f"{component_type}_one": {}})
        build_graph(self._system.workspace)


@pytest.fixture(params=["directory", "memory", "kept"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Every adapter in turn, without a type."""
    if request.param == "directory":
        return Directory(tmp_path)
    return Memory() if request.param == "memory" else Kept()


def test_without_a_type(source: Source) -> None:
    """There is none, and nothing is said of one."""
    modules = source.modules
    assert modules.types() == ()
    assert modules.definition("box") is None
    assert modules.facts("box") is None
    assert modules.archived("sha256:" + "0" * 64, "box") is None
    assert modules.archived_facts("sha256:" + "0" * 64, "box") is None


def test_types_have_a_module_or_a_definition(source: Source) -> None:
    """Either makes a type; they are sorted."""
    source.write("zone", "1")
    source.define("box", {"propagation": "none"})
    modules = source.modules
    assert modules.types() == ("box", "zone")
    assert modules.definition("box") == {"propagation": "none"}
    assert modules.definition("zone") is None
    assert modules.module("box") is None


def test_a_module_is_known_by_the_digest_of_its_content(source: Source) -> None:
    """The same content, the same digest; of another content or another type, another."""
    source.write("box", "1")
    source.write("can", "1")
    digests = {name: _digest(source, name) for name in ("box", "can")}
    assert digests["box"] != digests["can"]
    source.write("box", "2")
    assert _digest(source, "box") != digests["box"]
    assert _digest(source, "can") == digests["can"]
    source.write("box", "1")
    assert _digest(source, "box") == digests["box"]


def test_the_revision_moves_with_the_modules(source: Source) -> None:
    """It stands still while nothing changes, and is another after a module or a definition did."""
    source.write("box", "1")
    source.settle()
    first = source.modules.revision()
    assert source.modules.revision() == first
    source.write("box", "2")
    second = source.modules.revision()
    source.define("box", {"propagation": "none"})
    assert len({first, second, source.modules.revision()}) == 3


def test_the_parts_of_a_module_are_its_own_directory_at_least(source: Source) -> None:
    """A path below the modules' root."""
    source.write("box", "1")
    assert source.modules.parts("box") == ("box",)


def test_a_module_is_archived_as_it_is(source: Source) -> None:
    """Under its digest, for ever, whatever becomes of the type; a process without files refuses."""
    source.write("box", "1")
    modules = source.modules
    module = modules.module("box")
    assert module is not None
    if not source.has_files:
        with pytest.raises(Refused) as refused:
            modules.archive(module)
        assert refused.value.code == "no-terraform"
        return
    assert modules.archived(module.digest, "box") is None
    assert modules.archive(module) == module.digest == modules.archive(module)
    source.write("box", "2")
    kept = modules.archived(module.digest, "box")
    assert kept is not None
    assert (kept.type, kept.digest, kept.variables, kept.outputs) == (
        "box", module.digest, module.variables, module.outputs,
    )  # fmt: skip
    assert modules.archived(module.digest, "can") is None


def _digest(source: Source, component_type: str) -> str:
    module = source.modules.module(component_type)
    assert module is not None
    assert module.type == component_type
    return module.digest
