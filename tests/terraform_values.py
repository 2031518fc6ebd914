"""Values of expressions by Terraform itself: many of them in one process."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

FAILS = "!"
"""Stands for an expression at which Terraform stops with an error."""


def module_of(expressions: Sequence[str]) -> str:
    """A module with a local for each expression: its value as JSON text, or `FAILS`."""
    lines = [f'  e{number} = try(jsonencode({text}), "{FAILS}")' for number, text in enumerate(expressions)]
    return "locals {\n" + "\n".join(lines) + "\n}\n"


def values_of(expressions: Sequence[str], directory: Path) -> list[str]:
    """The expressions' values as JSON texts, by `terraform console` in a directory that has no module yet."""
    (directory / "main.tf").write_text(module_of(expressions))
    every = ", ".join(f"local.e{number}" for number in range(len(expressions)))
    ended = subprocess.run(
        ["terraform", "console"],
        cwd=directory,
        input=f"base64encode(jsonencode([{every}]))\n",
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.startswith('"'), ended.stderr + ended.stdout
    texts: list[str] = json.loads(base64.b64decode(json.loads(ended.stdout)))
    return texts
