"""Publish Git's configs to the parameter store: what changed, with its provenance, all or nothing.

Nothing is written while any config is invalid. Writes carry the version that was compared, so that a writer
who came between makes a Conflict instead of being overwritten. A parameter that a change moved is ahead of
Git: it is reported and left alone until Git holds the change. Where Git was edited at other places of such a
config, both edits are published; where it was edited at the same place, the config is held (`diverged`), and
the others are published. What is written or deleted is judged by the
environment's policy, as a change would be (`publish_judgement`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from msgspec import structs

from karma_core.checksum import checksum
from karma_core.errors import KarmaError
from karma_core.events import event_of
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject
from karma_core.model import Finding, Provenance, Record, to_builtins
from karma_core.needs import (
    ConfigStore,
    EventsAndArtifacts,
    FleetBesideGit,
    GitComparison,
    HasGit,
    Publishing,
)
from karma_core.outcomes import Phase
from karma_core.provenance import describe
from karma_core.records import Parameter, ParameterKind, ParameterWrite
from karma_core.strictjson import bytes_digest
from karma_core.use_cases import leasing
from karma_core.use_cases.access.identity import require_requester
from karma_core.use_cases.access.policy_in_force import policy_differs
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.comparison import Comparison, compare, stored_configs
from karma_core.use_cases.configs.differing import Intent, Take
from karma_core.use_cases.configs.diverging import diverged_finding, log_taken
from karma_core.use_cases.configs.git_holds import Held
from karma_core.use_cases.configs.pruning import (
    Confirm,
    Kept,
    ask_before_many,
    check_unmoved,
    configs_to_delete,
    kept_of,
    require_checked_out,
)
from karma_core.use_cases.configs.publish_event import ACTION, intent_event, outcome_event
from karma_core.use_cases.configs.publish_judgement import PublishVerdict, judge_publish, refusal
from karma_core.use_cases.configs.stored_value import holds
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import bind, check_binding


class PublishResult(Record, frozen=True, kw_only=True):
    """The result of publishing, or of a `dry_run`. Addresses are sorted.

    `merged` are those of `written` that have edits of a change besides Git's; `diverged` are held, because
    both edited the same place. `not_checked_out` are in Git and not in the work tree; `deletions_uncommitted`
    are those of `removed_from_git` that HEAD still holds.
    `versions` are the new versions by address; `kept` says why a config that is not in Git was, or would be,
    not pruned. `findings` and `needs` are the verdict of a dry run: what would forbid it, and why it would
    need an approval; a laxer policy of the checkout is a finding, too (`policy-differs`, a warning).
    """

    environment: str
    dry_run: bool
    written: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    merged: tuple[str, ...] = ()
    ahead_of_git: tuple[str, ...] = ()
    diverged: tuple[str, ...] = ()
    not_checked_out: tuple[str, ...] = ()
    deletions_uncommitted: tuple[str, ...] = ()
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

    @property
    def addresses(self) -> dict[str, list[str]]:
        """What is to be written, and what is to be deleted."""
        return {
            "write": [intent.address for intent in self.comparison.intents],
            "prune": list(self.to_delete),
        }


def publish(
    workspace: Publishing,
    *,
    dry_run: bool = False,
    prune: bool = False,
    assume_yes: bool = False,
    confirm: Confirm | None = None,
    take: Take | None = None,
    reread: bool = False,
) -> PublishResult:
    """Write every changed config; with `prune`, delete the parameters of configs that Git no longer has.

    `take` says which side wins in configs that have diverged; UsageError `not-diverged` for any other.
    `reread`: read every config and parameter, also where nothing can have changed: it sets damage right.

    ValidationFailed with all findings and nothing written where a config is invalid; Refused
    `environment-mismatch`, `not-checked-out`, `mass-deletion`, `publish-rejected` or `approval-needed`;
    Conflict where somebody wrote in between.
    """
    work = find_work(workspace, prune=prune, take=take, reread=reread)
    reach("publish.after_reading")
    comparison, to_delete = work.comparison, work.to_delete
    if comparison.intents or to_delete:
        heights.require_level(workspace, publishing=True)
    ask_before_many(comparison, to_delete, assume_yes=assume_yes or dry_run, confirm=confirm)
    result = _result(workspace.name, work, dry_run=dry_run)
    if dry_run:
        return structs.replace(result, findings=(*result.findings, *policy_differs(workspace)))
    _refuse(workspace, work)
    log_taken(workspace, take)
    if comparison.intents or to_delete:
        workspace = require_requester(workspace, "")
    git_holds.note(workspace, comparison.notes)
    config_set.keep_removed(workspace, comparison.kept_removals)
    if comparison.intents or to_delete:
        versions = _carry_out(workspace, work)
        _remember_written(workspace, comparison)
        return structs.replace(result, versions=versions)
    if comparison.fresh:
        revision = comparison.revision if comparison.equal else None
        workspace.publish_index.save(workspace.name, comparison.entries, revision or "")
    return result


def find_work(
    workspace: FleetBesideGit, *, prune: bool, take: Take | None = None, reread: bool = False
) -> Work:
    """Compare Git with the store, and decide what would be done; errors as `publish`."""
    comparison = compare(workspace, take=take, noting=True, reread=reread)
    if prune:
        require_checked_out(comparison)
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
    workspace.log.append(intent_event(workspace, work.addresses, "rejected", said))
    raise refusal(verdict)


def _result(environment: str, work: Work, *, dry_run: bool) -> PublishResult:
    comparison, verdict = work.comparison, work.verdict or PublishVerdict()
    written = [intent.address for intent in comparison.intents]
    ahead = [entry.address for entry in comparison.ahead]
    diverged = [entry.address for entry in comparison.diverged]
    return PublishResult(
        environment=environment,
        dry_run=dry_run,
        written=tuple(written),
        unchanged=tuple(sorted(comparison.entries.keys() - {*written, *ahead, *diverged})),
        merged=tuple(intent.address for intent in comparison.intents if intent.git is not None),
        ahead_of_git=tuple(ahead),
        diverged=tuple(diverged),
        not_checked_out=tuple(sorted(comparison.not_checked_out)),
        deletions_uncommitted=tuple(a for a in comparison.removed if a in comparison.uncommitted),
        removed_from_git=tuple(comparison.removed),
        pruned=tuple(work.to_delete),
        kept=work.kept,
        findings=(*verdict.findings, *map(diverged_finding, comparison.diverged)),
        needs=verdict.needs,
    )


# -- writing ------------------------------------------------------------------------------------------


def _carry_out(workspace: Publishing, work: Work) -> dict[str, int]:
    """Write and delete under the lease, between the log's intent and outcome; the new versions by address."""
    intents, to_delete = work.comparison.intents, work.to_delete
    judged: JsonObject = {"judged": "passed"} if work.verdict and work.verdict.ruled else {}
    if work.comparison.diverged:
        judged["diverged"] = [config.address for config in work.comparison.diverged]
    writes = _writes(workspace, intents)
    with _leased(workspace, work.to_delete):
        reach("publish.under_lease")
        intent = workspace.log.append(intent_event(workspace, work.addresses, "started", judged))
        versions: list[int] = []
        try:
            bind(workspace)
            check_unmoved(workspace, to_delete)
            versions = workspace.parameters.put(writes)
            workspace.parameters.delete([parameter.name for parameter in to_delete.values()])
        except KarmaError as error:
            failure = {"code": error.code, "message": error.what, "written": len(versions)}
            workspace.log.append(event_of(workspace, ACTION, Phase.FAILED, inputs=failure, cause=intent.id))
            raise
        written = dict(zip([intent.address for intent in intents], versions, strict=True))
        git_holds.note(workspace, _merge_notes(intents, written))
        heights.note(workspace)
        workspace.log.append(outcome_event(workspace, written, len(to_delete), cause=intent.id))
    return written


def _merge_notes(intents: tuple[Intent, ...], versions: dict[str, int]) -> dict[str, Held]:
    """What Git held beside the merged versions: the next edit of either side is compared with that."""
    return {
        intent.address: Held(
            version=versions[intent.address], digest=bytes_digest(intent.value.encode()), git=intent.git
        )
        for intent in intents
        if intent.git is not None
    }


def _writes(workspace: HasGit, intents: tuple[Intent, ...]) -> list[ParameterWrite]:
    provenance = workspace.repository.provenance([intent.file for intent in intents])
    return [
        _write(workspace.config_parameter(intent.address), intent, provenance[intent.address])
        for intent in intents
    ]


def _change_in(intent: Intent) -> str | None:
    """The change whose edits are published beside Git's; None where the value is Git's alone."""
    return intent.change if intent.git is not None else None


def _write(name: str, intent: Intent, provenance: Provenance) -> ParameterWrite:
    base = intent.stored.version if intent.stored else 0
    kind = intent.stored.kind if intent.stored else ParameterKind.STRING
    check = None if kind is ParameterKind.SECURE else checksum(name, base + 1, intent.value)
    description = describe(structs.replace(provenance, change=_change_in(intent)), check)
    return ParameterWrite(name=name, value=intent.value, kind=kind, description=description, base=base)


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
