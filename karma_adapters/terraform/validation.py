"""Static faults of a module, as `terraform validate -json` tells them (format version 1)."""

from __future__ import annotations

from typing import Final

from karma_core.errors import DeployFailed
from karma_core.json_types import JsonObject
from karma_core.masking.masker import Masker

MODULE_INVALID: Final = "module-invalid"


def fault_of(address: str, document: JsonObject, hidden: Masker) -> DeployFailed | None:
    """The module's first fault, with file and line; None for a module that is valid."""
    faults = [one for one in document.get("diagnostics", ()) if one.get("severity") == "error"]
    if document.get("valid", True) or not faults:
        return None
    first = faults[0]
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    said = " ".join(f"{first.get('summary', '')}: {first.get('detail', '')}".split()).rstrip(": ")
    place = _place(first)
    return DeployFailed(
        f"the module of {address} is not valid",
        why=hidden.text(f"{place}{said}{more}"),
        next_step="correct the module; `terraform validate` in its folder says more",
        code=MODULE_INVALID,
        component=address,
    )


def _place(diagnostic: JsonObject) -> str:
    where = diagnostic.get("range") or {}
    line = (where.get("start") or {}).get("line")
    return f"{where['filename']}:{line}: " if "filename" in where and line else ""
