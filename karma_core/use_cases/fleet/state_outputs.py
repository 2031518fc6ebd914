"""The outputs in the Terraform states of an environment's components, as their consumers read them.

Values are in the states alone; what is kept of them is a digest of each, in the applied record.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from threading import Lock

from karma_core import strictjson
from karma_core.json_types import JsonMapping, JsonObject
from karma_core.plan.fingerprint import ABSENT, UNKNOWN, Seal
from karma_core.plan.runtime import is_unknown, unknown_keys
from karma_core.records import Applied, PlannedRuntime
from karma_core.references.state import OUTPUTS, outputs_in

Digests = Mapping[str, str]
"""Output → digest of its value."""


class StateOutputs:
    """Read of the applied records, then kept true by `learn`. Safe to use from the threads of one run."""

    def __init__(self, applied: Callable[[str], Applied | None]) -> None:
        self._applied = applied
        self._lock = Lock()
        self._learnt: dict[str, Digests] = {}
        self._foreseen: dict[str, PlannedRuntime] = {}

    def learn(self, address: str, digests: Digests) -> None:
        """Use these digests of a component's outputs from now on."""
        with self._lock:
            self._learnt[address] = digests

    def known(self, address: str) -> Digests | None:
        """The digests of a component's outputs as they are now; None where nobody noted them."""
        with self._lock:
            if address in self._learnt:
                return self._learnt[address]
        applied = self._applied(address)
        return applied.outputs if applied is not None else None

    def foresee(self, address: str, planned: PlannedRuntime) -> None:
        """Use the planned outputs of a component for its consumers from now on."""
        with self._lock:
            self._foreseen[address] = planned

    def forget_plans(self) -> None:
        """Drop all planned outputs."""
        with self._lock:
            self._foreseen.clear()

    def foreseen(self, address: str) -> PlannedRuntime | None:
        """The outputs as planned; None where nothing is planned of them."""
        with self._lock:
            return self._foreseen.get(address)

    def planned_secrets(self, address: str) -> JsonObject:
        """The planned outputs that are sensitive, as far as they are known."""
        planned = self.foreseen(address)
        return {n: planned.known[n] for n in planned.sensitive if n in planned.known} if planned else {}

    def vanishing(self, address: str, keys: Collection[str]) -> tuple[str, ...]:
        """Those of single outputs that the state has now and will not have after what is planned, as keys."""
        planned, known = self.foreseen(address), self.known(address)
        if planned is None or planned.unknown is True or known is None:
            return ()
        later = {*planned.known, *(planned.unknown or {})}
        gone = (outputs_in(keys) or frozenset()) & known.keys() - later
        return tuple(f"{OUTPUTS}.{name}" for name in sorted(gone))

    def unknown(self, address: str, keys: tuple[str, ...] | None) -> tuple[str, ...]:
        """The consumed outputs that are unknown until apply, as keys (`outputs.id`, `outputs` for all)."""
        planned, names = self.foreseen(address), outputs_in(keys)
        if planned is None:
            return ()
        if planned.unknown is True:
            return (OUTPUTS,) if names is None else tuple(sorted(f"{OUTPUTS}.{name}" for name in names))
        return tuple(f"{OUTPUTS}.{name}" for name in unknown_keys(planned, names))

    def key_digests(self, address: str, keys: tuple[str, ...] | None, seal: Seal) -> dict[str, str]:
        """The digest of each consumed output, by its key; of all of them as one where all count."""
        names, planned = outputs_in(keys), self.foreseen(address)
        digests = self.known(address) or {} if planned is None else _of_plan(planned, seal)
        if names is None:
            whole = (
                UNKNOWN
                if digests is None or UNKNOWN in digests.values()
                else strictjson.digest(dict(digests))
            )
            return {OUTPUTS: whole}
        if digests is None:
            return {f"{OUTPUTS}.{name}": UNKNOWN for name in sorted(names)}
        return {f"{OUTPUTS}.{name}": digests.get(name, ABSENT) for name in sorted(names)}


def output_digests(values: JsonMapping, seal: Seal) -> dict[str, str]:
    """The digest of each output that a state keeps: none of null."""
    return {name: seal(value) for name, value in sorted(values.items()) if value is not None}


def _of_plan(planned: PlannedRuntime, seal: Seal) -> Digests | None:
    """The digests of planned outputs; None where nothing is known of them."""
    if planned.unknown is True:
        return None
    marks = planned.unknown or {}
    unknown = dict.fromkeys((name for name, mark in marks.items() if is_unknown(mark)), UNKNOWN)
    return output_digests(planned.known, seal) | unknown
