"""Secrets that a component passes on: a key of its runtime that contains one of its inputs' secrets.

Terraform does not mark such an output where a module has lost the mark (a base64 of a password that was read
from a file, a config value that nobody marked). Karma keeps it as a secret all the same, and says so.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from karma_core.json_types import JsonMapping
from karma_core.masking.masker import Masker
from karma_core.model import Finding, Severity

PASSED_ON: Final = "secret-passed-on"


def passed_on(runtime: JsonMapping, secrets: Masker, marked: Collection[str] = ()) -> tuple[str, ...]:
    """The keys whose values contain a secret, sorted, without those that are marked sensitive already."""
    if not secrets.contains(dict(runtime)):
        return ()
    return tuple(
        key for key, value in sorted(runtime.items()) if key not in marked and secrets.contains({key: value})
    )


def passed_on_finding(address: str, keys: Collection[str], *, by_module: bool = False) -> Finding:
    """The warning that names the keys. `by_module`: the module writes the runtime, and Karma does not."""
    if by_module:
        advice = "Its module writes the parameter: let it be of type SecureString."
    else:
        advice = "Its runtime is kept as a SecureString. Mark the output `sensitive`."
    return Finding(
        code=PASSED_ON,
        severity=Severity.WARNING,
        component=address,
        pointer="",
        message=f"its runtime passes on a secret of its inputs, in {', '.join(sorted(keys))}. {advice}",
    )
