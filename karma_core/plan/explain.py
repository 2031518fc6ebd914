"""The inputs of a judgement: every input of a fingerprint, as applied and as it is now."""

from __future__ import annotations

from karma_core.model import Record
from karma_core.plan.fingerprint import Inputs, comparable
from karma_core.records import Applied


class Explained(Record, frozen=True, kw_only=True):
    """One input of a fingerprint: a label (`config`) or a producer's key (`vpc/core.vpc_id`).

    `old` is what was applied, `new` what is there now: digests, or plain values such as a region. None where
    there is no such thing.
    """

    input: str
    old: str | None
    new: str | None

    @property
    def differs(self) -> bool:
        """Whether this input makes the component run."""
        return self.old != self.new


def explain(now: Inputs, applied: Applied | None) -> tuple[Explained, ...]:
    """Every input that is compared, labels first, each part sorted.

    Nothing counts as applied after an apply that failed.
    """
    held = applied if applied is not None and applied.succeeded else None
    now = comparable(now, held) if held else now
    old_labels = held.inputs if held else {}
    old_keys = _flat(held.keys) if held else {}
    return (*_pairs(old_labels, now.labels), *_pairs(old_keys, _flat(now.keys)))


def _flat(keys: dict[str, dict[str, str]]) -> dict[str, str]:
    return {f"{producer}.{key}": seal for producer, seals in keys.items() for key, seal in seals.items()}


def _pairs(old: dict[str, str], new: dict[str, str]) -> tuple[Explained, ...]:
    names = sorted(old.keys() | new.keys())
    return tuple(Explained(input=name, old=old.get(name), new=new.get(name)) for name in names)
