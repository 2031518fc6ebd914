"""Write configs that changes moved from the parameter store to the work tree, for a person to commit."""

from __future__ import annotations

from karma_core import json_edit, strictjson
from karma_core.checksum import intact
from karma_core.events import log_event
from karma_core.json_types import JsonValue
from karma_core.model import Finding, Record
from karma_core.needs import HasGit, Publishing
from karma_core.outcomes import Phase
from karma_core.records import ConfigFile
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.comparison import Comparison, compare
from karma_core.use_cases.configs.differing import Ahead, Intent, Take
from karma_core.use_cases.configs.diverging import diverged_finding, log_taken
from karma_core.use_cases.configs.git_holds import held_of
from karma_core.use_cases.configs.three_sides import change_of


class Pulled(Record, frozen=True, kw_only=True):
    """One file. `path` is empty in a dry run; `removed` says that a change removed the config.

    `merged` says that the file keeps edits of its own, which are not published yet.
    """

    address: str
    path: str
    removed: bool
    merged: bool = False


class PullResult(Record, frozen=True, kw_only=True):
    """What was brought to the work tree, or, `dry_run`, would be; sorted by address.

    `diverged` were edited at the same places by Git and a change: their files stay as they are. `findings`
    say where, and what to do. `not_checked_out` are in Git and not in the work tree: they are left out.
    """

    environment: str
    dry_run: bool
    pulled: tuple[Pulled, ...]
    diverged: tuple[str, ...] = ()
    not_checked_out: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


def pull(workspace: Publishing, *, dry_run: bool = False, take: Take | None = None) -> PullResult:
    """Bring the edits of changes to their files, and remove the files of configs that changes removed.

    A file keeps its order and form; only what differs is written. Edits of the file at other places stay.
    `take` says which side wins in configs that have diverged; UsageError `not-diverged` for any other.
    Nothing is committed. ValidationFailed as `publish` where a config of the work tree is invalid.
    """
    comparison = compare(workspace, may_be_absent=True, take=take, noting=True)
    merged = [intent for intent in comparison.intents if _has_edits_of_a_change(intent, take)]
    outcomes: list[Ahead | Intent] = sorted([*comparison.ahead, *merged], key=lambda one: one.address)
    held = [one for one in comparison.diverged if not one.published_from]  # those are Git's to bring
    pulled = tuple(_pull(workspace, one, dry_run=dry_run) for one in outcomes)
    if not dry_run:
        log_taken(workspace, take)
        _note(workspace, outcomes, comparison)
        if pulled:
            addresses = [one.address for one in pulled]
            log_event(workspace, "config_pull", Phase.SUCCEEDED, inputs={"components": addresses})
    return PullResult(
        environment=workspace.name,
        dry_run=dry_run,
        pulled=pulled,
        diverged=tuple(one.address for one in held),
        not_checked_out=tuple(sorted(comparison.not_checked_out)),
        findings=tuple(map(diverged_finding, held)),
    )


def _has_edits_of_a_change(intent: Intent, take: Take | None) -> bool:
    """Whether the file lacks something of the store, or Git's side was taken against the store's."""
    return intent.git is not None or (take is not None and intent.address in take.git)


def _note(workspace: Publishing, outcomes: list[Ahead | Intent], comparison: Comparison) -> None:
    """From now on the files hold the stored versions, so what they have otherwise is Git's edit."""
    brought = {one.address: one.stored for one in outcomes if one.stored is not None}
    notes = {a: held_of(stored, None, change=change_of(stored) or "") for a, stored in brought.items()}
    git_holds.note(workspace, {**comparison.notes, **notes})
    config_set.forget_removed(workspace, [one.address for one in outcomes if one.stored is None])


def _pull(workspace: HasGit, outcome: Ahead | Intent, *, dry_run: bool) -> Pulled:
    removed = isinstance(outcome, Ahead) and outcome.stored is None
    content = None if removed else _content(workspace, outcome)
    path = "" if dry_run else workspace.repository.write(workspace.name, outcome.address, content)
    return Pulled(address=outcome.address, path=path, removed=removed, merged=isinstance(outcome, Intent))


def _content(workspace: HasGit, outcome: Ahead | Intent) -> bytes:
    """The file's text with what it lacks; a new file is written readably."""
    if isinstance(outcome, Intent):
        return _edited(workspace, outcome.file, outcome.value)
    return _edited(workspace, outcome.file, (intact(outcome.stored).value or "") if outcome.stored else "")


def _edited(workspace: HasGit, file: ConfigFile | None, value: str) -> bytes:
    wanted: JsonValue = strictjson.parse(value.encode(), where="a stored config")
    return (
        json_edit.readable(wanted)
        if file is None
        else json_edit.edited(workspace.repository.read(file), wanted)
    )
