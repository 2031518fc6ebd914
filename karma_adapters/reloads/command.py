"""The reload action `command`: a program in the project's directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from karma_adapters.processes.children import Processes
from karma_adapters.reloads.order import Order


class CommandAction:
    """Runs a list of words without a shell, with an allow-listed environment."""

    def __init__(self, *, directory: Path, environment: Mapping[str, str], processes: Processes) -> None:
        self._directory = directory
        self._environment = environment
        self._processes = processes

    def __call__(self, words: list[str], order: Order) -> str:
        """Run the command. A placeholder is replaced inside its word and cannot become two words."""
        filled = [order.filled(word) for word in words]
        ended = self._processes.run(
            filled, directory=self._directory, environment=self._environment, timeout_seconds=order.seconds
        )
        if ended.code == 0:
            return f"ran {filled[0]}"
        raise order.failed(
            f"the reload command {filled[0]}",
            ended.err.strip() or ended.out.strip() or f"it ended with code {ended.code}",
            late=ended.late,
            exit_code=ended.code,
        )
