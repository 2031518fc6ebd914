"""Static faults of modules, as `terraform validate -json` tells them."""

from __future__ import annotations

from typing import Any

import pytest

from karma_adapters.terraform.validation import fault_of
from karma_core.masking.masker import masker_of

RANGE = {"filename": "main.tf", "start": {"line": 4, "column": 3}}
ERROR = {
    "severity": "error",
    "summary": "Unsupported argument",
    "detail": "An argument\nnamed s3cret",
    "range": RANGE,
}
WARNING = {"severity": "warning", "summary": "Deprecated", "range": RANGE}


@pytest.mark.parametrize(
    ("diagnostics", "why"),
    [
        ([WARNING, ERROR], "main.tf:4: Unsupported argument: An argument named (sensitive)"),
        ([ERROR, ERROR], "main.tf:4: Unsupported argument: An argument named (sensitive) (1 more)"),
        ([{"severity": "error", "summary": "No place"}], "No place"),
    ],
)
def test_the_first_fault_is_told_with_its_place(diagnostics: list[dict[str, Any]], why: str) -> None:
    """The others are counted; secrets are masked."""
    fault = fault_of("a/one", {"valid": False, "diagnostics": diagnostics}, masker_of(["s3cret"]))
    assert fault is not None
    assert (fault.code, fault.why) == ("module-invalid", why)


@pytest.mark.parametrize("document", [{"valid": True, "diagnostics": [WARNING]}, {"valid": False}, {}])
def test_a_valid_module_has_no_fault(document: dict[str, Any]) -> None:
    """Neither has one of which nothing is said."""
    assert fault_of("a/one", document, masker_of([])) is None
