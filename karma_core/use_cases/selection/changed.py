"""Which components changed: compared with what was applied, or with a commit as far as Git can tell.

A commit only narrows the search. Where Git cannot tell whether a file changed (a shallow clone, a submodule
without its commit, a file that it ignores or was told not to look at, modules outside the work tree, files
outside the modules' directory), the component's own part is compared with what was applied.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from karma_core.counting import listed
from karma_core.errors import BadInput
from karma_core.ids import type_of
from karma_core.model import Record
from karma_core.needs import Selecting
from karma_core.plan import fingerprint
from karma_core.ports import Modules
from karma_core.records import GitChanges
from karma_core.use_cases.fleet.fleet import Fleet

_ALL = "."


class Since(Record, frozen=True, kw_only=True):
    """The components that changed since a commit, and sentences about what Git could not tell of them."""

    addresses: frozenset[str]
    untold: tuple[str, ...]


def changed_itself(fleet: Fleet, address: str) -> bool:
    """Whether a component's own part differs from what was applied: config, module, variables, engine.

    So does one that was never applied, whose last apply failed, or whose runtime is gone or cannot be read.
    """
    if fleet[address].config is None:
        return False
    own_cause = fingerprint.has_own_cause(fleet.inputs(address), fleet.deployed(address))
    return own_cause or fleet.lost_runtime(address) or bool(fleet.unreadable(address))


def changed_since(workspace: Selecting, fleet: Fleet, ref: str) -> Since:
    """Components whose config, or a part of whose module, changed since a commit."""
    git_changes = workspace.repository.changed_since(workspace.name, ref)
    types = {type_of(address) for address in fleet.graph}
    edited = {name for name in types if _touches(workspace.modules, name, git_changes.modules)}
    untold = {
        name: reasons
        for name in types - edited
        if (reasons := _reasons(workspace.modules, name, git_changes.untold_modules))
    }
    by_git = {a for a in fleet.graph if a in git_changes.addresses or type_of(a) in edited}
    doubtful = {a for a in fleet.graph if git_changes.untold_configs or type_of(a) in untold} - by_git
    by_content = {address for address in doubtful if changed_itself(fleet, address)}
    return Since(
        addresses=frozenset(by_git | by_content), untold=tuple(_said(git_changes, untold, by_content))
    )


def _said(git_changes: GitChanges, untold: Mapping[str, str], by_content: Collection[str]) -> Iterator[str]:
    """What was compared with the applied records, and why.

    A file that Git never looks at is worth a word only where it made a difference.
    """
    how = "compared with what was applied instead"
    if git_changes.untold_configs:
        yield f"Git cannot tell which configs changed ({git_changes.untold_configs}); they are {how}"
    if git_changes.untold_modules.get(_ALL):
        yield f"Git cannot tell which modules changed ({git_changes.untold_modules[_ALL]}); they are {how}"
        return
    for name in sorted(untold):
        chosen = sorted(address for address in by_content if type_of(address) == name)
        if chosen:
            why = untold[name]
            yield f"Git cannot tell whether the module {name} changed ({why}); {how}: {listed(chosen)} differ"


def _reasons(modules: Modules, component_type: str, untold: Mapping[str, str]) -> str:
    """Why Git cannot tell whether a type's module changed; empty where it can."""
    for path in sorted(untold):
        if _touches(modules, component_type, (path,)):
            return f"{path}: {untold[path]}"
    elsewhere = [part for part in _parts(modules, component_type) or () if part.startswith("../")]
    return f"it reads {elsewhere[0]}, outside the modules' directory" if elsewhere else ""


def _touches(modules: Modules, component_type: str, paths: Collection[str]) -> bool:
    """Whether a path is part of the type's module, or a directory that holds a part of it.

    What an unreadable module loads is not known: any path may be part of it.
    """
    if not paths:
        return False
    parts = _parts(modules, component_type)
    if parts is None:
        return True
    return any(_within(path, part) or _within(part, path) for path in paths for part in parts)


def _parts(modules: Modules, component_type: str) -> tuple[str, ...] | None:
    try:
        return modules.parts(component_type)
    except BadInput:
        return None


def _within(path: str, directory: str) -> bool:
    return directory in (_ALL, path) or path.startswith(f"{directory}/")
