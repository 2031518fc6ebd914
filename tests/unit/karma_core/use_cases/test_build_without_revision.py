"""Building over a parameter store that cannot tell whether anything moved, as SSM cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from karma_core.records import Parameter
from karma_core.use_cases.graph.build import build_graph
from tests.memory_system import System


class Mute:
    """A parameter store without a revision; `while_read` happens after its next reading."""

    def __init__(self, port: Any) -> None:
        self._port = port
        self.while_read: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def revision(self) -> None:
        """Never known."""

    def read_tree(self, prefix: str) -> Iterator[Parameter]:
        """As the store's, then let something happen."""
        parameters = list(self._port.read_tree(prefix))
        happening, self.while_read = self.while_read, None
        if happening is not None:
            happening()
        return iter(parameters)


@pytest.fixture
def system() -> System:
    """Two components in the graph, parameters without revision."""
    made = System()
    made.configure(a_one={"v": 1}, b_two={"a_nickname": "one"})
    made.parameters = Mute(made.parameters)  # type: ignore[assignment]
    build_graph(made.workspace)
    return made


def test_nothing_is_written_where_nothing_moved(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lease, no event, no build: a scheduled rebuild of a quiet environment only reads."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a lease was taken")

    events = len(list(system.log.events()))
    monkeypatch.setattr(system.state, "acquire", refuse)
    assert build_graph(system.workspace).status == "unchanged"
    assert len(list(system.log.events())) == events


def test_a_change_is_published(system: System) -> None:
    """Looking first loses nothing."""
    system.configure(c_three={"b_nickname": "two"})
    assert build_graph(system.workspace).added == 1


def test_an_older_reading_never_replaces_a_newer_build(system: System) -> None:
    """Another builder publishes between our reading and our lease: all is read again."""
    system.configure(c_three={"b_nickname": "two"})

    def another() -> None:
        system.configure(d_four={"c_nickname": "three"})
        build_graph(system.workspace)

    system.parameters.while_read = another  # type: ignore[attr-defined]
    build_graph(system.workspace)
    stored = system.graph.load("test")
    assert stored is not None
    assert [n.address for n in stored.graph.nodes] == ["a/one", "b/two", "c/three", "d/four"]
