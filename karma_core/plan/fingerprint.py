"""Fingerprints: one digest of all inputs of a deployment, and why it differs from the applied one.

The parts are kept beside the digest: a fingerprint that only says "different" could not name its cause.

A stored fingerprint begins with the version of the algorithm that made it and is compared by that algorithm,
so that a later version of Karma makes nothing stale. A change of what enters fingerprints therefore adds an
algorithm to `ALGORITHMS` and leaves the earlier ones as they are; whatever an earlier one cannot derive from
`Inputs` has to stay in `Inputs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from karma_core import strictjson
from karma_core.json_types import JsonMapping, JsonValue
from karma_core.model import Record
from karma_core.records import ACCEPTED, Applied

VERSION: Final = 1
"""The algorithm that new records are written with."""
ABSENT: Final = "absent"
"""Stands for the digest of a counted key that the producer's runtime does not have."""
UNKNOWN: Final = "unknown"
"""Stands for the digest of a counted key whose value is unknown until apply."""
WHOLE: Final = "*"
"""Stands for the keys of a runtime that does not exist yet."""
ENGINE: Final = "terraform"
"""The label of the engine that runs the module: its name and version."""
_MADE_BY: Final = re.compile(r"fp([1-9][0-9]{0,8}):")

Seal = Callable[[JsonValue], str]
"""Turns a value into a digest; an HMAC where the value is secret."""


class Inputs(Record, frozen=True, kw_only=True):
    """All inputs that decide what a deployment would do.

    `labels`: config, module, terraform, region, prefix, variables → digest or plain value.
    `keys`: producer's address → key of its runtime → digest.
    """

    labels: dict[str, str]
    keys: dict[str, dict[str, str]]

    @property
    def fingerprint(self) -> str:
        """The fingerprint by the algorithm of now, `fp<version>:<64 hexadecimal digits>`."""
        return ALGORITHMS[VERSION].fingerprint(self)

    def matches(self, fingerprint: str) -> bool:
        """Whether a stored fingerprint was made of these inputs, by whichever algorithm made it."""
        algorithm = algorithm_of(fingerprint)
        return algorithm is not None and algorithm.fingerprint(self) == fingerprint


class Algorithm(Record, frozen=True, kw_only=True):
    """The algorithm of one version of fingerprints. Only `labels` enter them; others are left out."""

    version: int
    labels: frozenset[str]

    def seen(self, inputs: Inputs) -> Inputs:
        """The inputs as this algorithm knows them: without labels that a later one added."""
        if inputs.labels.keys() <= self.labels:
            return inputs
        return Inputs(labels={k: v for k, v in inputs.labels.items() if k in self.labels}, keys=inputs.keys)

    def fingerprint(self, inputs: Inputs) -> str:
        """`fp`, the version, and the SHA-256 of the canonical form of version, labels and keys."""
        known = self.seen(inputs)
        digest = strictjson.digest([self.version, known.labels, known.keys])
        return f"fp{self.version}:{digest.removeprefix('sha256:')}"


ALGORITHMS: Mapping[int, Algorithm] = MappingProxyType(
    {
        1: Algorithm(
            version=1,
            labels=frozenset({"config", "module", "terraform", "region", "prefix", "variables"}),
        )
    }
)
"""Every algorithm that a version of Karma has written records with. An entry never changes and never goes."""


def algorithm_of(fingerprint: str) -> Algorithm | None:
    """The algorithm that made a stored fingerprint; None where it is none, or one of a newer Karma."""
    made_by = _MADE_BY.match(fingerprint)
    return ALGORITHMS.get(int(made_by[1])) if made_by else None


def comparable(now: Inputs, applied: Applied) -> Inputs:
    """The inputs of now as the algorithm of the applied record sees them.

    What a later algorithm counts besides is no difference: nobody noted it when the record was written.
    """
    algorithm = algorithm_of(applied.fingerprint)
    return algorithm.seen(now) if algorithm else now


def key_digests(
    runtime: JsonMapping | None, keys: Iterable[str] | None, seal: Seal = strictjson.digest
) -> dict[str, str]:
    """Digest of each counted key of a runtime; keys None counts all there are.

    A key may be a dotted path (`endpoint.host`). A missing one is `absent`, so that its arrival is a change.
    """
    if runtime is None:
        return dict.fromkeys(keys or (WHOLE,), ABSENT)
    if keys is None:
        return {key: seal(value) for key, value in sorted(runtime.items())}
    digests = {}
    for key in sorted(keys):
        value, exists = look_up(runtime, key)
        digests[key] = seal(value) if exists else ABSENT
    return digests


def look_up(runtime: JsonMapping, key: str) -> tuple[JsonValue, bool]:
    """(value, True) of a key or dotted path in a runtime, else (None, False). A literal key wins."""
    if key in runtime:
        return runtime[key], True
    value: JsonValue = runtime
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
    unsettled = _unsettled(applied)
    if unsettled:
        return (unsettled,)
    if now.matches(applied.fingerprint):
        return ()
    reasons = (*_own_causes(now, applied), *producer_causes(now, applied))
    return reasons or (f"its applied fingerprint {applied.fingerprint[:12]}… cannot be compared",)


def _unsettled(applied: Applied) -> str:
    """Why the component has to run whatever its inputs are; empty where the record is of a success."""
    if applied.status == ACCEPTED:
        return "its Terraform state was accepted as it is"
    if applied.unpublished:
        return (
            f"the runtime of its last apply (run {applied.run_id}) was not published: {applied.unpublished}"
        )
    if not applied.succeeded:
        return f"the last apply (run {applied.run_id}) failed"
    if applied.begun:
        return f"run {applied.begun} began to change it, and has not said how that ended"
    return ""


def _own_causes(now: Inputs, applied: Applied) -> list[str]:
    known = comparable(now, applied).labels
    labels = sorted(known.keys() | applied.inputs.keys())
    differing = [label for label in labels if known.get(label) != applied.inputs.get(label)]
    return [_own_cause(label, applied.inputs.get(label), known.get(label)) for label in differing]


def _own_cause(label: str, old: str | None, new: str | None) -> str:
    """That a label changed; of the engine, which is no digest, from what to what."""
    if label == ENGINE and old and new:
        return f"{label} changed from {old} to {new}"
    return f"{label} changed"


def producer_causes(now: Inputs, applied: Applied) -> list[str]:
    """The consumed keys that differ from what was applied, producer by producer."""
    reasons = []
    for producer in sorted(now.keys.keys() | applied.keys.keys()):
        new, old = now.keys.get(producer), applied.keys.get(producer)
        if new is None:
            reasons.append(f"{producer} is not consumed any more")
        elif old is None:
            reasons.append(f"{producer} is consumed now")
        elif new != old:
            differing = sorted(k for k in new.keys() | old.keys() if new.get(k) != old.get(k))
            reasons.append(f"{producer}: {', '.join(differing)} changed")
    return reasons


def has_own_cause(now: Inputs, applied: Applied | None) -> bool:
    """Whether anything but its producers' runtimes makes the component run."""
    if applied is None or not applied.succeeded or applied.begun:
        return True
    return bool(_own_causes(now, applied)) or now.keys.keys() != applied.keys.keys()
