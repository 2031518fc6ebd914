"""Working directories of Terraform: a copy of the archived module per component and module version.

Terraform leaves `errored.tfstate` in its working directory when it cannot write a state. Two components that
shared a directory would overwrite each other's, and nobody could tell whose it is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final

from karma_adapters.local.replace_file import replace_file
from karma_adapters.modules.archive import REPOSITORY, copied_root
from karma_adapters.terraform import provisioners
from karma_adapters.terraform.shared_places import (
    HERE,
    Files,
    SharedPlaces,
    Waiting,
    asks_where_it_runs,
    files_below,
)
from karma_core import ids
from karma_core.errors import StoreError

Turn = Callable[[], AbstractContextManager[None]]
"""What is held while a command runs in a component's directory."""

ERRORED: Final = "errored.tfstate"
WITHHELD: Final = "-commands"
"""Ends the directory's name of a copy whose commands do not get the credentials."""
LOCK_FILE: Final = ".terraform.lock.hcl"
"""Terraform's dependency lock file."""
_DIGITS: Final = 16
"""Of a module's digest in a directory's name. Ours: 64 bits, few versions, one component."""


def short(digest: str) -> str:
    """A module's digest in a directory's name."""
    return digest.removeprefix("sha256:")[:_DIGITS]


class WorkTrees:
    """`<directory>/<type>/<nickname>/<digest>/<the archived tree>`; private, for states lie there.

    A component whose module asks where it runs has one directory for all versions (`shared_places`).
    `credentials` are names of variables that the commands of a module do not inherit; `waiting` is told of
    every component whose directory is waited for, and `check` ends that by raising.
    """

    def __init__(
        self,
        directory: Path,
        credentials: Collection[str] = (),
        waiting: Waiting = lambda _seconds, _holder: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._directory = directory.absolute()
        self._credentials = credentials
        self._shared = SharedPlaces(waiting, check)
        self._with_commands: dict[Path, bool] = {}

    def place(self, address: str, archived: Path, digest: str, *, hand_on: bool = True) -> Path:
        """The component's copy of a module that is archived at this path; made where it is not there.

        `hand_on`: the commands that the module runs get the worker's credentials. A file that is no longer as
        it is archived, or as it was rewritten, is replaced: Terraform runs what is there.
        """
        parent = self._parent(address)
        root = copied_root(archived)
        if asks_where_it_runs(root):
            return parent / HERE / root.name / archived.relative_to(root)
        withheld = not hand_on and self._runs_commands(root)
        tree = parent / f"{short(digest)}{WITHHELD if withheld else ''}" / root.name
        if not tree.is_dir():
            tree.parent.mkdir(parents=True, exist_ok=True)
            self._directory.chmod(0o700)
            scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=tree.parent))
            try:
                shutil.copytree(root, scratch / tree.name, symlinks=True)
                _rename(scratch / tree.name, tree)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        self._set_right(tree, root, withheld=withheld)
        return tree / archived.relative_to(root)

    def turn(
        self, address: str, archived: Path, more: Callable[[], Mapping[str, bytes]], *, hand_on: bool = True
    ) -> Turn:
        """What a command in `place` holds while it runs; `more` are files beside those of the module."""
        root = copied_root(archived)
        if not asks_where_it_runs(root):
            return nullcontext

        def files() -> Files:
            made = files_below(root, root.name)
            if not hand_on and self._runs_commands(root):
                made = {n: (provisioners.withheld(n, c, self._credentials), m) for n, (c, m) in made.items()}
            own = f"{root.name}/{archived.relative_to(root).as_posix()}"
            return {**made, **{f"{own}/{name}": (content, 0o600) for name, content in more().items()}}

        return lambda: self._shared.turn(self._parent(address), files)

    def turn_of_copy(self, address: str, archived: Path, copy: Path) -> Turn | None:
        """The same for a changed copy of the whole tree; None where the copy may run where it lies."""
        root = copied_root(archived)
        if not asks_where_it_runs(root):
            return None
        return lambda: self._shared.turn(self._parent(address), lambda: files_below(copy, root.name))

    def unsaved(self, address: str) -> Path | None:
        """The state that the component's last apply could not write; None where all were written."""
        parent = self._parent(address)
        component_type = ids.Address.parse(address).type
        places = (f"*/*/{component_type}/{ERRORED}", f"*/{REPOSITORY}/**/{component_type}/{ERRORED}")
        candidates = {path for place in places for path in parent.glob(place)}
        state_files = [path for path in sorted(candidates) if path.stat().st_size]
        if len(state_files) > 1:
            raise StoreError(
                f"{address} has more than one state that could not be written",
                why=", ".join(sorted(path.relative_to(parent).parts[0] for path in state_files)),
                next_step=f"look at them below {parent.parent.name}/{parent.name}, and keep the newest alone",
                code="states-unsaved",
                component=address,
            )
        return state_files[0] if state_files else None

    def _runs_commands(self, tree: Path) -> bool:
        """Whether an archived tree, which never changes, runs any."""
        if tree not in self._with_commands:
            self._with_commands[tree] = provisioners.has_provisioners(tree)
        return self._with_commands[tree]

    def _set_right(self, tree: Path, archived: Path, *, withheld: bool) -> None:
        """Write each file of the copy that is not as it has to be.

        Terraform's lock file is its own: init may add to it.
        """
        for source in archived.rglob("*"):
            if not source.is_file() or source.name == LOCK_FILE:
                continue
            target = tree / source.relative_to(archived)
            content = source.read_bytes()
            if withheld and not source.is_symlink():
                content = provisioners.withheld(source.name, content, self._credentials)
            if not target.is_file() or target.read_bytes() != content:
                target.parent.mkdir(parents=True, exist_ok=True)
                replace_file(target, content)
                target.chmod(source.stat().st_mode & 0o777)

    def _parent(self, address: str) -> Path:
        component_type, nickname, _ = ids.Address.parse(address)
        return self._directory / component_type / nickname


def _rename(scratch: Path, tree: Path) -> None:
    """Give the copy its name; another process may have been faster with the same content."""
    try:
        scratch.rename(tree)
    except OSError:
        if not tree.exists():
            raise
