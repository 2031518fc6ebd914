"""python-terraform with processes of our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any

from python_terraform import IsFlagged, Terraform

from karma_adapters.processes.children import NO_LIMITS, Finished, Limits, Processes
from karma_adapters.terraform.binary import Binary

FLAG = IsFlagged
"""An option without a value."""


def _no_limits(_command: str) -> Limits:
    return NO_LIMITS


class CommandLine(Terraform):  # type: ignore[misc]  # the library ships no types
    """Terraform in one working directory.

    The library writes the command line. It would run it with the whole environment, in Karma's own process
    group, and write into a pipe that breaks when Karma dies; so the process is started by `Processes`.
    `limits_of` gives the limits of a command; `for_init` are variables that init alone gets. `turn` is held
    while a command runs.
    """

    def __init__(
        self,
        binary: Binary,
        directory: Path,
        environment: Mapping[str, str],
        processes: Processes,
        limits_of: Callable[[str], Limits] = _no_limits,
        folder: Path | None = None,
        for_init: Mapping[str, str] = MappingProxyType({}),
        turn: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        super().__init__(
            working_dir=str(directory), terraform_bin_path=binary.words[0], is_env_vars_included=False
        )
        self._binary = binary
        self._directory = directory
        self._environment = environment
        self._processes = processes
        self._limits_of = limits_of
        self._folder = folder
        self._for_init = for_init
        self._turn = turn

    def writing_to(self, folder: Path) -> CommandLine:
        """The same; what it writes is kept in the folder."""
        return CommandLine(
            self._binary,
            self._directory,
            self._environment,
            self._processes,
            self._limits_of,
            folder,
            self._for_init,
            self._turn,
        )

    def cmd(self, cmd: str, *args: str, **options: Any) -> Finished:
        """Run `terraform <cmd> <options> <args>`; options as in python-terraform, never a dict of values."""
        words = self.generate_cmd_string(cmd, *args, **options)
        with self._turn():
            return self._processes.run(
                [*self._binary.words, *words[1:]],
                directory=self._directory,
                environment={**self._environment, **(self._for_init if cmd == "init" else {})},
                limits=self._limits_of(cmd),
                folder=self._folder,
            )
