"""The configs of a Git work tree, with their commits."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from karma_adapters.git.config_directory import CONFIG_FILE, ConfigDirectory
from karma_adapters.git.work_tree import GitWorkTree, find_work_tree
from karma_core import ids
from karma_core.errors import BadInput, NotFound, StoreError
from karma_core.model import Provenance
from karma_core.ports import Refuse
from karma_core.records import ConfigFile


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

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        """Commit of HEAD, path and dirty flag by address, from one `git status`."""
        tree = find_work_tree(Path(self._root)) if files else None
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

    def changed_since(self, environment: str, ref: str) -> tuple[set[str], set[str]]:
        """(addresses, paths below the modules' directory) changed between ref and the work tree.

        Where the modules lie outside the configs' work tree, ref says nothing of them: all folders count.
        """
        ids.check_environment(environment)
        tree = self._tree()
        commit = tree.resolve(ref)
        configs = _below(tree, f"{self._configs}/{environment}")
        addresses = _addresses(tree.changed(commit, [configs]), configs)
        return addresses, self._changed_modules(tree, commit)

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

    def _changed_modules(self, tree: GitWorkTree, commit: str) -> set[str]:
        if not Path(self._modules).is_dir():
            return set()
        if not Path(self._modules).is_relative_to(os.path.realpath(tree.top)):
            return set(_folders(self._modules))
        modules = _below(tree, self._modules)
        return {Path(path).relative_to(modules).as_posix() for path in tree.changed(commit, [modules])}


def _folders(path: str) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.is_dir()]
    except OSError as error:
        raise StoreError(
            f"{path} cannot be listed",
            why=error.strerror or str(error),
            next_step="check its permissions",
        ) from error


def _below(tree: GitWorkTree, path: str) -> str:
    return os.path.relpath(path, os.path.realpath(tree.top))


def _addresses(paths: Sequence[str], configs: str) -> set[str]:
    """Addresses of config files among paths `<configs>/<type>/<nickname>/config.json`."""
    addresses = set()
    for path in paths:
        match Path(path).relative_to(configs).parts:
            case [component_type, nickname, name] if name == CONFIG_FILE:
                address = f"{component_type}/{nickname}"
                if ids.is_address(address):
                    addresses.add(address)
    return addresses


def _raise(refused: BadInput) -> None:
    raise refused
