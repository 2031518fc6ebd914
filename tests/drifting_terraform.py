"""A stand-in for a Terraform whose cloud has drifted.

The providers that come with Terraform have nothing outside that could drift. `show` of the stand-in gives
what was recorded from the AWS provider, everything else is the real program.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

RECORDED = Path(__file__).parent / "unit/karma_adapters/terraform/recorded/refresh.json"
SCRIPT = """#!/bin/sh
printf '%s\\n' "$*" >> {calls}
if [ "$1" = show ] && [ -e {drifted} ]; then exec cat {recorded}; fi
{terraform} "$@"
code=$?
if [ "$1" = plan ] && [ -e {drifted} ]; then exit 2; fi
exit $code
"""


@dataclass(frozen=True)
class DriftingTerraform:
    """The program in a folder of its own; the file `drifted` beside it turns it on."""

    folder: Path

    @property
    def program(self) -> Path:
        """What to run in Terraform's place."""
        return self.folder / "terraform-stand-in"

    @property
    def drifted(self) -> Path:
        """While this file exists, every refresh tells of drift."""
        return self.folder / "drifted"

    def calls(self) -> list[str]:
        """The command lines so far, each without the program; forgets them."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines()
        path.unlink()
        return lines


def make_drifting(folder: Path) -> DriftingTerraform:
    """Write the program."""
    terraform = shutil.which("terraform")
    assert terraform is not None, f"no terraform for {sys.executable}"
    made = DriftingTerraform(folder)
    places = {"calls": folder / "calls", "drifted": made.drifted, "recorded": RECORDED}
    quoted = {name: shlex.quote(str(path)) for name, path in places.items()}
    made.program.write_text(SCRIPT.format(terraform=shlex.quote(terraform), **quoted))
    made.program.chmod(0o755)
    return made
