"""A ledger outside Karma: what Terraform really ran, as written by a stand-in around the real one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

SCRIPT = """#!/bin/sh
# Notes when a command starts and how it ends, and runs the real program in between. A handler for SIGINT, so
# that this shell outlives the program, which gets the signal too and saves its state.
trap : INT
component=${{TF_DATA_DIR#"${{TF_DATA_DIR%/*/*}}/"}}
echo "start $1 $component $$" >>"{ledger}"
"{real}" "$@"
code=$?
echo "end $1 $component $$ $code" >>"{ledger}"
exit $code
"""


@dataclass(frozen=True)
class Line:
    """One line: `event` is start or end, `code` the exit code of an end."""

    event: str
    command: str
    component: str
    process: str
    code: int | None


class Ledger:
    """A stand-in for Terraform in `folder`, and the ledger that it writes."""

    def __init__(self, folder: Path) -> None:
        real = shutil.which("terraform") or shutil.which("tofu")
        assert real, "these tests need terraform or tofu on PATH"
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / "ledger"
        self.path.touch()
        self.program = folder / "terraform"
        self.program.write_text(SCRIPT.format(ledger=self.path, real=real))
        self.program.chmod(0o755)

    @property
    def variables(self) -> dict[str, str]:
        """Settings with which Karma runs the stand-in."""
        return {"KARMA_TERRAFORM__BINARY": str(self.program)}

    def lines(self) -> list[Line]:
        """Everything that was noted so far, in order."""
        entries = []
        for text in self.path.read_text("utf-8").splitlines():
            event, command, component, process, *code = text.split(" ")
            entries.append(Line(event, command, component, process, int(code[0]) if code else None))
        return entries

    def started(self) -> int:
        """How many processes were started so far."""
        return sum(line.event == "start" for line in self.lines())

    def running(self) -> int:
        """How many have started and not ended."""
        return sum(1 if line.event == "start" else -1 for line in self.lines())

    def applies(self, component: str) -> int:
        """How many applies of a component ended well."""
        return sum(
            line.event == "end" and line.command == "apply" and line.component == component and line.code == 0
            for line in self.lines()
        )

    def overlaps(self) -> list[str]:
        """Components of which two applies ran at once."""
        open_: dict[str, str] = {}
        overlapping = []
        for line in self.lines():
            if line.command != "apply":
                continue
            if line.event == "end":
                open_.pop(line.component, None)
            elif line.component in open_:
                overlapping.append(line.component)
            else:
                open_[line.component] = line.process
        return overlapping
