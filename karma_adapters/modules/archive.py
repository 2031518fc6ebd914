"""Copies of modules by digest: what Terraform runs in, and what a removed component is destroyed from.

`<directory>/<digest in hex>/components/…` holds the files of a module and of its local child modules at the
same relative places, read-only; `module.json` beside it what was known of the module. A copy is made in a
temporary directory and renamed, so that whoever sees it sees all of it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from karma_adapters.modules.files import ModuleFile
from karma_core.decoding import decode
from karma_core.errors import BadInput, Conflict, NotFound
from karma_core.model import Record
from karma_core.records import Module

TREE: Final = "components"
_RECORD: Final = "module.json"
_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})\Z")


class _PackedFile(Record, frozen=True, kw_only=True):
    path: str
    executable: bool
    content: bytes


class _Packed(Record, frozen=True, kw_only=True):
    """An archived module in one piece: what was known of it, and its files below `components`."""

    module: Module
    files: tuple[_PackedFile, ...]


class ModuleArchive:
    """Module copies below one directory. It is `ports.ModuleCopies`, too."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def find(self, digest: str, component_type: str) -> Module | None:
        """The archived module, its path inside the archive, or None."""
        place = self._place(digest)
        if place is None or not (place / _RECORD).is_file():
            return None
        module = decode((place / _RECORD).read_bytes(), Module)
        if module.type != component_type:
            return None
        return msgspec.structs.replace(module, path=str(place / TREE / component_type))

    def files(self, digest: str, component_type: str) -> Iterator[tuple[str, bytes]] | None:
        """(path relative to the modules' root, content) of an archived module's files; None as `find`."""
        module = self.find(digest, component_type)
        if module is None:
            return None
        root = Path(module.path).parent
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        return ((path.relative_to(root).as_posix(), path.read_bytes()) for path in paths)

    def keep(self, module: Module, root: Path, contents: Iterable[tuple[ModuleFile, str]]) -> None:
        """Copy the files from root; Conflict if one has changed since it was hashed."""
        place = self._place(module.digest)
        if place is None:
            raise ValueError(f"not a module's digest: {module.digest!r}")
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        try:
            for file, digest in contents:
                _copy(root / file.path, scratch / TREE / file.path, file, digest)
            (scratch / _RECORD).write_bytes(msgspec.json.encode(module))
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
        module = decode((place / _RECORD).read_bytes(), Module)
        root = place / TREE
        files = tuple(
            _PackedFile(
                path=path.relative_to(root).as_posix(),
                executable=bool(path.stat().st_mode & 0o100),
                content=path.read_bytes(),
            )
            for path in sorted(root.rglob("*"))
            if path.is_file()
        )
        return msgspec.json.encode(_Packed(module=module, files=files))

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
            for file in unpacked.files:
                _write(scratch / TREE, file, digest)
            (scratch / _RECORD).write_bytes(msgspec.json.encode(unpacked.module))
            _rename(scratch, place)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _place(self, digest: str) -> Path | None:
        match = _DIGEST.match(digest)
        return self._directory / match[1] if match else None


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
