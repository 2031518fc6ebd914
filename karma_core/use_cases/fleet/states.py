"""Whether Terraform's states, and the published runtimes, are still those that the last applies left.

A component whose state is lost, foreign, older or altered is blocked (`plan/heights.py`). A runtime that is
gone is taken from the state, so that consumers are decided by it, and the next deploy publishes it again
(`runtime-lost`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from msgspec.structs import replace

from karma_core.errors import KarmaError, StoreError
from karma_core.model import Finding, Severity, about_environment
from karma_core.needs import StateKeeping
from karma_core.outcomes import Phase
from karma_core.plan.heights import StateFault, compare, state_refused
from karma_core.plan.runtime import is_secret, marked_keys, runtime_of
from karma_core.plan.steps import APPLY, DESTROY
from karma_core.records import Applied
from karma_core.use_cases.fleet.fleet import Fleet

_Asked = TypeVar("_Asked")

RUNTIME_LOST: Final = "runtime-lost"
"""Code: the runtime of a deployed component is gone from the parameter store."""
THREADS: Final = 16
"""States that are read at once. Ours: a state in S3 takes some 20 ms, and nearly all of that is waiting."""


# -- states -------------------------------------------------------------------------------------------


def state_error(workspace: StateKeeping, record: Applied | None) -> KarmaError | None:
    """Why the component's state must not be relied on; None where it may, or the record knows no state.

    One read of the state. What looks wrong is compared once more with the record of this moment: a run may
    have ended in between. StoreError where the place of states does not answer.
    """
    if record is None or record.state is None:
        return None
    try:
        if _fault(workspace, record) is None:
            return None
        now = workspace.state.applied(record.address)
        fault = _fault(workspace, now) if now is not None else None
    except StoreError:
        raise
    except KarmaError as error:
        return error
    return state_refused(record.address, fault) if fault is not None else None


def _fault(workspace: StateKeeping, record: Applied) -> StateFault | None:
    """What is wrong with the state that is there now. The journal is only read where the state is empty."""
    recorded = record.state
    if recorded is None:
        return None
    present = workspace.terraform.height(record.address)
    fault = compare(recorded, present)
    if fault is None or compare(recorded, present, begun=True) is not None:
        return fault
    return None if _begun_since(workspace, record) else fault


def _begun_since(workspace: StateKeeping, record: Applied) -> bool:
    """Whether a run began to apply or destroy the component after its record was written."""
    return any(
        entry.generation > record.generation
        and entry.step in {APPLY, DESTROY}
        and entry.status == Phase.STARTED
        for entry in workspace.state.entries(address=record.address)
    )


def _error_of(workspace: StateKeeping, fleet: Fleet, address: str) -> KarmaError | None:
    """The error of a component's own state, or of the one that it takes over (`moved_from`).

    The state moves before the record does: where the new address has it already, all is well.
    """
    own = fleet[address].applied
    source = fleet.moves.get(address)
    if own is not None or source is None:
        return state_error(workspace, own)
    old = fleet[source].applied
    error = state_error(workspace, old)
    if error is None or old is None:
        return None
    taken_over = replace(old, address=address, state=old.state and replace(old.state, digest=""))
    return error if _fault(workspace, taken_over) is not None else None


def state_errors(workspace: StateKeeping, records: Iterable[Applied]) -> dict[str, KarmaError]:
    """Address → what is wrong with the component's state, of those with which anything is."""
    return _in_threads(lambda record: state_error(workspace, record), {r.address: r for r in records})


def _in_threads(
    look: Callable[[_Asked], KarmaError | None], asked: Mapping[str, _Asked]
) -> dict[str, KarmaError]:
    """What `look` says of each, several at once, without those of which it says nothing."""
    if len(asked) <= 1:
        said = [look(one) for one in asked.values()]
    else:
        with ThreadPoolExecutor(min(THREADS, len(asked)), thread_name_prefix="karma-states") as pool:
            try:
                said = list(pool.map(look, asked.values()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)  # each would wait for an answer, too
                raise
    return {address: error for address, error in zip(asked, said, strict=True) if error is not None}


# -- a fleet ------------------------------------------------------------------------------------------


def check_states(workspace: StateKeeping, fleet: Fleet, addresses: Iterable[str]) -> Fleet:
    """The fleet with findings on the states of these components, and on the runtimes that they need.

    The state of each is read once, several at once; none where nothing was applied. A component is not looked
    at twice for one fleet.
    """
    chosen = sorted(set(addresses) - fleet.states_checked)
    errors = _in_threads(lambda address: _error_of(workspace, fleet, address), {a: a for a in chosen})
    findings = [finding_of(address, error) for address, error in errors.items()]
    checked = fleet.with_states(findings, chosen)
    return checked.with_states(_lost_runtimes(workspace, checked, chosen, errors.keys()), ())


def check_all_states(workspace: StateKeeping, fleet: Fleet) -> Fleet:
    """As `check_states`, of every deployed component, also one whose config is gone.

    Where the place of states does not answer, or may not be read, the warning `states-unread` says so: who
    only validates may have no access to it.
    """
    deployed = [a for a, loaded in fleet.inventory.components.items() if loaded.applied is not None]
    try:
        return check_states(workspace, fleet, deployed)
    except StoreError as error:
        unread = Finding(
            code="states-unread",
            severity=Severity.WARNING,
            component=about_environment(workspace.name),
            pointer="",
            message=f"whether Terraform's states are as they were applied was not looked at: {error.what}; "
            f"{error.next_step}",
        )
        return fleet.with_states([unread], ())


def finding_of(address: str, error: KarmaError) -> Finding:
    """The error that a component has, as its finding."""
    message = "; ".join(filter(None, (error.what, error.why, error.next_step)))
    return Finding(code=error.code, severity=Severity.ERROR, component=address, pointer="", message=message)


# -- runtimes -----------------------------------------------------------------------------------------


def _lost_runtimes(
    workspace: StateKeeping, fleet: Fleet, chosen: Collection[str], faulty: Collection[str]
) -> Iterator[Finding]:
    """Findings on runtimes that are gone: of the chosen components, and of what they consume."""
    present = [address for address in chosen if address in fleet.graph]
    needed = {*present, *(p for a in present for p in fleet.graph.producers(a))}
    for address in sorted(needed):
        if not fleet.lost_runtime(address):
            continue
        known = address not in faulty and _take_from_state(workspace, fleet, address)
        if address in chosen:
            yield _runtime_lost(address, fleet, known=known)
        elif not known:
            yield from _consumers_without(fleet, address, chosen)


def _take_from_state(workspace: StateKeeping, fleet: Fleet, address: str) -> bool:
    """Let the fleet's values have the runtime that the state's outputs say; whether it could be read."""
    module = fleet.values.module(address)
    if module is None or fleet.module_writes(address):
        return False
    try:
        if state_error(workspace, fleet[address].applied) is not None:
            return False
        outputs = workspace.terraform.outputs(fleet.job(address, module, as_now=True))
        if outputs.state is None:
            return False  # there is no state, and an older Karma's record does not say that there was one
        runtime = runtime_of(address, outputs.values)
        fleet.values.learn(address, runtime)
    except StoreError:
        raise
    except KarmaError:
        return False
    if is_secret(outputs):
        fleet.values.keep_secret(address, marked_keys(outputs, runtime) or None)
    fleet.recovered.add(address)
    return True


def _runtime_lost(address: str, fleet: Fleet, *, known: bool) -> Finding:
    if known:
        how = "The next deploy publishes it again from the state, and applies nothing for it."
    elif fleet.module_writes(address):
        how = "Its module writes it: the next deploy runs the component."
    else:
        how = "It cannot be taken from the state: the next deploy runs the component."
    return Finding(
        code=RUNTIME_LOST,
        severity=Severity.WARNING,
        component=address,
        pointer="",
        message=f"the component is deployed, and its runtime is gone from the parameter store. {how}",
    )


def _consumers_without(fleet: Fleet, producer: str, chosen: Collection[str]) -> Iterator[Finding]:
    """An error for each chosen consumer: nobody knows the values that it would be deployed with."""
    for consumer in fleet.graph.consumers(producer):
        if consumer in chosen:
            yield Finding(
                code=RUNTIME_LOST,
                severity=Severity.ERROR,
                component=consumer,
                pointer="",
                message=f"it needs the runtime of {producer}, which is gone and cannot be read from a state. "
                f"Deploy {producer} first, or add --with-producers.",
            )
