"""What Terraform says that it did: a program in its place that keeps the events of every apply."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

IMPORTED = "(imported)"
"""Stands for the resources that were imported, whose number is known."""
SCRIPT = """#!/bin/bash
if [ "$1" = apply ]; then
  set -o pipefail
  {terraform} "$@" | tee -a {folder}/$$.jsonl
  code=$?
  pwd >{folder}/$$.place
  exit $code
fi
exec {terraform} "$@"
"""


class Applies:
    """The program, and the events below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.program = folder / "terraform"
        self.program.write_text(SCRIPT.format(terraform=shutil.which("terraform"), folder=folder))
        self.program.chmod(0o755)

    def take(self) -> dict[str, dict[str, str]]:
        """Component → resource → action of all applies since the last call."""
        made: dict[str, dict[str, str]] = {}
        for path in sorted(self._folder.glob("*.jsonl")):
            place = path.with_suffix(".place")
            below = place.read_text().rpartition("/work/")[2]
            address = "/".join(below.split("/")[:2])
            made.setdefault(address, {}).update(_actions(path.read_text()))
            path.unlink()
            place.unlink()
        return made


def _actions(text: str) -> dict[str, str]:
    """Resource → create, update, destroy, replace, of what has ended; and how many were imported."""
    made: dict[str, str] = {}
    for event in map(json.loads, filter(None, text.splitlines())):
        imported = event.get("changes", {}).get("import", 0) if event.get("type") == "change_summary" else 0
        if imported:  # an import alone has no event of its own
            made[IMPORTED] = str(imported)
        if event.get("type") == "apply_complete":
            hook = event["hook"]
            address, action = hook["resource"]["addr"], hook["action"].replace("delete", "destroy")
            made[address] = "replace" if {made.get(address), action} == {"create", "destroy"} else action
    return made
