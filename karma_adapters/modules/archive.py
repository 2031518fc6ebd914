"""Copies of modules by digest: what Terraform runs in, and what a removed component is destroyed from.

`<directory>/<digest in hex>/components/…` holds the files of a module and of its local child modules at the
same relative places, read-only; `module.json` beside it what was known of the module, and `module.sha256` its
digest. A module with files from outside the modules' directory lies in `repository/…`, at its place in the
repository, and `layout.json` says where in it the modules' directory is. A copy is made in a temporary
directory and renamed, so that whoever sees it sees all of it. Before a process uses a copy for the first time
it compares its files with the digest: Terraform runs what is there.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import msgspec

from karma_adapters.modules.files import ModuleFile, content_digest, survey_below, tree_digest
from karma_core.decoding import decode
from karma_core.errors import BadInput, Conflict, NotFound
from karma_core.model import Record
from karma_core.records import Module

TREE: Final = "components"
REPOSITORY: Final = "repository"
_LAYOUT: Final = "layout.json"
_RECORD: Final = "module.json"
_CHECK: Final = "module.sha256"
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})\Z")


class _PackedFile(Record, frozen=True, kw_only=True):
    path: str
    executable: bool
    content: bytes


class _Packed(Record, frozen=True, kw_only=True):
    """An archived module in one piece: what was known of it, and its files below `components`.

    `modules` is where in the repository the modules' directory is, if the files' paths begin at the former.
    """

    module: Module
    files: tuple[_PackedFile, ...]
    modules: str = ""


class _Layout(NamedTuple):
    """Where the files of a copy lie: all of them below `base`, those of modules below `base/modules`."""

    base: Path
    modules: str

    @property
    def tree(self) -> Path:
        return self.base / self.modules

    def survey(self) -> list[ModuleFile]:
        """Every file, its path relative to the modules' directory, sorted."""
        files = survey_below(self.base)
        return sorted(replace(file, path=posixpath.relpath(file.path, self.modules)) for file in files)


def _layout(place: Path) -> _Layout:
    record = place / _LAYOUT
    if record.is_file():
        return _Layout(place / REPOSITORY, str(json.loads(record.read_bytes())["modules"]))
    return _Layout(place / TREE, ".")


def copied_root(archived: Path) -> Path:
    """The directory of a copy that has to be copied as a whole, by the path of the module in it."""
    for parent in archived.parents:
        if parent.name == REPOSITORY and (parent.parent / _LAYOUT).is_file():
            return parent
    return archived.parent


class ModuleArchive:
    """Module copies below one directory. It is `ports.ModuleCopies`, too."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._intact: dict[str, Module] = {}

    def find(self, digest: str, component_type: str) -> Module | None:
        """The archived module, its path inside the archive, or None.

        BadInput `module-damaged` where the copy is not what was archived.
        """
        place = self._place(digest)
        if place is None or not (place / _RECORD).is_file():
            return None
        module = self._intact.get(digest) or _intact(place, digest)
        self._intact[digest] = module
        if module.type != component_type:
            return None
        return msgspec.structs.replace(module, path=str(_layout(place).tree / component_type))

    def drop_damaged(self, digest: str) -> None:
        """Remove a copy that is not what was archived, so that it can be kept again."""
        place = self._place(digest)
        if place is None or not place.exists():
            return
        try:
            _intact(place, digest)
        except BadInput:
            self._intact.pop(digest, None)
            aside = Path(tempfile.mkdtemp(prefix=".damaged-", dir=self._directory))
            place.rename(aside / place.name)
            shutil.rmtree(aside, ignore_errors=True)

    def files(self, digest: str, component_type: str) -> Iterator[tuple[str, bytes]] | None:
        """(path relative to the modules' root, content) of an archived module's files; None as `find`."""
        module = self.find(digest, component_type)
        if module is None:
            return None
        layout = _layout(copied_root(Path(module.path)).parent)
        return ((file.path, (layout.tree / file.path).read_bytes()) for file in layout.survey())

    def keep(
        self, module: Module, root: Path, contents: Sequence[tuple[ModuleFile, str]], modules: str = ""
    ) -> None:
        """Copy the files from root; Conflict if one has changed since it was hashed.

        `modules` is the place of root in its repository, which counts where a file is outside root.
        """
        place = self._place(module.digest)
        if place is None:
            raise ValueError(f"not a module's digest: {module.digest!r}")
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        try:
            if any(file.path.startswith("../") for file, _ in contents):
                (scratch / _LAYOUT).write_text(json.dumps({"modules": modules}))
            tree = _layout(scratch).tree
            tree.mkdir(parents=True)
            for file, digest in contents:
                _copy(root / file.path, Path(os.path.normpath(tree / file.path)), file, digest)
            _write_record(scratch, module)
            if not place.exists():
                _rename(scratch, place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    # -- for backups ------------------------------------------------------------------------------

    def digests(self) -> tuple[str, ...]:
        """Digests of the modules that are archived, sorted."""
        records = self._directory.glob(f"*/{_RECORD}")
        named = (f"sha256:{record.parent.name}" for record in records)
        return tuple(sorted(digest for digest in named if _DIGEST.match(digest)))

    def packed(self, digest: str) -> bytes:
        """An archived module as one JSON document; NotFound."""
        place = self._place(digest)
        if place is None or not (place / _RECORD).is_file():
            raise NotFound(f"no module {digest} is archived")
        module = _intact(place, digest)
        base, modules = _layout(place)
        files = tuple(
            _PackedFile(
                path=path.relative_to(base).as_posix(),
                executable=bool(path.stat().st_mode & 0o100),
                content=path.read_bytes(),
            )
            for path in sorted(base.rglob("*"))
            if path.is_file()
        )
        modules = modules if base.name == REPOSITORY else ""
        return msgspec.json.encode(_Packed(module=module, files=files, modules=modules))

    def unpack(self, digest: str, packed: bytes) -> None:
        """Archive a packed module; BadInput `backup-damaged` where it is none, or a path leaves its place."""
        place = self._place(digest)
        try:
            unpacked = decode(packed, _Packed)
        except msgspec.MsgspecError as error:
            raise _damaged(digest, str(error)) from error
        if place is None or unpacked.module.digest != digest:
            raise _damaged(digest, "it is not the module that its name says")
        if place.exists():
            return
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        try:
            if unpacked.modules:
                (scratch / _LAYOUT).write_text(json.dumps({"modules": unpacked.modules}))
            for file in unpacked.files:
                _write(_layout(scratch).base, file, digest)
            _write_record(scratch, unpacked.module)
            _rename(scratch, place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _place(self, digest: str) -> Path | None:
        match = _DIGEST.match(digest)
        return self._directory / match[1] if match else None


def _write_record(place: Path, module: Module) -> None:
    record = msgspec.json.encode(module)
    (place / _RECORD).write_bytes(record)
    (place / _CHECK).write_text(hashlib.sha256(record).hexdigest())


def _intact(place: Path, digest: str) -> Module:
    """What was known of the module of a copy; BadInput `module-damaged` where a file is not as it was kept.

    The record of an earlier Karma's copy has no digest beside it, and is taken as it is.
    """
    try:
        record = (place / _RECORD).read_bytes()
        check = place / _CHECK
        if check.exists() and check.read_text() != hashlib.sha256(record).hexdigest():
            raise _is_damaged(place, digest, f"{_RECORD} is not what was written")
        module = decode(record, Module)
        layout = _layout(place)
        contents = [(file, content_digest(layout.tree, file)) for file in layout.survey()]
        if module.digest != digest or tree_digest(contents) != digest:
            raise _is_damaged(place, digest, "its files have another digest than when it was archived")
    except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        raise _is_damaged(place, digest, str(error)) from error
    return module


def _is_damaged(place: Path, digest: str, why: str) -> BadInput:
    return BadInput(
        f"the archived copy of the module {digest} is damaged",
        why=f"{place}: {why}",
        next_step="delete that folder: it is archived again where the modules' directory has this module; "
        "else check it out, or restore a backup",
        code="module-damaged",
        module=digest,
    )


def _write(root: Path, file: _PackedFile, digest: str) -> None:
    parts = PurePosixPath(file.path).parts
    if not parts or ".." in parts or parts[0] == "/":
        raise _damaged(digest, f"{file.path!r} leads out of the module")
    target = root.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(file.content)
    target.chmod(0o555 if file.executable else 0o444)


def _damaged(digest: str, why: str) -> BadInput:
    return BadInput(
        f"the copy of the module {digest} cannot be used",
        why=why,
        next_step="use another backup",
        code="backup-damaged",
    )


def _copy(source: Path, target: Path, file: ModuleFile, digest: str) -> None:
    content = source.read_bytes()
    if hashlib.sha256(content).hexdigest() != digest:
        raise Conflict(
            f"{file.path} changed while its module was copied",
            why="an archived module is exactly what was planned",
            next_step="run the command again",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o555 if file.executable else 0o444)


def _rename(scratch: Path, place: Path) -> None:
    """Give the copy its name; another process may have been faster with the same content."""
    try:
        scratch.rename(place)
    except OSError:
        if not place.exists():
            raise
