"""Static faults of modules, as `terraform validate -json` tells them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from karma_adapters.terraform.validation import Fault, Validations, faults_of, module_invalid
from karma_core.masking.masker import masker_of

RANGE = {"filename": "main.tf", "start": {"line": 4, "column": 3}}
ERROR = {
    "severity": "error",
    "summary": "Unsupported argument",
    "detail": "An argument\nnamed s3cret",
    "range": RANGE,
}
WARNING = {"severity": "warning", "summary": "Deprecated", "range": RANGE}
CYCLE = {"severity": "error", "summary": "Cycle: terraform_data.a, terraform_data.b"}
NO_PLUGIN = {"severity": "error", "summary": "Failed to load plugin schemas"}
NOT_INSTALLED = {"severity": "error", "summary": "Module not installed", "range": RANGE}


def printed(*diagnostics: dict[str, Any]) -> str:
    """What `validate -json` prints with these diagnostics."""
    valid = not any(one["severity"] == "error" for one in diagnostics)
    return json.dumps({"valid": valid, "diagnostics": diagnostics})


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (printed(WARNING), []),
        (printed(WARNING, ERROR), ["main.tf:4: Unsupported argument: An argument named s3cret"]),
        (printed(CYCLE), ["Cycle: terraform_data.a, terraform_data.b"]),
        (printed(NO_PLUGIN), None),
        (printed(NOT_INSTALLED), None),
        (printed(NO_PLUGIN, ERROR), ["main.tf:4: Unsupported argument: An argument named s3cret"]),
        ("Terraform v0.11 does not know -json", None),
        ("", None),
    ],
)
def test_only_what_stands_in_the_files_is_a_fault(text: str, faults: list[str] | None) -> None:
    """A provider that does not start, and a module that was not fetched, are no answer about the files."""
    read = faults_of(text)
    assert (None if read is None else [one.said for one in read]) == faults


def test_the_first_fault_is_told_with_its_place() -> None:
    """The others are counted; secrets are masked."""
    faults = [Fault(place="main.tf:4", text="named s3cret"), Fault(place="main.tf:9", text="x")]
    error = module_invalid("a/one", faults, masker_of(["s3cret"]))
    assert (error.code, error.why) == ("module-invalid", "main.tf:4: named (sensitive) (1 more)")


def test_a_module_is_asked_about_once_for_each_digest_and_version(tmp_path: Path) -> None:
    """By many threads, and by the next process, valid or not; another version or digest is asked."""
    asked: list[str] = []

    def validate() -> str:
        asked.append("")
        return printed(ERROR)

    first = Validations(tmp_path / "cache")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: first.faults("d", "terraform 1.11.4", validate), range(32)))
    assert ({len(one) for one in answers}, len(asked)) == ({1}, 1)
    later = Validations(tmp_path / "cache")
    assert later.faults("d", "terraform 1.11.4", validate) == answers[0]
    assert len(asked) == 1
    later.faults("d", "opentofu 1.11.4", validate)
    later.faults("e", "terraform 1.11.4", validate)
    assert len(asked) == 3


def test_what_is_no_answer_is_asked_again(tmp_path: Path) -> None:
    """Also where the cache's file is damaged."""
    validations = Validations(tmp_path)
    assert validations.faults("d", "v", lambda: printed(NO_PLUGIN)) == ()
    assert len(validations.faults("d", "v", lambda: printed(ERROR))) == 1
    for file in tmp_path.iterdir():
        file.write_bytes(b"{")
    assert Validations(tmp_path).faults("d", "v", lambda: printed(WARNING)) == ()
