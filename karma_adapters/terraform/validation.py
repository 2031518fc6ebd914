"""Static faults of modules, as `terraform validate -json` tells them (format version 1).

A module is asked about once for each digest and each version of the engine: what is wrong in its files does
not change before they do. The answer is kept in a small file, for the next process.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from karma_adapters.local.replace_file import replace_file
from karma_adapters.terraform import exact_json
from karma_core import strictjson
from karma_core.decoding import decode
from karma_core.errors import DeployFailed
from karma_core.json_types import JsonObject
from karma_core.masking.masker import Masker
from karma_core.model import Record

MODULE_INVALID: Final = "module-invalid"
_CYCLE: Final = "Cycle"
"""Begins the summary of the one fault of a module's files that Terraform gives no place."""
_NOT_INSTALLED: Final = "Module not installed"
"""Said at a `module` block where init has not been done, or could not be."""


class Fault(Record, frozen=True, kw_only=True):
    """One fault. `place` is `FILE:LINE`, relative to the module; empty for a cycle."""

    place: str
    text: str

    @property
    def said(self) -> str:
        """Place and text in one line."""
        return ": ".join(filter(None, (self.place, self.text)))


class Validations:
    """What is known of modules, below `cache`. Of several that ask about one module at once, one runs."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._faults: dict[str, tuple[Fault, ...]] = {}
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def faults(self, digest: str, version: str, validate: Callable[[], str]) -> tuple[Fault, ...]:
        """The faults of the module with this digest by this engine; `validate` gives what it prints.

        What is printed and is no answer (the process was stopped, or a provider did not start) is no fault,
        and is asked again.
        """
        key = strictjson.digest([digest, version]).removeprefix("sha256:")
        with self._guard:
            lock = self._locks[key]
        with lock:
            known = self._faults.get(key)
            if known is None:
                known = self._read(key)
            if known is None:
                known = faults_of(validate())
                if known is None:
                    return ()
                self._cache.mkdir(parents=True, exist_ok=True)
                replace_file(self._file(key), msgspec.json.encode(known))
            self._faults[key] = known
            return known

    def _read(self, key: str) -> tuple[Fault, ...] | None:
        try:
            return decode(self._file(key).read_bytes(), tuple[Fault, ...])
        except (FileNotFoundError, msgspec.MsgspecError):
            return None

    def _file(self, key: str) -> Path:
        return self._cache / f"validated-{key}"


def module_invalid(subject: str, faults: Sequence[Fault], hidden: Masker) -> DeployFailed:
    """The error of a module with faults: the first, and how many more there are. `subject` has the module."""
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    return DeployFailed(
        f"the module of {subject} is not valid",
        why=hidden.text(f"{faults[0].said}{more}"),
        next_step="correct the module; `terraform validate` in its folder says more",
        code=MODULE_INVALID,
        component=subject,
    )


def faults_of(printed: str) -> tuple[Fault, ...] | None:
    """The faults in what `validate -json` printed, in its order; None where it did not come to an answer."""
    try:
        document = exact_json.decode(printed.encode())
    except msgspec.MsgspecError:
        return None
    errors = [one for one in document.get("diagnostics", ()) if one.get("severity") == "error"]
    faults = tuple(_fault(one) for one in errors if _is_static(one))
    answered = bool(faults) or document.get("valid") is True
    return faults if answered else None


def _fault(diagnostic: JsonObject) -> Fault:
    said = " ".join(f"{diagnostic.get('summary', '')}: {diagnostic.get('detail', '')}".split())
    return Fault(place=_place(diagnostic), text=said.rstrip(": "))


def _is_static(diagnostic: JsonObject) -> bool:
    """Whether the fault is one of the files; else it is of what init or a provider made of them."""
    summary = str(diagnostic.get("summary", ""))
    return summary.startswith(_CYCLE) or (bool(_place(diagnostic)) and summary != _NOT_INSTALLED)


def _place(diagnostic: JsonObject) -> str:
    where = diagnostic.get("range") or {}
    line = (where.get("start") or {}).get("line")
    return f"{where['filename']}:{line}" if "filename" in where and line else ""
