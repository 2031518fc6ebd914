"""Why files that Git holds are not in the work tree: deleted by somebody, or never checked out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from karma_adapters.git.work_tree import SUBMODULE, Entry, GitWorkTree, find_work_tree

DELETED: Final = "deleted"
_CHUNK: Final = 500
"""Paths in one command line, far below what an operating system takes."""


def absences(tree: GitWorkTree, paths: Iterable[str]) -> dict[str, str]:
    """Path → why it is not in the work tree, as `ports.ConfigRepository`; without what Git does not hold.

    Paths are relative to the tree's top; those that exist are left out.
    """
    reasons: dict[str, str] = {}
    rest = sorted(path for path in paths if not os.path.lexists(tree.top / path))
    for link in _submodules(tree, rest):
        inside = [path for path in rest if path.startswith(f"{link}/")]
        rest = [path for path in rest if path not in inside]
        reasons |= _in_submodule(tree, link, inside)
    empty_index = bool(rest) and not any(True for _ in tree.entries(["."]))
    for start in range(0, len(rest), _CHUNK):
        reasons |= _of_files(tree, rest[start : start + _CHUNK], empty_index=empty_index)
    return reasons


def _submodules(tree: GitWorkTree, paths: Iterable[str]) -> list[str]:
    """The submodules on the way to the paths."""
    parents = sorted({str(parent) for path in paths for parent in Path(path).parents} - {"."})
    chunks = (parents[start : start + _CHUNK] for start in range(0, len(parents), _CHUNK))
    entries = (entry for chunk in chunks for entry in tree.entries(chunk))
    return sorted({entry.path for entry in entries if entry.mode == SUBMODULE and entry.path in parents})


def _in_submodule(tree: GitWorkTree, link: str, paths: list[str]) -> dict[str, str]:
    inner = find_work_tree(tree.top / link)
    if inner is None or os.path.realpath(inner.top) != os.path.realpath(tree.top / link):
        return dict.fromkeys(paths, "submodule")
    reasons = absences(inner, [os.path.relpath(path, link) for path in paths])
    return {f"{link}/{path}": why for path, why in reasons.items()}


def _of_files(tree: GitWorkTree, paths: list[str], *, empty_index: bool) -> dict[str, str]:
    reasons = dict.fromkeys(tree.in_head(paths), "no-checkout" if empty_index else DELETED)
    for entry in tree.entries(paths):
        reasons[entry.path] = _why(tree, entry)
    return reasons


def _why(tree: GitWorkTree, entry: Entry) -> str:
    hidden = entry.hidden
    if hidden == "skip-worktree" and tree.is_sparse():
        return "sparse-checkout"
    return hidden or DELETED
