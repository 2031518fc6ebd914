"""A copy of deployments/aws for the one AWS provider that can be had without the public registry, 3.39.

Run as `python local_copy.py TO`. The copy leaves out lines that end in `# not in 3.39`, and blocks whose
first line does, since that provider does not know them; after `# in 3.39:` stands what a line is there.
Nothing else differs but the provider's version.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
MARK: Final = "# not in 3.39"
INSTEAD: Final = re.compile(r"# in 3\.39: (.*)$")
"""What a line is there."""
BOUNDS: Final = '">= 5.31, < 7.0"'
OLD_BOUNDS: Final = '">= 3.39, < 4.0"'


def copy(to: Path) -> Path:
    """Write the copy; return the folder of the local variant."""
    shutil.copytree(ROOT / "deployments" / "aws", to, ignore=shutil.ignore_patterns(".terraform*"))
    for path in to.rglob("*.tf"):
        text = "\n".join(_known(path.read_text("utf-8").splitlines()))
        path.write_text(text.replace(BOUNDS, OLD_BOUNDS) + "\n", "utf-8")
    return to / "local"


def _known(lines: list[str]) -> Iterator[str]:
    """The lines that the old provider knows."""
    closing = ""
    for written in lines:
        other = INSTEAD.search(written)
        line = f"{_indent(written)}{other[1]}" if other else written
        if closing:
            closing = "" if line == closing else closing
        elif not line.endswith(MARK):
            yield line
        elif line.removesuffix(MARK).rstrip().endswith("{"):
            closing = _indent(line) + "}"


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


if __name__ == "__main__":
    print(copy(Path(sys.argv[1])))
