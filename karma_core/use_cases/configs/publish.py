"""Publish Git's configs to the parameter store: what changed, with its provenance, all or nothing.

Nothing is written while any config is invalid. Writes carry the version that was compared, so that a writer
who came between makes a Conflict instead of being overwritten. A parameter that a change moved is ahead of
Git: it is reported and left alone until Git holds the change. What is written or deleted is judged by the
environment's policy, as a change would be (`publish_judgement`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from msgspec import structs

from karma_core.errors import KarmaError
from karma_core.events import event_of
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Record, to_builtins
from karma_core.needs import (
    ConfigStore,
    EventsAndArtifacts,
    FleetBesideGit,
    GitComparison,
    HasArtifacts,
    HasGit,
    Publishing,
)
from karma_core.outcomes import Phase
from karma_core.provenance import describe
from karma_core.records import Event, Parameter, ParameterKind, ParameterWrite
from karma_core.strictjson import canonical
from karma_core.use_cases import leasing
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.comparison import Comparison, Intent, compare, holds, stored_configs
from karma_core.use_cases.configs.pruning import (
    Confirm,
    Kept,
    ask_before_many,
    check_unmoved,
    configs_to_delete,
    kept_of,
)
from karma_core.use_cases.configs.publish_event import ACTION, VERSIONS
from karma_core.use_cases.configs.publish_judgement import PublishVerdict, judge_publish, refusal
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import check_binding

_NAMED_ADDRESSES = 200
"""Up to so many addresses stand in the event itself; more are an artifact: sinks limit an event's size."""


class PublishResult(Record, frozen=True, kw_only=True):
    """The result of publishing, or of a `dry_run`. Addresses are sorted.

    `versions` are the new versions by address; `kept` says why a config that is not in Git was, or would be,
    not pruned. `findings` and `needs` are the verdict of a dry run: what would forbid it, and why it would
    need an approval; a laxer policy of the checkout is a finding, too (`policy-differs`, a warning).
    """

    environment: str
    dry_run: bool
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    ahead_of_git: tuple[str, ...] = ()
    removed_from_git: tuple[str, ...] = ()
    pruned: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    versions: dict[str, int] = {}
    findings: tuple[Finding, ...] = ()
    needs: tuple[str, ...] = ()


class Work(Record, frozen=True, kw_only=True):
    """The work of a publish: the comparison, configs to delete and to keep, and the verdict.

    `verdict` is None where no rule applies.
    """

    comparison: Comparison
    to_delete: dict[str, Parameter]
    kept: tuple[Kept, ...]
    verdict: PublishVerdict | None


def publish(
    workspace: Publishing,
    *,
    dry_run: bool = False,
    prune: bool = False,
    assume_yes: bool = False,
    confirm: Confirm | None = None,
) -> PublishResult:
    """Write every changed config; with `prune`, delete the parameters of configs that Git no longer has.

    ValidationFailed with all findings and nothing written where a config is invalid; Refused
    `environment-mismatch`, `mass-deletion`, `publish-rejected` or `approval-needed`; Conflict where somebody
    wrote in between.
    """
    work = find_work(workspace, prune=prune)
    reach("publish.after_reading")
    comparison, to_delete = work.comparison, work.to_delete
    if comparison.intents or to_delete:
        heights.require_level(workspace)
    ask_before_many(comparison, to_delete, assume_yes=assume_yes or dry_run, confirm=confirm)
    result = _result(workspace.name, work, dry_run=dry_run)
    if dry_run:
        return structs.replace(result, findings=(*result.findings, *policy_differs(workspace)))
    _refuse(workspace, work)
    if comparison.intents or to_delete:
        workspace = require_requester(workspace, "")
    if comparison.caught_up:
        git_holds.note(workspace, comparison.caught_up)
    if comparison.intents or to_delete:
        versions = _carry_out(workspace, work)
        _remember_written(workspace, comparison)
        return structs.replace(result, versions=versions)
    if comparison.fresh:
        revision = comparison.revision if comparison.equal else None
        workspace.publish_index.save(workspace.name, comparison.entries, revision or "")
    return result


def find_work(workspace: FleetBesideGit, *, prune: bool) -> Work:
    """Compare Git with the store, and judge what would be done; ValidationFailed as `publish`."""
    comparison = compare(workspace)
    kept = kept_of(workspace, comparison.removed)
    to_delete = configs_to_delete(comparison, kept) if prune else {}
    verdict = judge_publish(workspace, comparison.intents, to_delete)
    in_use = verdict.in_use if verdict else ()
    kept = (*kept, *(Kept(address=address, reason="consumers-live") for address in in_use))
    return Work(
        comparison=comparison,
        to_delete={address: parameter for address, parameter in to_delete.items() if address not in in_use},
        kept=tuple(sorted(kept, key=lambda item: item.address)),
        verdict=verdict,
    )


def _refuse(workspace: EventsAndArtifacts, work: Work) -> None:
    """Refused, and said in the log, where the verdict does not let it be published."""
    verdict = work.verdict
    if verdict is None or verdict.passed:
        return
    said = {"findings": to_builtins(verdict.findings), "needs": list(verdict.needs)}
    workspace.log.append(_intent_event(workspace, work, "rejected", said))
    raise refusal(verdict)


def _result(environment: str, work: Work, *, dry_run: bool) -> PublishResult:
    comparison, verdict = work.comparison, work.verdict or PublishVerdict()
    written = [intent.address for intent in comparison.intents]
    ahead = [entry.address for entry in comparison.ahead]
    return PublishResult(
        environment=environment,
        dry_run=dry_run,
        written=tuple(written),
        unchanged=tuple(sorted(comparison.entries.keys() - {*written, *ahead})),
        ahead_of_git=tuple(ahead),
        removed_from_git=tuple(comparison.removed),
        pruned=tuple(work.to_delete),
        kept=work.kept,
        findings=verdict.findings,
        needs=verdict.needs,
    )


# -- writing ------------------------------------------------------------------------------------------


def _carry_out(workspace: Publishing, work: Work) -> dict[str, int]:
    """Write and delete under the lease, between the log's intent and outcome; the new versions by address."""
    intents, to_delete = work.comparison.intents, work.to_delete
    judged = {"judged": "passed"} if work.verdict and work.verdict.ruled else {}
    writes = _writes(workspace, intents)
    with _leased(workspace, work.to_delete):
        reach("publish.under_lease")
        intent = workspace.log.append(_intent_event(workspace, work, "started", judged))
        versions: list[int] = []
        try:
            check_unmoved(workspace, to_delete)
            versions = workspace.parameters.put(writes)
            workspace.parameters.delete([parameter.name for parameter in to_delete.values()])
        except KarmaError as error:
            failure = {"code": error.code, "message": error.what, "written": len(versions)}
            workspace.log.append(event_of(workspace, ACTION, Phase.FAILED, inputs=failure, cause=intent.id))
            raise
        heights.note(workspace)
        written = dict(zip([intent.address for intent in intents], versions, strict=True))
        workspace.log.append(_outcome_event(workspace, written, to_delete, cause=intent.id))
    return written


def _writes(workspace: HasGit, intents: tuple[Intent, ...]) -> list[ParameterWrite]:
    provenance = workspace.repository.provenance([intent.file for intent in intents])
    return [
        ParameterWrite(
            name=workspace.config_parameter(intent.address),
            value=intent.value,
            kind=intent.stored.kind if intent.stored else ParameterKind.STRING,
            description=describe(provenance[intent.address]),
            base=intent.stored.version if intent.stored else 0,
        )
        for intent in intents
    ]


@contextmanager
def _leased(workspace: ConfigStore, to_delete: Collection[str]) -> Iterator[None]:
    """Hold the lease of everybody who writes configs, with no set of a change half written.

    Held too are the components whose configs are deleted: one that is being deployed keeps its config.
    """
    names = [leasing.PARAMETERS, *(leasing.component_lease(address) for address in sorted(to_delete))]
    with leasing.held(workspace, names, wait_seconds=0):
        config_set.finish(workspace)
        yield


def _remember_written(workspace: GitComparison, comparison: Comparison) -> None:
    """Keep the index, with a revision only if the store, read after that revision, is what Git is.

    Somebody may have written between our reading and our writing; a revision taken without looking again
    would hide that from every later publish.
    """
    revision = workspace.parameters.revision()
    equal = False
    if revision is not None:
        check_binding(workspace)
        stored = stored_configs(workspace)
        entries = comparison.entries
        equal = stored.keys() == entries.keys() and all(
            holds(stored[address], digest) for address, (_, digest) in entries.items()
        )
    workspace.publish_index.save(workspace.name, comparison.entries, revision if revision and equal else "")


# -- the log ------------------------------------------------------------------------------------------


def _intent_event(workspace: HasArtifacts, work: Work, status: str, said: JsonObject) -> Event:
    """Return the event of a publish that begins or was refused; `said` is the verdict."""
    intents, to_delete = work.comparison.intents, work.to_delete
    addresses = {"write": [intent.address for intent in intents], "prune": list(to_delete)}
    if len(intents) + len(to_delete) <= _NAMED_ADDRESSES:
        return event_of(workspace, ACTION, status, inputs={**addresses, **said})
    key = f"{workspace.name}/publishes/{workspace.new_id()}/addresses.json"
    workspace.artifacts.put(key, canonical(addresses))
    counts = {"write": len(intents), "prune": len(to_delete)}
    return event_of(workspace, ACTION, status, inputs={**counts, **said}, artifacts=(key,))


def _outcome_event(
    workspace: HasArtifacts, written: dict[str, int], to_delete: dict[str, Parameter], *, cause: str
) -> Event:
    """Return the event of a finished publish, with the versions by which deploys are traced to it."""
    counts = {"written": len(written), "pruned": len(to_delete)}
    if len(written) <= _NAMED_ADDRESSES:
        versions = [{"component": address, "version": version} for address, version in written.items()]
        return event_of(
            workspace, ACTION, Phase.SUCCEEDED, inputs={**counts, "versions": versions}, cause=cause
        )
    key = f"{workspace.name}/publishes/{workspace.new_id()}/{VERSIONS}"
    workspace.artifacts.put(key, canonical(written))
    return event_of(workspace, ACTION, Phase.SUCCEEDED, inputs=counts, cause=cause, artifacts=(key,))
