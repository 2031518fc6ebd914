"""A whole environment in memory: every port by its in-memory adapter, so that use cases run in no time."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from karma_core.errors import DeployFailed, NotFound
from karma_core.exact_numbers import dumps
from karma_core.records import ParameterWrite
from karma_core.use_cases.runs.deploy import deploy, resume
from karma_core.use_cases.runs.records import RunResult
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Actor, EnvironmentSettings, Workspace
from karma_log.log import Log
from tests.memory.artifacts import MemoryArtifacts
from tests.memory.graph import MemoryGraphStore
from tests.memory.parameters import MemoryParameters
from tests.memory.sink import MemorySink
from tests.memory.state import MemoryState
from tests.memory.terraform import MemoryModules, MemoryTerraform
from tests.workspace_fakes import FakeIndex

ALL = Selection(everything=True)


class Clock:
    """A clock that the test moves; each reading is a microsecond later, so that times order events."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(microseconds=1)
        return self.now

    def pass_seconds(self, seconds: float) -> None:
        """Let time go by."""
        self.now += timedelta(seconds=seconds)


class RecordingReloader:
    """Notes what was reloaded, and fails where it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.failing: set[str] = set()

    def reload(self, action: dict[str, Any], *, address: str, environment: str, idempotency_key: str) -> str:
        self.calls.append((address, idempotency_key))
        if address in self.failing:
            raise DeployFailed(f"the reload of {address} failed", code="reload-failed")
        return "reloaded"


class Killed(BaseException):
    """What a call gets that is made after its process was killed."""


class Life:
    """One process's life: when it has ended, nothing that it calls has an effect.

    `calls_left` ends it by itself, after so many calls of its ports.
    """

    def __init__(self) -> None:
        self.ended = False
        self.calls_left: int | None = None

    def spend(self) -> None:
        """One more call."""
        if self.calls_left is not None:
            self.calls_left -= 1
            self.ended = self.ended or self.calls_left < 0

    def of(self, port: Any) -> Any:
        """The port as this process sees it."""
        return _Mortal(port, self)


class _Mortal:
    def __init__(self, port: Any, life: Life) -> None:
        self._port = port
        self._life = life

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._port, name)
        if not callable(member):
            return member

        def call(*arguments: Any, **named: Any) -> Any:
            self._life.spend()
            if self._life.ended:
                raise Killed(name)
            return member(*arguments, **named)

        return call


class Meanwhile:
    """A port to which something happens from outside, once, before the first call of a method."""

    def __init__(self, port: Any, before: str, happens: Callable[[], object]) -> None:
        self._port = port
        self._before = before
        self._happens: Callable[[], object] | None = happens

    def __getattr__(self, name: str) -> Any:
        if name == self._before and self._happens is not None:
            happens, self._happens = self._happens, None
            happens()
        return getattr(self._port, name)


class NoRepository:
    """Configs are put directly: there is no Git here."""

    def is_behind(self, commit: str) -> bool:
        return False

    def head(self) -> str | None:
        return None

    def scan(self, environment: str, refuse: object = None) -> list[object]:
        raise NotFound("there is no work tree")


class System:
    """An environment named `test`, and short ways to use it."""

    def __init__(
        self, definitions: dict[str, dict[str, Any]] | None = None, types: str = "a b c d e"
    ) -> None:
        self.clock = Clock()
        self.terraform = MemoryTerraform()
        self.modules = MemoryModules(tuple(types.split()), definitions)
        self.parameters = MemoryParameters(clock=self.clock)
        self.state = MemoryState(clock=self.clock)
        self.graph = MemoryGraphStore()
        self.sink = MemorySink()
        self.log = Log(self.sink, self.state)
        self.artifacts = MemoryArtifacts()
        self.reloader = RecordingReloader()
        self.said: list[tuple[str, dict[str, Any]]] = []
        self._ids = itertools.count(1)
        self.life = Life()
        self.lease_seconds = 60.0

    @property
    def workspace(self) -> Workspace:
        """The environment, wired anew: what a new process would open."""
        self.life = life = Life()
        return Workspace(
            environment=EnvironmentSettings(name="test", parallelism=4, lease_seconds=self.lease_seconds),
            parameters=life.of(self.parameters),
            graph=life.of(self.graph),
            state=life.of(self.state),
            log=life.of(self.log),
            artifacts=life.of(self.artifacts),
            modules=life.of(self.modules),
            terraform=life.of(self.terraform),
            reloader=life.of(self.reloader),
            repository=NoRepository(),  # type: ignore[arg-type]  # deploys ask it for its commit alone
            publish_index=FakeIndex(),
            actor=Actor(user="ann"),
            clock=self.clock,
            new_id=lambda: f"id-{next(self._ids):06}",
            say=lambda event, facts: self.said.append((event, facts)),
        )

    def configure(self, **configs: dict[str, Any]) -> None:
        """Write configs; `a_one` stands for the address `a/one`."""
        for name, config in configs.items():
            component_type, _, nickname = name.partition("_")
            parameter = f"/iac/{component_type}/{nickname}/config"
            self.parameters.put([ParameterWrite(name=parameter, value=dumps(config, ensure_ascii=True))])

    def remove(self, address: str) -> None:
        """Delete a config."""
        self.parameters.delete([f"/iac/{address}/config"])

    def runtime(self, address: str) -> Any:
        """The published runtime."""
        parameter = self.parameters.get(f"/iac/{address}/runtime", decrypt=True)
        return json.loads(parameter.value) if parameter and parameter.value else None

    def deploy(self, selection: Selection = ALL, **options: Any) -> RunResult:
        """Deploy directly."""
        return deploy(self.workspace, selection, ThreadExecutor, **options)

    def resume(self, run_id: str) -> RunResult:
        """Resume directly."""
        return resume(self.workspace, run_id, ThreadExecutor)

    def applies(self) -> list[str]:
        """Addresses in the order in which Terraform applied them; forgets them."""
        addresses = [address for command, address in self.terraform.calls if command == "apply"]
        self.terraform.calls.clear()
        return addresses

    def events(self, action: str) -> list[tuple[str | None, str]]:
        """(component, status) of every event of an action."""
        return [(event.component, event.status) for event in self.log.events(action=action)]


def statuses(result: RunResult) -> dict[str, str]:
    """Address → status."""
    return {outcome.address: outcome.status for outcome in result.components}


def reasons(result: RunResult) -> dict[str, str]:
    """Address → reason."""
    return {outcome.address: outcome.reason for outcome in result.components}
