"""One supervised process: its start, its end, and its output as lines of the log."""

from __future__ import annotations

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Spec:
    """A process to start. `healthy` says whether it works; it is called about twice a second."""

    name: str
    kind: str
    words: tuple[str, ...]
    variables: Mapping[str, str]
    healthy: Callable[[], bool]
    url: str = ""
    start_seconds: float = 90.0


@dataclass
class Child:
    """The process of a spec; after restarts, the newest one."""

    spec: Spec
    folder: Path
    say: Callable[[str, str], None]
    _process: subprocess.Popen[bytes] | None = None
    _pumps: list[threading.Thread] = field(default_factory=list)

    @property
    def pid(self) -> int:
        """The pid of the newest process; 0 before the first."""
        return self._process.pid if self._process is not None else 0

    def start(self, mark: Mapping[str, str]) -> None:
        """Start the process in a group of its own: a terminal's Ctrl-C is handled by the supervisor."""
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self.spec.words,
            cwd=self.folder,
            env={**self.spec.variables, **mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        self._process = process
        pump = threading.Thread(target=self._pump, args=(process,), daemon=True)
        pump.start()
        self._pumps.append(pump)

    def exit_code(self) -> int | None:
        """How the newest process ended; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def end(self, deadline: float) -> None:
        """SIGINT, and SIGKILL at the deadline (monotonic); returns when it has gone."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """Drain the output after the last writer has exited."""
        for pump in self._pumps:
            pump.join(timeout=1)

    def _pump(self, process: subprocess.Popen[bytes]) -> None:
        """Copy the output line by line, until no process can write to it."""
        output = process.stdout
        if output is None:
            return
        with output:
            for line in output:
                self.say(self.spec.name, line.decode("utf-8", "replace"))
