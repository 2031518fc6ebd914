"""The configs of a Git work tree, with their commits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from karma_adapters.git.absences import absences
from karma_adapters.git.changes import PathChanges, path_changes
from karma_adapters.git.config_directory import CONFIG_FILE, ConfigDirectory
from karma_adapters.git.work_tree import GitWorkTree, find_work_tree
from karma_core import ids
from karma_core.errors import BadInput, NotFound
from karma_core.model import Provenance
from karma_core.ports import Refuse
from karma_core.records import ConfigFile, GitChanges


class GitConfigRepository:
    """ports.ConfigRepository over a project's directory.

    `configs` and `modules` are directories, absolute or relative to `root`. Modules may lie in another work
    tree than the configs.
    """

    def __init__(self, root: Path, *, configs: str = "iac", modules: str = "components") -> None:
        self._root = os.path.realpath(root)
        self._configs = os.path.realpath(Path(self._root, configs))
        self._modules = os.path.realpath(Path(self._root, modules))
        self._directory = ConfigDirectory(self._root, self._configs)

    def scan(self, environment: str, *, refuse: Refuse | None = None) -> Iterator[ConfigFile]:
        """Every config file, sorted by address.

        Each refused place goes to `refuse`; without it the first one is raised. NotFound where the
        environment has no directory: a mistyped name must not look like an environment without components.
        """
        return self._directory.scan(environment, refuse or _raise)

    def read(self, file: ConfigFile) -> bytes:
        """Return the file's bytes, checked again: the file may not be the scanned one."""
        return self._directory.read(file)

    def write(self, environment: str, address: str, content: bytes | None) -> str:
        """Write or remove a config file in the work tree; nothing is committed."""
        return self._directory.write(environment, address, content)

    def config_at(self, environment: str, address: str, commit: str) -> bytes | None:
        """A component's config file in a commit, which is fetched where it is not here yet."""
        ids.check_environment(environment)
        ids.Address.parse(address)
        tree = self._tree()
        path = _below(tree, f"{self._configs}/{environment}/{address}/{CONFIG_FILE}")
        return tree.content(tree.resolve_or_fetch(commit), path)

    def absences(self, environment: str, addresses: Sequence[str]) -> dict[str, str]:
        """Why files that Git holds are not in the work tree, by address; nothing outside a work tree."""
        ids.check_environment(environment)
        tree = find_work_tree(Path(self._configs))
        if tree is None or not addresses:
            return {}
        files = {self._file_of(tree, environment, address): address for address in addresses}
        return {files[path]: why for path, why in absences(tree, files).items() if path in files}

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        """Commit of HEAD, path and dirty flag by address, from one `git status`."""
        tree = find_work_tree(Path(self._configs)) if files else None
        if tree is None:
            return {file.address: Provenance(path=file.path) for file in files}
        commit = tree.head()
        dirty, directories = tree.uncommitted(_below(tree, self._configs))
        provenance = {}
        for file in files:
            path = _below(tree, os.path.join(self._root, file.path))  # noqa: PTH118
            is_dirty = path in dirty or path.startswith(directories)
            provenance[file.address] = Provenance(commit=commit, path=path, dirty=is_dirty or commit is None)
        return provenance

    def head(self) -> str | None:
        """The commit of HEAD, None outside a work tree or before its first commit."""
        tree = find_work_tree(Path(self._root))
        return tree.head() if tree is not None else None

    def is_behind(self, commit: str) -> bool:
        """Whether HEAD is an ancestor of the commit, and not it; False where the commit is not here."""
        tree = find_work_tree(Path(self._root))
        return tree is not None and tree.is_behind(commit)

    def changed_since(self, environment: str, ref: str) -> GitChanges:
        """What differs between ref and the work tree, submodules included.

        UsageError `invalid-ref`, NotFound `unknown-ref` or `no-work-tree`. A shallow clone knows few commits:
        where ref is not among them, nothing is known of anything.
        """
        ids.check_environment(environment)
        tree = self._tree()
        try:
            commit = tree.resolve(ref)
        except NotFound:
            if not tree.is_shallow():
                raise
            why = f"the clone is shallow and does not have {ids.shown(ref)}"
            return GitChanges(untold_configs=why, untold_modules={".": why})
        configs = _below(tree, f"{self._configs}/{environment}")
        config_changes = self._changes(tree, commit, f"{self._configs}/{environment}")
        modules = self._changes(tree, commit, self._modules)
        top = _below(tree, self._modules)
        return GitChanges(
            addresses=frozenset(_addresses(config_changes.changed, configs)),
            modules=frozenset(_relative(path, top) for path in modules.changed),
            untold_configs=_why_untold(tree, config_changes),
            untold_modules={_relative(path, top): why for path, why in modules.untold.items()},
        )

    def _changes(self, tree: GitWorkTree, commit: str, directory: str) -> PathChanges:
        """What differs below a directory, which need not exist; relative to the top of the tree."""
        if not Path(directory).is_relative_to(os.path.realpath(tree.top)):
            return PathChanges(untold={_below(tree, directory): "it lies outside the configs' work tree"})
        return path_changes(tree, commit, _below(tree, directory))

    def _tree(self) -> GitWorkTree:
        tree = find_work_tree(Path(self._root))
        if tree is None:
            raise NotFound(
                f"{self._root} is not in a Git work tree",
                why="what a commit holds is asked of Git",
                next_step="run it in a clone",
                code="no-work-tree",
            )
        return tree

    def _file_of(self, tree: GitWorkTree, environment: str, address: str) -> str:
        return _below(tree, f"{self._configs}/{environment}/{address}/{CONFIG_FILE}")


def _below(tree: GitWorkTree, path: str) -> str:
    return os.path.relpath(path, os.path.realpath(tree.top))


def _addresses(paths: Iterable[str], configs: str) -> set[str]:
    """Addresses of config files among paths `<configs>/<type>/<nickname>/config.json`."""
    addresses = set()
    for path in paths:
        match Path(_relative(path, configs)).parts:
            case [component_type, nickname, name] if name == CONFIG_FILE:
                address = f"{component_type}/{nickname}"
                if ids.is_address(address):
                    addresses.add(address)
    return addresses


def _why_untold(tree: GitWorkTree, changes: PathChanges) -> str:
    """Why Git does not tell of every config whether it changed; empty where it does."""
    for path, why in sorted(changes.untold.items()):
        if Path(path).name == CONFIG_FILE or (tree.top / path).is_dir():
            return f"{path}: {why}"
    return ""


def _relative(path: str, directory: str) -> str:
    return os.path.relpath(path, directory)


def _raise(refused: BadInput) -> None:
    raise refused
