"""What differs between a commit and the work tree, submodules included, and of what Git cannot tell it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from karma_adapters.git.work_tree import SUBMODULE, GitWorkTree, find_work_tree
from karma_adapters.modules.files import SKIPPED_DIRECTORIES, is_skipped
from karma_core.errors import NotFound


class PathChanges(msgspec.Struct, frozen=True):
    """Paths relative to the top of the work tree that was asked.

    `changed` are files, `untold` files and directories of which Git does not know whether they changed, with
    the reason.
    """

    changed: frozenset[str] = frozenset()
    untold: dict[str, str] = {}

    def below(self, directory: str) -> PathChanges:
        """The same, for a work tree in which this one lies in the directory."""
        return PathChanges(
            frozenset(_join(directory, path) for path in self.changed),
            {_join(directory, path): why for path, why in self.untold.items()},
        )

    def joined(self, other: PathChanges) -> PathChanges:
        """Both."""
        return PathChanges(self.changed | other.changed, {**self.untold, **other.untold})


def path_changes(tree: GitWorkTree, commit: str, path: str) -> PathChanges:
    """What differs at and below a path that lies in the work tree, or in a submodule of it."""
    inner = find_work_tree(tree.top / path)
    top = Path(os.path.realpath(tree.top))
    if inner is not None and Path(os.path.realpath(inner.top)) != top:
        link = os.path.relpath(os.path.realpath(inner.top), top)
        return _in_submodule(tree, commit, link, os.path.relpath(path, link))
    changes = _own(tree, commit, path)
    for entry in tree.entries([path]):
        if entry.mode == SUBMODULE:
            changes = changes.joined(_in_submodule(tree, commit, entry.path, "."))
        elif entry.hidden is not None and os.path.lexists(tree.top / entry.path):
            changes.untold[entry.path] = f"it is marked {entry.hidden}"
    return changes


def _own(tree: GitWorkTree, commit: str, path: str) -> PathChanges:
    """As `path_changes`, of the work tree's own files; what differs in a submodule is asked of that."""
    links = {entry.path for entry in tree.entries([path]) if entry.mode == SUBMODULE}
    changed = frozenset(tree.changed(commit, [path])) - links
    return PathChanges(changed, {name: "Git ignores it" for name in tree.ignored(path) if _counts(name)})


def _in_submodule(tree: GitWorkTree, commit: str, link: str, path: str) -> PathChanges:
    """What differs at a path of a submodule, since the commit of it that the outer commit holds.

    All of it differs where the outer commit has no such submodule.
    """
    inner = find_work_tree(tree.top / link)
    if inner is None or os.path.realpath(inner.top) != os.path.realpath(tree.top / link):
        return PathChanges(untold={link: "the submodule is not checked out"})
    before = tree.submodule_commit(commit, link)
    if before is None:
        return PathChanges(frozenset(_files(inner, path))).below(link)
    try:
        inner.resolve(before)
    except NotFound:
        return PathChanges(untold={link: f"the submodule does not have its commit {before[:12]}"})
    return path_changes(inner, before, path).below(link)


def _files(tree: GitWorkTree, path: str) -> Iterator[str]:
    """All files at and below a path, those of submodules included, but none that Git ignores."""
    yield from tree.untracked([path])
    for entry in tree.entries([path]):
        inner = find_work_tree(tree.top / entry.path) if entry.mode == SUBMODULE else None
        if inner is None:
            yield entry.path
        elif os.path.realpath(inner.top) == os.path.realpath(tree.top / entry.path):
            yield from (_join(entry.path, name) for name in _files(inner, "."))


def _counts(path: str) -> bool:
    """Whether a file could be part of a module."""
    parts = Path(path).parts
    return not SKIPPED_DIRECTORIES.intersection(parts) and not is_skipped(parts[-1])


def _join(directory: str, path: str) -> str:
    return os.path.normpath(f"{directory}/{path}")
