"""Every port has a contract suite, and every adapter of a port is in it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

import pytest

import karma_adapters
import karma_core
import karma_lambda
import karma_log
import tests.memory
from karma_core import ports

HERE = Path(__file__).parent
SUITES = {
    name: f"test_{re.sub('(?<!^)(?=[A-Z])', '_', name).lower()}.py"
    for name, value in vars(ports).items()
    if isinstance(value, type) and Protocol in value.__bases__
}
"""Port → the file of its suite, which is named after it."""
NO_ADAPTERS = {"TypeDefinition", "ProjectSettings", "Edit"}
"""Records with a field of the name of a port's one method."""


def classes(package: ModuleType) -> Iterator[type]:
    """Every class that a package defines."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):
            module = importlib.import_module(found.name)
            for value in vars(module).values():
                if isinstance(value, type) and value.__module__ == found.name:
                    yield value


def methods(port: type) -> dict[str, Any]:
    """Name → method of a port, private ones left out."""
    return {n: v for n, v in vars(port).items() if callable(v) and not n.startswith("_")}


def is_adapter(candidate: type, port: type) -> bool:
    """Whether a class has all methods of a port, with its parameters."""
    if not methods(port) or Protocol in candidate.__bases__:
        return False
    for name, method in methods(port).items():
        given = getattr(candidate, name, None)
        if not inspect.isfunction(given):
            return False
        if not set(inspect.signature(method).parameters) <= set(inspect.signature(given).parameters):
            return False
    return True


PACKAGES = (karma_core, karma_adapters, karma_log, karma_lambda, tests.memory)
ADAPTERS = sorted(
    (name, candidate.__name__)
    for name in SUITES
    for package in PACKAGES
    for candidate in classes(package)
    if is_adapter(candidate, getattr(ports, name)) and candidate.__name__ not in NO_ADAPTERS
)


def text_of(suite: str) -> str:
    """A suite, with the helpers of `tests` that it imports: adapters may be made there."""
    source = (HERE / suite).read_text()
    words = set(re.findall(r"\w+", " ".join(re.findall(r"^from tests\b.*$", source, re.MULTILINE))))
    helpers = [HERE.parent / f"{word}.py" for word in sorted(words)]
    return source + "".join(helper.read_text() for helper in helpers if helper.is_file())


@pytest.mark.parametrize("port", SUITES)
def test_a_port_has_a_suite(port: str) -> None:
    """In a file of its name, whose tests are written against the port."""
    suite = HERE / SUITES[port]
    assert suite.is_file(), f"no contract suite for the port {port}: write {suite.name}"
    assert re.search(rf"\b{port}\b", suite.read_text())


@pytest.mark.parametrize(("port", "adapter"), ADAPTERS)
def test_an_adapter_is_in_the_suite_of_its_port(port: str, adapter: str) -> None:
    """An adapter that the suite does not make is held to nothing."""
    assert re.search(rf"\b{adapter}\b", text_of(SUITES[port])), f"{SUITES[port]} does not make {adapter}"


def test_adapters_are_recognised() -> None:
    """By their methods: every port but the clock, which is a function, has one at least."""
    assert {port for port, _ in ADAPTERS} == SUITES.keys() - {"Clock"}
    assert ("GraphStore", "GremlinGraphStore") in ADAPTERS
