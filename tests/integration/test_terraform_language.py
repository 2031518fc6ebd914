"""Karma's reading of Terraform's language against Terraform itself: one process for each table."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from tests.hcl_faults import FAULTS

ENVIRONMENT = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1"}


def test_terraform_reports_every_fault_on_the_line_that_the_table_has(tmp_path: Path) -> None:
    """Of several errors in a file the first counts, as Terraform lists them."""
    for number, (text, _) in enumerate(FAULTS):
        (tmp_path / f"f{number:03}.tf").write_text(text)
    ended = subprocess.run(
        ["terraform", "validate", "-json"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False
    )
    lines: dict[str, int] = {}
    for diagnostic in json.loads(ended.stdout)["diagnostics"]:
        if diagnostic["severity"] == "error" and "range" in diagnostic:
            lines.setdefault(diagnostic["range"]["filename"], diagnostic["range"]["start"]["line"])
    assert lines == {f"f{number:03}.tf": line for number, (_, line) in enumerate(FAULTS)}
