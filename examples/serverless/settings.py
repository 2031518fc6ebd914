"""The workers' karma.toml from what Terraform says of the stack: `python settings.py outputs.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def lines(section: dict[str, Any], path: str = "") -> Iterator[str]:
    """The section as TOML: its values, then its sections."""
    values = {key: value for key, value in section.items() if not isinstance(value, dict)}
    if path and values:
        yield f"[{path}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in values.items())
    for key, value in section.items():
        if isinstance(value, dict):
            yield from lines(value, f"{path}.{key}" if path else key)


if __name__ == "__main__":
    outputs = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    print("\n".join(lines(outputs["project"]["value"])))
