"""python-terraform with processes of our own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged, Terraform

from karma_adapters.processes.children import Finished, Processes
from karma_adapters.terraform.binary import Binary

FLAG = IsFlagged
"""An option without a value."""


class CommandLine(Terraform):  # type: ignore[misc]  # the library ships no types
    """Terraform in one working directory.

    The library writes the command line. It would run it with the whole environment, in Karma's own process
    group, and leave it running if Karma dies; so the process is started by `Processes`.
    """

    def __init__(
        self, binary: Binary, directory: Path, environment: Mapping[str, str], processes: Processes
    ) -> None:
        super().__init__(
            working_dir=str(directory), terraform_bin_path=binary.words[0], is_env_vars_included=False
        )
        self._binary = binary
        self._directory = directory
        self._environment = environment
        self._processes = processes

    def cmd(self, cmd: str, *args: str, **options: Any) -> Finished:
        """Run `terraform <cmd> <options> <args>`; options as in python-terraform, never a dict of values."""
        words = self.generate_cmd_string(cmd, *args, **options)
        return self._processes.run(
            [*self._binary.words, *words[1:]], directory=self._directory, environment=self._environment
        )
