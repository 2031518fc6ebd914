"""A backup, examined before anything of it is used: every digest, every row, and the chain of its log."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec

from karma_core.decoding import decode
from karma_core.errors import BadInput
from karma_core.model import Build, GraphData
from karma_core.needs import HasLog
from karma_core.records import StateRow
from karma_core.use_cases.backup import manifest as form
from karma_core.use_cases.backup.manifest import KeptParameter, Manifest, Reader

_Part = TypeVar("_Part")
_DAMAGED: Final = "backup-damaged"


@dataclass(frozen=True)
class Copied:
    """A backup whose every part was seen to be as it was written."""

    manifest: Manifest
    reader: Reader

    def rows(self) -> Iterator[StateRow]:
        """The state store's rows."""
        return (_read(line, StateRow, form.STATE) for line in self.reader.lines(form.STATE))

    def log(self) -> Generator[bytes]:
        """The log's lines."""
        return self.reader.lines(form.LOG)

    def parameters(self) -> Iterator[KeptParameter]:
        """The parameters, by the names of their members."""
        for name in self.names(form.PARAMETERS):
            yield _read(self.reader.read(name), KeptParameter, name)

    def builds(self) -> list[Build]:
        """The graph's builds, oldest first; empty where there was no graph."""
        if form.BUILDS not in self._names:
            return []
        return [_read(line, Build, form.BUILDS) for line in self.reader.lines(form.BUILDS)]

    def graph(self) -> GraphData:
        """The graph of the newest build."""
        return _read(self.reader.read(form.GRAPH), GraphData, form.GRAPH)

    def states(self) -> Iterator[str]:
        """Components with a Terraform state."""
        for name in self.names(form.STATES):
            yield name.removeprefix(f"{form.STATES}/").removesuffix(".tfstate")

    def modules(self) -> Iterator[str]:
        """Digests of the archived modules."""
        for name in self.names(form.MODULES):
            yield "sha256:" + name.removeprefix(f"{form.MODULES}/").removesuffix(".json")

    def artifacts(self) -> Iterator[str]:
        """Keys of the artifacts."""
        for name in self.names(form.ARTIFACTS):
            yield name.removeprefix(f"{form.ARTIFACTS}/")

    def names(self, folder: str) -> list[str]:
        """Names of the members in a folder."""
        return [name for name in self._names if name.startswith(f"{folder}/")]

    @property
    def _names(self) -> list[str]:
        return [member.name for member in self.manifest.members]


def examine(workspace: HasLog, reader: Reader) -> Copied:
    """The backup, whole. Nothing is written.

    BadInput `backup-newer` for a form that this version does not know, `backup-damaged` where a member is
    missing, was added or has another digest, or a row cannot be read; LogTampered where the chain of its log
    does not verify.
    """
    raw = reader.read(form.MANIFEST)
    _check_format(raw)
    manifest = _read(raw, Manifest, form.MANIFEST)
    there = {member.name: member for member in reader.members()}
    listed = {member.name: member for member in manifest.members}
    for name in sorted(there.keys() | listed.keys()):
        if there.get(name) != listed.get(name):
            raise _damaged(name, _difference(name in there, name in listed))
    copied = Copied(manifest, reader)
    _check_parts(workspace, copied)
    return copied


def _check_format(raw: bytes) -> None:
    manifest = _read(raw, _Format, form.MANIFEST)
    if manifest.format > form.FORMAT:
        raise BadInput(
            "the backup cannot be used",
            why=f"a newer version of Karma made it (form {manifest.format}, this one knows {form.FORMAT})",
            next_step="use that version of Karma",
            code="backup-newer",
        )


def _check_parts(workspace: HasLog, copied: Copied) -> None:
    rows = sum(1 for _ in copied.rows())
    parameters = sum(1 for _ in copied.parameters())
    for name, count in (("state_rows", rows), ("parameters", parameters)):
        if count != copied.manifest.counts.get(name):
            raise _damaged(form.MANIFEST, f"it counts {copied.manifest.counts.get(name)} {name}, not {count}")
    if copied.builds():
        copied.graph()
    workspace.log.check_copy(copied.log())


class _Format(msgspec.Struct):
    format: int


def _read(raw: bytes, kind: type[_Part], name: str) -> _Part:
    try:
        return decode(raw, kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _damaged(name, str(error)) from error


def _difference(there: bool, listed: bool) -> str:
    if there and listed:
        return "its content is not what was written"
    return "it is missing" if listed else "the manifest does not list it"


def _damaged(name: str, why: str) -> BadInput:
    return BadInput(
        f"the backup is damaged: {name}",
        why=why,
        next_step="use another backup; nothing was written",
        code=_DAMAGED,
        member=name,
    )
