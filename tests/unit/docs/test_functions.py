"""The page on dependencies lists the functions that are not computed, each with the reason."""

from __future__ import annotations

import re
from pathlib import Path

from karma_core.inference.functions import LEFT_OUT

PAGE = Path(__file__).parents[3] / "docs/dependencies.md"


def test_every_function_that_is_left_out_has_its_reason_on_the_page() -> None:
    """And no function that is computed stands there."""
    _, _, section = PAGE.read_text("utf-8").partition("## How expressions are evaluated\n")
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]+) \|$", section.partition("\n## ")[0], re.MULTILINE)
    listed = {name: why for names, why in rows for name in re.findall(r"`([a-z0-9]+)`", names)}
    assert listed == LEFT_OUT
