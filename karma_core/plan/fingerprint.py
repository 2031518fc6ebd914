"""What a deployment of a component would do, as one digest, and why it differs from what was applied.

The parts are kept beside the digest: a fingerprint that only says "different" could not name its cause.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from karma_core import strictjson
from karma_core.model import Record
from karma_core.records import Applied

VERSION: Final = 1
"""Version of the algorithm; a new one makes every component stale once, on purpose."""
ABSENT: Final = "absent"
"""Stands for the digest of a counted key that the producer's runtime does not have."""
UNKNOWN: Final = "unknown"
"""Stands for the digest of a counted key whose value is unknown until apply."""
WHOLE: Final = "*"
"""Stands for the keys of a runtime that does not exist yet."""

Seal = Callable[[Any], str]
"""Turns a value into a digest; an HMAC where the value is secret."""


class Inputs(Record, frozen=True, kw_only=True):
    """All that decides what a deployment would do.

    `labels`: config, module, terraform, region, prefix, variables → digest or plain value.
    `keys`: producer's address → key of its runtime → digest.
    """

    labels: dict[str, str]
    keys: dict[str, dict[str, str]]

    @property
    def fingerprint(self) -> str:
        """`fp1:` and the SHA-256 of the parts' canonical form."""
        whole = strictjson.digest([VERSION, self.labels, self.keys])
        return f"fp{VERSION}:{whole.removeprefix('sha256:')}"


def key_digests(
    runtime: Mapping[str, Any] | None, keys: Iterable[str] | None, seal: Seal = strictjson.digest
) -> dict[str, str]:
    """Digest of each counted key of a runtime; keys None counts all there are.

    A key may be a dotted path (`endpoint.host`). A missing one is `absent`, so that its arrival is a change.
    """
    if runtime is None:
        return dict.fromkeys(keys or (WHOLE,), ABSENT)
    if keys is None:
        return {key: seal(value) for key, value in sorted(runtime.items())}
    found = {}
    for key in sorted(keys):
        value, exists = look_up(runtime, key)
        found[key] = seal(value) if exists else ABSENT
    return found


def look_up(runtime: Mapping[str, Any], key: str) -> tuple[Any, bool]:
    """(value, True) of a key or dotted path in a runtime, else (None, False). A literal key wins."""
    if key in runtime:
        return runtime[key], True
    value: Any = runtime
    for part in key.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None, False
        value = value[part]
    return value, True


def causes(now: Inputs, applied: Applied | None) -> tuple[str, ...]:
    """Why a component has to run, in words, its own causes first; empty if it does not.

    A failed apply counts as a cause of its own, because nobody knows how far it came.
    """
    if applied is None:
        return ("never applied",)
    if applied.status != "applied":
        return (f"the last apply (run {applied.run_id}) failed",)
    if applied.fingerprint == now.fingerprint:
        return ()
    return (*_own_causes(now, applied), *producer_causes(now, applied)) or ("fingerprint algorithm changed",)


def _own_causes(now: Inputs, applied: Applied) -> list[str]:
    labels = sorted(now.labels.keys() | applied.inputs.keys())
    return [f"{label} changed" for label in labels if now.labels.get(label) != applied.inputs.get(label)]


def producer_causes(now: Inputs, applied: Applied) -> list[str]:
    """The consumed keys that differ from what was applied, producer by producer."""
    found = []
    for producer in sorted(now.keys.keys() | applied.keys.keys()):
        new, old = now.keys.get(producer), applied.keys.get(producer)
        if new is None:
            found.append(f"{producer} is not consumed any more")
        elif old is None:
            found.append(f"{producer} is consumed now")
        elif new != old:
            differing = sorted(k for k in new.keys() | old.keys() if new.get(k) != old.get(k))
            found.append(f"{producer}: {', '.join(differing)} changed")
    return found


def has_own_cause(now: Inputs, applied: Applied | None) -> bool:
    """Whether anything but its producers' runtimes makes the component run."""
    if applied is None or applied.status != "applied":
        return True
    return bool(_own_causes(now, applied)) or now.keys.keys() != applied.keys.keys()
