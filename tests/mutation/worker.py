"""Runs mutmut in the current folder and writes what became of each mutant: a process of its own for a group.

`python worker.py <packages> <jobs>`: `packages` is the folder that mutmut is installed in. It comes last on
the path, so that everything else is the .venv's.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

RESULTS = "results.json"
"""In the current folder: a list of objects with name, status, was and now (lines of the code)."""


def changed_lines(diff: str, sign: str) -> str:
    """The lines that a unified diff removes (`-`) or adds (`+`), without indentation."""
    headers = ("---", "+++")
    lines = [line[1:].strip() for line in diff.splitlines() if line[:1] == sign and line[:3] not in headers]
    return "\n".join(lines)


def main(packages: str, jobs: str) -> None:
    """Run the mutants and write `results.json`."""
    sys.path.append(packages)
    from mutmut.__main__ import cli  # noqa: PLC0415
    from mutmut.mutation.diff_apply import get_diff_for_mutant  # noqa: PLC0415
    from mutmut.stats import status_by_exit_code  # noqa: PLC0415

    cli(["run", "--max-children", jobs], standalone_mode=False)
    results = []
    for file in sorted(Path("mutants").rglob("*.meta")):
        for name, exit_code in json.loads(file.read_text())["exit_code_by_key"].items():
            diff = get_diff_for_mutant(name)
            results.append(
                {
                    "name": name,
                    "status": status_by_exit_code[exit_code],
                    "was": changed_lines(diff, "-"),
                    "now": changed_lines(diff, "+"),
                }
            )
    Path(RESULTS).write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
