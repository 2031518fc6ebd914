"""Queries to the git binary: the work tree, commits, and uncommitted differences.

Git runs without a shell, with an allow-listed environment, a time limit, and without what a configuration
could make it run (file system monitor, hooks, external diffs, pager).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from karma_core.errors import BadInput, NotFound, StoreError, StoreUnavailable, UsageError
from karma_core.ids import shown
from karma_core.strictjson import MAX_BYTES

GIT_SECONDS: Final = 60.0
"""Longest run of one git command. Ours: `git status` on 100,000 files takes a few seconds."""
_REF: Final = re.compile(r"[A-Za-z0-9@][A-Za-z0-9._/@{}^~+-]{0,254}\Z")
"""Revisions that may be asked for: names, hashes, HEAD~2, v1^{commit}, main@{1}; never an option."""
_KEPT_VARIABLES: Final = ("PATH", "HOME", "XDG_CONFIG_HOME")
SUBMODULE: Final = "160000"
"""The mode of a submodule in trees and in the index (gitdatamodel(7))."""
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}", "--no-pager")


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return kept | {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}


def find_work_tree(directory: Path) -> GitWorkTree | None:
    """The work tree that holds the directory; None without git or outside of any."""
    program = shutil.which("git")
    if program is None or not directory.is_dir():
        return None
    done = _run(program, directory, ["rev-parse", "--show-toplevel"])
    if done.returncode == 0:
        return GitWorkTree(program, Path(os.fsdecode(done.stdout.removesuffix(b"\n"))))
    if b"not a git repository" in done.stderr or b"must be run in a work tree" in done.stderr:
        return None
    raise _failed("rev-parse", done)


class Entry(NamedTuple):
    """A file or submodule of the index: its path, its octal mode, and the tag of `git ls-files -v`."""

    path: str
    tag: str
    mode: str

    @property
    def hidden(self) -> str | None:
        """The mark by which Git is told not to look at the file; None where it looks."""
        if self.tag.upper() == "S":
            return "skip-worktree"
        return "assume-unchanged" if self.tag.islower() else None


class GitWorkTree:
    """A work tree by its top directory. Paths given and returned are relative to the top."""

    def __init__(self, program: str, top: Path) -> None:
        self._program = program
        self.top = top

    def head(self) -> str | None:
        """The commit of HEAD; None before the first commit."""
        done = _run(self._program, self.top, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"])
        return done.stdout.decode().strip() if done.returncode == 0 else None

    def is_behind(self, commit: str) -> bool:
        """Whether HEAD is an ancestor of the commit, and not it; False where Git does not know."""
        if not _REF.match(commit) or commit == self.head():
            return False
        arguments = ["merge-base", "--is-ancestor", "HEAD", f"{commit}^{{commit}}"]
        return _run(self._program, self.top, arguments).returncode == 0

    def resolve(self, ref: str) -> str:
        """The commit that a revision names; UsageError `invalid-ref`, NotFound `unknown-ref`."""
        if not _REF.match(ref):
            raise UsageError(
                f"{shown(ref)!r} is not a Git revision",
                why="a revision begins with a letter, a digit or @",
                next_step="give a branch, a tag or a commit",
                code="invalid-ref",
            )
        arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}"]
        done = _run(self._program, self.top, arguments)
        if done.returncode != 0:
            raise NotFound(
                f"Git knows no commit {shown(ref)!r}",
                why="no branch, tag or commit here has that name",
                next_step="fetch it first, or correct the name",
                code="unknown-ref",
            )
        return done.stdout.decode().strip()

    def resolve_or_fetch(self, commit: str) -> str:
        """Resolve a commit; if it is not here, fetch it from the remote `origin` first."""
        try:
            return self.resolve(commit)
        except NotFound:
            # The answer is the next line's: without a remote, or without the commit there, it stays unknown.
            _run(
                self._program, self.top, ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin"]
            )
            return self.resolve(commit)

    def content(self, commit: str, path: str) -> bytes | None:
        """A file's bytes in a commit; None where it has no such file, BadInput `too-large`."""
        place = f"{commit}:{path}"
        kind = _run(self._program, self.top, ["cat-file", "-t", place])
        if kind.returncode != 0 or kind.stdout.strip() != b"blob":
            return None
        size = _run(self._program, self.top, ["cat-file", "-s", place])
        if size.returncode != 0 or int(size.stdout) > MAX_BYTES:
            raise BadInput(
                f"{shown(path)} in commit {commit[:12]} is too large",
                why=f"it has more than {MAX_BYTES:,} bytes",
                next_step="commit a smaller file",
                code="too-large",
            )
        done = _run(self._program, self.top, ["cat-file", "blob", place])
        if done.returncode != 0:
            raise _failed("cat-file", done)
        return done.stdout

    def uncommitted(self, path: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """(files, directories ending in `/`) below path that differ from HEAD, ignored ones included."""
        arguments = ["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"]
        fields = self._paths([*arguments, "--ignored=matching", "--", path])
        names = {field[3:] for field in fields}
        return frozenset(names), tuple(sorted(name for name in names if name.endswith("/")))

    def changed(self, commit: str, paths: Sequence[str]) -> list[str]:
        """Files below paths that differ between the commit and the work tree, untracked ones included."""
        diff = ["diff", "--name-only", "-z", "--no-renames", "--no-ext-diff", "--no-textconv"]
        diff += ["--ignore-submodules=none", commit]
        return sorted({*self._paths([*diff, "--", *paths]), *self.untracked(paths)})

    def untracked(self, paths: Sequence[str]) -> list[str]:
        """Files below paths that Git neither holds nor ignores."""
        return self._paths(["ls-files", "--others", "--exclude-standard", "-z", "--", *paths])

    def entries(self, paths: Sequence[str]) -> Iterator[Entry]:
        """What the index holds at and below paths, whether it is checked out or not."""
        for line in self._paths(["ls-files", "--cached", "--stage", "-v", "-z", "--", *paths]):
            facts, _, path = line.partition("\t")
            tag, mode, _ = facts.split(" ", 2)
            yield Entry(path=path, tag=tag, mode=mode)

    def in_head(self, paths: Sequence[str]) -> set[str]:
        """Which files (and submodules) at and below paths HEAD holds; none before the first commit."""
        if self.head() is None:
            return set()
        return set(self._paths(["ls-tree", "-r", "--name-only", "--full-tree", "-z", "HEAD", "--", *paths]))

    def submodule_commit(self, commit: str, path: str) -> str | None:
        """The commit of a submodule that a commit of this repository holds at path; None without such."""
        for line in self._paths(["ls-tree", "--full-tree", "-z", commit, "--", path]):
            mode, _, rest = line.partition(" ")
            if mode == SUBMODULE:
                return rest.split(" ", 1)[1].split("\t", 1)[0]
        return None

    def ignored(self, path: str) -> list[str]:
        """Files below path that Git ignores and does not hold."""
        return self._paths(["ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--", path])

    def is_sparse(self) -> bool:
        """Whether the work tree has only a part of the files, by `git sparse-checkout`."""
        done = _run(self._program, self.top, ["config", "--get", "--type=bool", "core.sparseCheckout"])
        return done.stdout.strip() == b"true"

    def is_shallow(self) -> bool:
        """Whether the clone has only the newest part of the history."""
        done = _run(self._program, self.top, ["rev-parse", "--is-shallow-repository"])
        return done.stdout.strip() == b"true"

    def _paths(self, arguments: list[str]) -> list[str]:
        done = _run(self._program, self.top, ["--literal-pathspecs", *arguments])
        if done.returncode != 0:
            raise _failed(arguments[0], done)
        return [os.fsdecode(field) for field in done.stdout.split(b"\0") if field]


def _run(program: str, directory: Path, arguments: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - no shell; names and revisions are checked before
            [program, *_QUIET, *arguments],
            cwd=directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise StoreUnavailable(
            f"git took longer than {GIT_SECONDS:.0f} seconds",
            why="the work tree is very large, or its disk hangs",
            next_step="run git status there by hand",
        ) from error


def _failed(command: str, done: subprocess.CompletedProcess[bytes]) -> StoreError:
    lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
    return StoreError(
        f"git {command} failed",
        why=shown(lines[0]) if lines else f"it ended with {done.returncode}",
        next_step="make git work in that directory, then try again",
        code="git",
    )
