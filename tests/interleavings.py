"""Two runs at once in memory, one of them held at a named place until the other has ended.

What is left afterwards has to be what some order of the two leaves, each run whole after the other; one that
was refused because the other was at work has done nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from karma_adapters.git.repository import GitConfigRepository
from karma_core import failpoints
from karma_core.errors import Conflict, KarmaError, LeaseHeld, NotFound, Refused
from karma_core.use_cases.changes.register import Register
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.change_system import ChangeSystem

PATIENCE_SECONDS = 0.5
"""How long the second run may need before it counts as waiting for the first."""
WAIT_SECONDS = 60.0
"""How long either run may stand still before the test gives up."""

Action = Callable[["Project"], object]


class Project(ChangeSystem):
    """`a/one` is consumed by `b/two`, that by `c/three`; `d/four` stands alone. Configs come from files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        super().__init__()
        self.edit("a/one", {"size": 1})
        self.edit("b/two", {"a_nickname": "one"})
        self.edit("c/three", {"b_nickname": "two"})
        self.edit("d/four", {"size": 4})
        publish(self.workspace)

    @property
    def workspace(self) -> Workspace:
        """What a new process would open, with the configs of the folder."""
        return replace(super().workspace, repository=GitConfigRepository(self.root))

    def edit(self, address: str, config: dict[str, Any] | None) -> None:
        """Write a component's file; None removes it."""
        file = self.root / "iac" / "test" / address / "config.json"
        if config is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(config), "utf-8")

    def left(self) -> dict[str, Any]:
        """What there is: configs, what was applied of which config, what Terraform has, runtimes."""
        configs, runtimes = {}, {}
        for parameter in self.parameters.read_tree("/iac"):
            if parameter.name.startswith("/iac/_"):
                continue
            kept = runtimes if parameter.name.endswith("/runtime") else configs
            kept[parameter.name] = _stable(json.loads(parameter.value or "null"))
        applied = {
            address: (record.config, record.status) for address, record in self.state.all_applied().items()
        }
        states = _stable(self.terraform.inputs())
        return {"configs": configs, "runtimes": runtimes, "applied": applied, "states": states}


def _stable(value: Any) -> Any:
    """A runtime without what Terraform makes up."""
    return {k: _stable(v) for k, v in value.items() if k != "id"} if isinstance(value, dict) else value


@dataclass(frozen=True)
class Ended:
    """How far somebody came: how many actions were carried out, the last one's refusal in between or None."""

    done: int
    refusal: KarmaError | None = None


def run(project: Project, actions: Sequence[Action]) -> Ended:
    """Carry actions out, one after the other, until one is refused because others are at work.

    An action that can have no effect any more, because what it names is gone, has been carried out.
    """
    for number, action in enumerate(actions):
        try:
            action(project)
        except Conflict as error:
            return Ended(done=number, refusal=error)
        except (Refused, NotFound) as error:
            return Ended(done=number + 1, refusal=error)
    return Ended(done=len(actions))


def serial(make: Callable[[], Project], actions: Sequence[Action]) -> dict[str, Any]:
    """What is left after actions one after the other."""
    project = make()
    for action in actions:
        run(project, (action,))
    return project.left()


def merges(one: Sequence[Action], other: Sequence[Action]) -> Iterator[tuple[Action, ...]]:
    """Every order of both in which each keeps its own."""
    if not one or not other:
        yield (*one, *other)
        return
    yield from ((one[0], *rest) for rest in merges(one[1:], other))
    yield from ((other[0], *rest) for rest in merges(one, other[1:]))


class Held:
    """A failpoint hook that holds whoever comes to a place as the `count`th, until `go_on` is set."""

    def __init__(self, place: str, count: int) -> None:
        self._place, self._count = place, count
        self.arrived, self.go_on = threading.Event(), threading.Event()

    def __call__(self, name: str) -> None:
        """The hook; nobody else is held afterwards."""
        if name != self._place or self.arrived.is_set():
            return
        self._count -= 1
        if self._count == 0:
            self.arrived.set()
            assert self.go_on.wait(WAIT_SECONDS), f"held for too long at {name}"


def interleaved(
    project: Project, first: Sequence[Action], second: Sequence[Action], place: str, count: int
) -> tuple[Ended, Ended] | None:
    """The first run, held at a place while the second is carried out; None where it never gets there.

    Where the second waits for a lease of the first, the first goes on.
    """
    held = Held(place, count)
    with ThreadPoolExecutor(2) as pool:
        failpoints.install(held)
        try:
            one = pool.submit(run, project, first)
            while not one.done() and not held.arrived.wait(0.002):
                pass
            if not held.arrived.is_set():
                return None
            other = pool.submit(run, project, second)
            wait([other], timeout=PATIENCE_SECONDS)
            held.go_on.set()
            return one.result(WAIT_SECONDS), other.result(WAIT_SECONDS)
        finally:
            held.go_on.set()
            failpoints.install(None)


def places(make: Callable[[], Project], actions: Sequence[Action]) -> Iterator[tuple[str, int]]:
    """Every arrival of actions at a named place, in order, as (place, how often)."""
    seen: list[str] = []
    project = make()
    failpoints.install(seen.append)
    try:
        run(project, actions)
    finally:
        failpoints.install(None)
    counts: dict[str, int] = {}
    for name in seen:
        counts[name] = counts.get(name, 0) + 1
        yield name, counts[name]


# -- actions ----------------------------------------------------------------------------------------------


def deploying(*targets: str) -> Action:
    """A deploy of the targets, or of everything."""
    selection = Selection(targets=targets) if targets else Selection(everything=True)
    return lambda project: deploy(project.workspace, selection, ThreadExecutor)


def destroying(*targets: str) -> Action:
    """A destroy of the targets, or of everything."""
    selection = Selection(targets=targets) if targets else Selection(everything=True)
    return lambda project: destroy(project.workspace, selection, ThreadExecutor)


def publishing(*, prune: bool = False, **edits: dict[str, Any] | None) -> Action:
    """Edits of files (`a_one` stands for `a/one`), published."""

    def go(project: Project) -> None:
        for name, config in edits.items():
            project.edit(name.replace("_", "/"), config)
        publish(project.workspace, prune=prune, assume_yes=True)

    return go


def rolling_back(project: Project) -> None:
    """The rollback of the newest change, applied."""
    newest = max(Register(project.workspace).all(), key=lambda change: change.number)
    wanted = project.roll_back(newest)
    with suppress(LeaseHeld):  # then it stays `applying`, and whoever comes next carries it on
        project.apply(wanted)
