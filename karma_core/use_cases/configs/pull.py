"""Write configs that changes moved from the parameter store to the work tree, for a person to commit."""

from __future__ import annotations

import json

from karma_core import strictjson
from karma_core.events import log_event
from karma_core.model import Record
from karma_core.needs import HasGit, Publishing
from karma_core.outcomes import Phase
from karma_core.records import Parameter
from karma_core.use_cases.configs import git_holds
from karma_core.use_cases.configs import writing as config_set
from karma_core.use_cases.configs.comparison import Ahead, change_of, compare


class Pulled(Record, frozen=True, kw_only=True):
    """One file. `path` is empty in a dry run; `removed` says that a change removed the config."""

    address: str
    path: str
    removed: bool


class PullResult(Record, frozen=True, kw_only=True):
    """The files that were written to the work tree, or would be in a `dry_run`; sorted by address."""

    environment: str
    dry_run: bool
    pulled: tuple[Pulled, ...]


def pull(workspace: Publishing, *, dry_run: bool = False) -> PullResult:
    """Write every config that is ahead of Git to its file, and remove the files of those that are gone.

    Files are written readably: two spaces, sorted keys. Nothing is committed. ValidationFailed as
    `publish` where a config of the work tree is invalid.
    """
    ahead = compare(workspace, may_be_absent=True).ahead
    pulled = tuple(_pull(workspace, entry, dry_run=dry_run) for entry in ahead)
    if pulled and not dry_run:
        brought = {f.address: change_of(f.stored) for f in ahead if f.stored is not None}
        git_holds.note(workspace, {address: change for address, change in brought.items() if change})
        config_set.forget_removed(workspace, [f.address for f in ahead if f.stored is None])
        addresses = [entry.address for entry in pulled]
        log_event(workspace, "config_pull", Phase.SUCCEEDED, inputs={"components": addresses})
    return PullResult(environment=workspace.name, dry_run=dry_run, pulled=pulled)


def _pull(workspace: HasGit, entry: Ahead, *, dry_run: bool) -> Pulled:
    content = _readable(entry.stored) if entry.stored is not None else None
    path = "" if dry_run else workspace.repository.write(workspace.name, entry.address, content)
    return Pulled(address=entry.address, path=path, removed=entry.stored is None)


def _readable(stored: Parameter) -> bytes:
    value = strictjson.parse((stored.value or "").encode(), where=stored.name)
    return (json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()
