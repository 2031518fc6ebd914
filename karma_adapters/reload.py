"""`ports.Reloader`: the action that makes a running component take up new runtime values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from karma_adapters.processes import Processes
from karma_core import ids
from karma_core.errors import DeployFailed, UsageError

DEFAULT_TIMEOUT_SECONDS: Final = 60.0
LINES: Final = 20
"""Lines of a failed command's output that are shown."""
_PLACE: Final = re.compile(r"\{(address|nickname|environment|key)\}")
Action = Callable[[Any, Mapping[str, str], float], str]
"""(what component.yaml says, placeholders, seconds) → one line on what was done."""


class Reloads:
    """Runs reload actions in the project's directory, with an allow-listed environment."""

    def __init__(self, *, directory: Path, environment: Mapping[str, str], processes: Processes) -> None:
        self._directory = directory
        self._environment = environment
        self._processes = processes
        self._actions: dict[str, Action] = {"command": self._command}

    def reload(self, action: dict[str, Any], *, address: str, environment: str, idempotency_key: str) -> str:
        """Do it; DeployFailed `reload-failed` or `reload-timeout`, UsageError for an unknown kind."""
        places = {
            "address": address,
            "nickname": ids.split_address(address)[1],
            "environment": ids.check_environment(environment),
            "key": idempotency_key,
        }
        seconds = float(action.get("timeout_seconds") or DEFAULT_TIMEOUT_SECONDS)
        for kind, run in self._actions.items():
            if action.get(kind) is not None:
                return run(action[kind], places, seconds)
        raise UsageError(
            f"the reload action of {address} is of no kind that can be run",
            why=f"it says {', '.join(sorted(map(str, action))) or 'nothing'}; "
            f"there is {', '.join(sorted(self._actions))}",
            next_step="change `reload` in the type's component.yaml",
            code="reload-kind",
        )

    def _command(self, words: list[str], places: Mapping[str, str], seconds: float) -> str:
        """Run a program. A placeholder is replaced inside its word and cannot become two words."""
        filled = [_filled(word, places) for word in words]
        ended = self._processes.run(
            filled, directory=self._directory, environment=self._environment, timeout_seconds=seconds
        )
        if ended.code == 0:
            return f"ran {filled[0]}"
        output = "\n".join((ended.err.strip() or ended.out.strip()).splitlines()[-LINES:])
        how = f"ran longer than {seconds:g} s" if ended.late else f"failed (exit code {ended.code})"
        raise DeployFailed(
            f"the reload command {filled[0]} of {places['address']} {how}",
            why=output,
            next_step="correct the command in the type's component.yaml, or what it calls",
            code="reload-timeout" if ended.late else "reload-failed",
            component=places["address"],
            exit_code=ended.code,
        )


def _filled(word: str, places: Mapping[str, str]) -> str:
    """The word with {address}, {nickname}, {environment} and {key} replaced, nothing else."""
    return _PLACE.sub(lambda match: places[match[1]], word)
