"""Starts the parts in order, watches them, starts again what died, and ends everything together."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Event
from typing import Final
from uuid import uuid4

from karma_adapters.local.running_service import Part, RunningService
from karma_core.errors import KarmaError
from karma_service.child import Child, Spec
from karma_service.console import Console
from karma_service.process_tree import ProcessTree

STOP_SECONDS: Final = 40
"""From SIGINT to SIGKILL. A run's Terraform has 25 seconds to save its state (`processes.GRACE_SECONDS`)."""
MAX_RESTARTS: Final = 5
"""Restarts of one part within RESTART_WINDOW seconds, as systemd's StartLimitBurst. Ours: more is a fault."""
RESTART_WINDOW: Final = 300.0
PAUSE_SECONDS: Final = 1.0
"""Before a restart, for each death within the window: what it needs may be starting itself."""
TICK_SECONDS: Final = 0.2
HEALTH_SECONDS: Final = 1.0
OWN: Final = "karma"


class ServiceFailed(KarmaError):
    """A part of the service did not start, or died more often than it is started again."""

    code = "service-failed"
    fault = "system"


class Supervisor:
    """The parts of one `karma up`, as a context manager: whatever happens inside, nothing is left running."""

    def __init__(self, folder: Path, console: Console, record: RunningService) -> None:
        self._folder = folder
        self._console = console
        self._record = record
        self._children: list[Child] = []
        self._deaths: dict[str, list[float]] = {}
        self._stop = Event()

    def __enter__(self) -> Supervisor:
        self._process_tree = ProcessTree(f"{os.getpid()}-{uuid4()}", STOP_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._console.say(OWN, "stopping")
        deadline = time.monotonic() + STOP_SECONDS
        own = {child.pid for child in self._children}
        # Runs first, while there is a server to report to; then the parts, the newest first; then the rest.
        self._process_tree.end([pid for pid in self._process_tree.pids() if pid not in own], deadline)
        for child in reversed(self._children):
            child.end(deadline)
        self._process_tree.end(self._process_tree.pids(), deadline)
        for child in self._children:
            child.close()
        self._process_tree.close()
        self._record.replace(os.getpid(), ())
        self._console.say(OWN, "stopped; nothing is left running")

    def stop(self, *_: object) -> None:
        """Ask for the end; safe in a signal handler."""
        self._stop.set()

    def take_signals(self) -> None:
        """SIGINT and SIGTERM end the service from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.stop)

    def run_once(self, spec: Spec) -> None:
        """Run a command to its end; ServiceFailed where that is no success."""
        child = self._start(spec)
        deadline = time.monotonic() + spec.start_seconds
        while child.exit_code() is None and not self._stop.is_set():
            if time.monotonic() > deadline:
                raise self._failed(spec, "it did not end in time")
            self._stop.wait(TICK_SECONDS)
        code = child.exit_code()
        if code is None:
            return  # the end was asked for, and comes for it, too
        self._children.remove(child)
        child.close()
        if code:
            raise self._failed(spec, f"it ended with {code}")

    def bring_up(self, specs: Sequence[Spec]) -> None:
        """Start these together, and return when all are healthy (or the end was asked for)."""
        started = [self._start(spec) for spec in specs]
        for child in started:
            self._await_health(child)

    def watch(self, healthy: Callable[[], None]) -> None:
        """Keep the parts alive until the end is asked for. `healthy` is called once, now that all are."""
        if not self._stop.is_set():
            self._write_record()
            healthy()
        while not self._stop.wait(TICK_SECONDS):
            for child in self._children:
                if child.exit_code() is not None:
                    self._start_again(child)

    def parts(self) -> tuple[Part, ...]:
        """What runs, by name."""
        return tuple(
            Part(name=c.spec.name, kind=c.spec.kind, pid=c.pid, supervisor=os.getpid(), url=c.spec.url)
            for c in sorted(self._children, key=lambda c: c.spec.name)
        )

    def _start(self, spec: Spec) -> Child:
        child = Child(spec, self._folder, self._console.say)
        child.start(self._process_tree.variables)
        self._children.append(child)
        self._console.say(OWN, f"started {spec.name} (pid {child.pid}) {spec.url}")
        return child

    def _await_health(self, child: Child) -> None:
        deadline = time.monotonic() + child.spec.start_seconds
        while not self._stop.is_set():
            if child.exit_code() is not None:
                raise self._failed(child.spec, f"it ended with {child.exit_code()}")
            if child.spec.healthy():
                self._console.say(OWN, f"{child.spec.name} is healthy {child.spec.url}")
                self._write_record()
                return
            if time.monotonic() > deadline:
                raise self._failed(child.spec, "it did not become healthy in time")
            self._stop.wait(HEALTH_SECONDS / 2)

    def _start_again(self, child: Child) -> None:
        name, now = child.spec.name, time.monotonic()
        deaths = [at for at in self._deaths.get(name, ()) if now - at < RESTART_WINDOW]
        self._deaths[name] = [*deaths, now]
        self._console.say(OWN, f"{name} ended with {child.exit_code()}")
        if len(deaths) >= MAX_RESTARTS:
            raise self._failed(child.spec, f"it ended {len(deaths) + 1} times in {RESTART_WINDOW:g} seconds")
        self._stop.wait(len(deaths) * PAUSE_SECONDS)
        child.start(self._process_tree.variables)
        self._write_record()
        self._console.say(OWN, f"started {name} again (pid {child.pid})")

    def _write_record(self) -> None:
        self._record.replace(os.getpid(), self.parts())

    def _failed(self, spec: Spec, why: str) -> ServiceFailed:
        return ServiceFailed(
            f"{spec.name} does not run",
            why=why,
            next_step="its last lines, above, say what is wrong; they are also in the service's log",
            part=spec.name,
        )
