"""Drift: compare what was applied with the cloud, component by component, and remember what differs.

Read-only: a component is refreshed with the config and the module of its last apply, without the state's
lock and without a component's lease, so that no deploy has to wait for a check.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.checksum import intact
from karma_core.errors import BadInput, KarmaError, StaleLease, StoreError
from karma_core.events import log_event
from karma_core.json_difference import differences
from karma_core.json_types import JsonObject
from karma_core.model import Record, to_builtins
from karma_core.needs import Destroying, DestroyPlanning, HasParameters, HasState, RecordsAndLog
from karma_core.outcomes import Phase
from karma_core.plan.heights import STATE_CODES
from karma_core.plan.runtime import changed_keys, planned_runtime, unknown_keys
from karma_core.records import Applied, Document, DriftedResource, DriftReport
from karma_core.use_cases import leasing
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.applied_job import destroy_job
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.drifted import KIND, NOT_AS_APPLIED, Check
from karma_core.use_cases.fleet.states import state_error
from karma_core.use_cases.leasing import Heartbeat
from karma_core.use_cases.plans.decider import in_one_line
from karma_core.use_cases.runs.applied_writer import module_wrote
from karma_core.use_cases.runs.deployment import rebuild
from karma_core.use_cases.runs.drift_baseline import against_baseline
from karma_core.use_cases.selection.deployed import named_deployed
from karma_core.use_cases.selection.naming import excluded, require_some_left
from karma_core.use_cases.selection.record import Selection

EVERYTHING: Final = Selection()
"""Names nothing: all that are deployed."""
LEASE: Final = "drift"
"""Held while an environment is checked: two checks at once would only double the load."""


UNCHECKED: Final = frozenset({Check.FAILED, Check.STATE_LOST, Check.STATE_OLDER, Check.STATE_ALTERED})
KEPT: Final = NOT_AS_APPLIED | {Check.CLEAN}
"""Ends of a check that replace the last result."""


class ComponentDrift(Record, frozen=True, kw_only=True):
    """The result of checking one component: config, runtime and cloud compared.

    `config_version` was applied, `published_version` is in the parameter store now, and `config` says where
    the two differ (JSON pointers). `runtime` holds the keys in which the published runtime is not what
    follows from the cloud. `resources` are those that the cloud has otherwise; their values are masked.
    `baseline` is what the first check after the apply saw of attributes that the configuration does not set
    (`drift_baseline.py`). `last_checked_at` is the check before this one.
    """

    address: str
    status: Check
    reason: str = ""
    generation: int
    applied_at: str
    checked_at: str
    last_checked_at: str = ""
    config_version: int
    published_version: int | None = None
    config: tuple[str, ...] = ()
    runtime: tuple[str, ...] = ()
    resources: tuple[DriftedResource, ...] = ()
    baseline: dict[str, str] = {}

    @property
    def compared(self) -> bool:
        """Whether anything was compared with the cloud."""
        return self.status in {Check.CLEAN, Check.DRIFTED}


class DriftResult(Record, frozen=True, kw_only=True):
    """The results of one drift check, by address."""

    environment: str
    checked_at: str
    components: tuple[ComponentDrift, ...]
    warnings: tuple[str, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether any component has drifted."""
        return any(c.status is Check.DRIFTED for c in self.components)

    @property
    def failed(self) -> bool:
        """Whether any component could not be checked, also because its state is lost or older."""
        return any(c.status in UNCHECKED for c in self.components)

    def counts(self) -> dict[str, int]:
        """Count components by the status of their check."""
        return {check: sum(c.status is check for c in self.components) for check in Check}

    def contract(self) -> JsonObject:
        """The JSON of `karma drift --json`; ages are in seconds."""
        status = "failed" if self.failed else "drifted" if self.drifted else "clean"
        components = [
            {**_without_baseline(c), "applied_seconds_ago": seconds_between(c.applied_at, c.checked_at)}
            for c in self.components
        ]
        return {
            "environment": self.environment,
            "status": status,
            "checked_at": self.checked_at,
            "components": components,
            "summary": self.counts(),
            "warnings": list(self.warnings),
        }


def _without_baseline(component: ComponentDrift) -> JsonObject:
    """The check as JSON; digests say nothing to anybody."""
    return {name: value for name, value in to_builtins(component).items() if name != "baseline"}


def seconds_between(earlier: str, later: str) -> int:
    """Whole seconds between two times of ours."""
    return int((datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds())


def check_drift(workspace: Destroying, selection: Selection = EVERYTHING) -> DriftResult:
    """Check the selected components, of those that are deployed; then publish what it changes.

    NotFound where nothing is deployed at an address; LeaseHeld while another check runs.
    """
    check_binding(workspace)
    heights.require_level(workspace)
    chosen = _choose(workspace, selection)
    lease = leasing.wait_for(workspace, [LEASE], wait_seconds=0)
    with Heartbeat(workspace, lease) as heartbeat:
        before = {document.id: document for document in workspace.state.documents(KIND)}
        started = log_event(workspace, "drift_check", Phase.STARTED, inputs={"components": len(chosen)})
        checked = _check_all(workspace, chosen, before, heartbeat)
        result = DriftResult(environment=workspace.name, checked_at=workspace.now(), components=checked)
        moved = [_remember(workspace, one, before.get(one.address), started) for one in checked]
        log_event(workspace, "drift_check", Phase.SUCCEEDED, inputs=result.counts(), cause=started)
    return replace(result, warnings=rebuild(workspace)) if any(moved) else result


def _choose(workspace: HasState, selection: Selection) -> list[Applied]:
    """The applied records of the deployed components that a selection means; none named: all."""
    applied = workspace.state.all_applied()
    chosen = set(applied)
    if selection.targets or selection.types:
        chosen = named_deployed(workspace, selection, applied)
    left_out = excluded(selection, applied, environment=workspace.name, which="that is deployed")
    require_some_left(selection, chosen, left_out)
    return [applied[address] for address in sorted(chosen - left_out)]


def _check_all(
    workspace: DestroyPlanning, chosen: list[Applied], before: Mapping[str, Document], heartbeat: Heartbeat
) -> tuple[ComponentDrift, ...]:
    """All components, as many at once as the environment allows; by address."""

    def check(record: Applied) -> ComponentDrift:
        heartbeat.check()
        last = before.get(record.address)
        checked = _check(workspace, record, last)
        workspace.say("drift", {"address": record.address, "status": checked.status})
        return replace(checked, last_checked_at=last.body["checked_at"] if last else "")

    with ThreadPoolExecutor(workspace.environment.parallelism, thread_name_prefix="karma") as pool:
        futures = [pool.submit(check, record) for record in chosen]
        try:
            return tuple(future.result() for future in futures)
        except BaseException as error:
            pool.shutdown(wait=False, cancel_futures=True)
            # Ctrl-C ends what runs. After an error, others of this process may be at work, and go on.
            if not isinstance(error, Exception):
                workspace.terraform.stop()
            raise


# -- one component ------------------------------------------------------------------------------------


def _check(workspace: DestroyPlanning, record: Applied, last: Document | None) -> ComponentDrift:
    """Refresh one component, if its state is the one that was applied. Its own failure is a result."""
    skipped = ComponentDrift(
        address=record.address,
        status=Check.SKIPPED,
        reason="a run is at work on it",
        generation=record.generation,
        applied_at=record.at,
        checked_at=workspace.now(),
        config_version=record.config_version,
    )
    if _busy(workspace, record):
        return skipped
    try:
        error = state_error(workspace, record)
        if error is not None:
            compared = _unchecked(replace(skipped, baseline=_baseline(last)), error)
        else:
            job = replace(destroy_job(workspace, record), destroy=False)
            report = workspace.terraform.refresh(job)
            compared = _compared(workspace, record, report, replace(skipped, baseline=_baseline(last)))
    except (StaleLease, StoreError):
        raise
    except KarmaError as raised:
        return _unchecked(skipped, raised)
    return skipped if _busy(workspace, record) else compared


def _baseline(last: Document | None) -> dict[str, str]:
    """The baseline that the last check left; empty before the first, or after one of an older Karma."""
    return dict(last.body.get("baseline", {})) if last is not None else {}


def _unchecked(drift: ComponentDrift, error: KarmaError) -> ComponentDrift:
    """The check of a component that was not compared with the cloud, because of this error."""
    if error.code in STATE_CODES:
        return replace(drift, status=Check(error.code), reason=in_one_line(error))
    return replace(drift, status=Check.FAILED, reason=error.what)


def _busy(workspace: HasState, record: Applied) -> bool:
    """Whether a run holds the component, or has applied it since."""
    name = leasing.component_lease(record.address)
    return workspace.state.applied(record.address) != record or any(
        name in lease.names for lease in workspace.state.leases()
    )


def _compared(
    workspace: DestroyPlanning, record: Applied, report: DriftReport, skipped: ComponentDrift
) -> ComponentDrift:
    published = workspace.parameters.get(workspace.config_parameter(record.address), decrypt=True)
    config: tuple[str, ...] = ()
    if published is not None and published.value is not None:
        now = strictjson.parse_object((intact(published).value or "").encode(), where=published.name)
        config = tuple(d.pointer for d in differences(record.config, now))
    resources, baseline = against_baseline(report.resources, skipped.baseline, record.generation)
    count = len(resources)
    return replace(
        skipped,
        status=Check.DRIFTED if count else Check.CLEAN,
        reason=f"{count} resource(s) differ from the state" if count else "the cloud is as it was applied",
        published_version=published.version if published else None,
        config=config,
        runtime=() if module_wrote(workspace, record) else _runtime_keys(workspace, report),
        resources=resources,
        baseline=baseline,
    )


def _runtime_keys(workspace: HasParameters, report: DriftReport) -> tuple[str, ...]:
    """Keys of the published runtime that are not what follows from the cloud.

    An earlier Karma left out the outputs of null.
    """
    name = workspace.runtime_parameter(report.address)
    held = workspace.parameters.get(name, decrypt=True)
    current = None
    if held is not None and held.value:
        with suppress(BadInput, UnicodeEncodeError):  # one that cannot be read has none of the keys
            current = strictjson.parse_object((intact(held).value or "").encode(), where=name)
    real = planned_runtime(report.address, report.outputs)
    changed = changed_keys(current, real.known)
    earlier = {key for key, value in real.known.items() if value is None}.difference(current or ())
    return tuple(key for key in changed if key not in earlier and not unknown_keys(real, [key]))


# -- what is kept -------------------------------------------------------------------------------------


def _remember(workspace: RecordsAndLog, checked: ComponentDrift, last: Document | None, cause: str) -> bool:
    """Store a component's check, log what is new, and return whether its status may have moved.

    A check that saw nothing (failed, skipped) leaves the last result as it is.
    """
    if checked.status not in KEPT:
        return False
    body = to_builtins(checked)
    workspace.state.put_document(KIND, checked.address, body)
    known = last is not None and last.body["generation"] == checked.generation
    old = last.body if last is not None and known else {"status": Check.CLEAN, "resources": ()}
    status = str(old["status"])
    same = status == checked.status and (checked.status is not Check.DRIFTED or _seen(old) == _seen(body))
    if not same:
        places = [
            {"resource": r.address, "change": r.change, "attributes": [a.pointer for a in r.attributes]}
            for r in checked.resources
        ]
        inputs = {"resources": places}
        log_event(workspace, "drift", checked.status, component=checked.address, inputs=inputs, cause=cause)
    return status != checked.status


def _seen(body: JsonObject) -> bytes:
    return strictjson.canonical(body["resources"])
