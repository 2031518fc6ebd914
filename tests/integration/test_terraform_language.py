"""Karma's reading of Terraform's language against Terraform itself: one process for each table."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from karma_core.inference import functions
from tests import expressions, karma_values, terraform_values
from tests.hcl_faults import FAULTS

SOAK = os.environ.get("KARMA_SOAK")
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


def _differing(seed: int, count: int, directory: Path) -> list[tuple[str, str, str | None]]:
    """(expression, Terraform's value, Karma's) of the made-up expressions whose values differ.

    Where Terraform stops with an error there is no value that could be another.
    """
    made = expressions.Expressions(seed)
    texts = [made.next() for _ in range(count)]
    directory.mkdir()
    values = zip(
        texts, terraform_values.values_of(texts, directory), karma_values.values_of(texts), strict=True
    )
    return [
        (text, terraform, karma)
        for text, terraform, karma in values
        if karma not in (None, terraform) and terraform != terraform_values.FAILS
    ]


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 32 if SOAK else 3))
def test_a_made_up_expression_has_terraforms_value_or_none(tmp_path: Path, seed: int) -> None:
    """Karma evaluates an expression to what Terraform does, or says that it does not know; 600 a seed."""
    assert _differing(seed, 600, tmp_path / "module") == []


def test_every_written_expression_has_terraforms_value_or_none(tmp_path: Path) -> None:
    """Those in which the two differed once, and the corners of each function."""
    texts = (Path(__file__).parent.parent / "data/expressions.txt").read_text().splitlines()
    ours = karma_values.values_of(texts)
    theirs = terraform_values.values_of(texts, tmp_path)
    compared = list(zip(texts, theirs, ours, strict=True))
    assert [one for one in compared if one[2] is not None and one[1] != one[2]] == []
    assert sum(value is not None for value in ours) > 0.8 * len(texts)


def test_every_function_of_terraform_is_computed_or_left_out_for_a_reason(tmp_path: Path) -> None:
    """A function that a later Terraform brings along fails this, until somebody decides."""
    ended = subprocess.run(
        ["terraform", "metadata", "functions", "-json"],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True,
    )  # fmt: skip
    names = {name for name in json.loads(ended.stdout)["function_signatures"] if "::" not in name}
    computed = functions.TEXT.keys() | functions.STRUCTURE.keys() | functions.BY_THE_EVALUATION
    assert computed | functions.LEFT_OUT.keys() == names
    assert not computed & functions.LEFT_OUT.keys()
