"""Typed decoding from several threads at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PACKAGES = ("karma_core", "karma_log", "karma_adapters", "karma_api", "karma_lambda", "karma_ui", "karma_cli",
            "karma_service", "tasks", "flows")  # fmt: skip
FIRST_DECODES = """
import sys, threading, msgspec
from karma_core.decoding import convert
sys.setswitchinterval(1e-6)
for number in range(1000):
    inner = msgspec.defstruct(f"Inner{number}", [("value", dict[str, int]), ("flag", bool, False)])
    outer = msgspec.defstruct(f"Outer{number}", [("version", int), ("inner", dict[str, inner])])
    together = threading.Barrier(4)

    def first():
        together.wait()
        assert convert({"version": 4, "inner": {"a": {"value": {}}}}, outer).version == 4

    threads = [threading.Thread(target=first) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
"""


def test_two_threads_may_be_the_first_to_decode_a_type() -> None:
    """A process in which several threads decode a struct of structs for the first time lives on."""
    ended = subprocess.run(
        [sys.executable, "-c", FIRST_DECODES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nothing_else_decodes_into_types() -> None:
    """No code calls msgspec with a type where several threads may be the first."""
    unsafe = [
        f"{path.relative_to(ROOT)}:{number}"
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.name != "decoding.py"
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if "msgspec.convert(" in line or ("json.decode(" in line and "type=" in line)
    ]
    assert unsafe == []
