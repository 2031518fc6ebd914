"""The configs that changes wrote and that Git has held since.

A version that a change wrote is ahead of Git until Git holds it, and from then on Git's next edit of it is
an edit like any other. Nothing in the parameter says that Git has caught up, so it is noted here; and so is
what Git held beside a version that has edits of both, so that an edit is never counted twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from karma_core import strictjson
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import Record
from karma_core.needs import HasState
from karma_core.records import Parameter

KIND: Final = "git-holds"
"""Documents that remember, by address, the version whose config Git was seen to hold, and what Git held."""

FROM_GIT: Final = "from-git"
"""Documents that remember, by change, the configs that it was requested with from Git."""


class Held(Record, frozen=True, kw_only=True):
    """What Git held when the store had a version: that of a change, or the one with this number and digest.

    `git` is the canonical form of Git's config, empty where Git had none; None says that it was the version.
    """

    change: str = ""
    version: int = 0
    digest: str = ""
    git: str | None = None

    def is_about(self, parameter: Parameter, change: str | None) -> bool:
        """Whether a kept version, written by the change, is the one that was noted."""
        if self.version:
            return parameter.version == self.version and digest_of(parameter) == self.digest
        return bool(change) and change == self.change


def digest_of(parameter: Parameter) -> str:
    """The digest by which a version is known again: a parameter made anew counts from 1 again."""
    return strictjson.bytes_digest((parameter.value or "").encode())


def held_of(parameter: Parameter, git: str | None, *, change: str = "") -> Held:
    """The note that Git held `git` (None: the same) when this version, of the change, was stored."""
    return Held(change=change, version=parameter.version, digest=digest_of(parameter), git=git)


class GitNotes:
    """All notes: by address, read at the first question, and by change, each read when it is asked about."""

    def __init__(self, workspace: HasState) -> None:
        self._workspace = workspace
        self._held: dict[str, Held] | None = None
        self._from_git: dict[str, Mapping[str, str | None]] = {}

    def of(self, address: str, parameter: Parameter, change: str | None) -> Held | None:
        """What Git held when the store had this version of the change; None where nobody noted it."""
        if change is None:
            return None
        if self._held is None:
            self._held = noted(self._workspace)
        held = self._held.get(address)
        if held is not None and held.is_about(parameter, change):
            return held
        if change not in self._from_git:
            document = self._workspace.state.document(FROM_GIT, change)
            self._from_git[change] = document.body["configs"] if document else {}
        configs = self._from_git[change]
        return Held(change=change, git=configs[address]) if address in configs else None


def note(workspace: HasState, held: Mapping[str, Held]) -> None:
    """Write the notes, by address; those that stand there already are left alone."""
    known = noted(workspace) if held else {}
    for address in sorted(held):
        if known.get(address) != held[address]:
            workspace.state.put_document(KIND, address, _body(held[address]))


def note_change(workspace: HasState, change_id: str, configs: Mapping[str, str | None]) -> None:
    """A change was requested from Git: by address what Git has, None where the change writes just that."""
    if configs:
        workspace.state.put_document(FROM_GIT, change_id, {"configs": dict(configs)})


def is_from_git(workspace: HasState, change_id: str) -> bool:
    """Whether it is noted that a change was requested from Git."""
    document = workspace.state.document(FROM_GIT, change_id)
    return document is not None and bool(document.body["configs"])


def noted(workspace: HasState) -> dict[str, Held]:
    """Address → what was noted last."""
    return {document.id: _read(document.body) for document in workspace.state.documents(KIND)}


def _body(held: Held) -> JsonObject:
    body: JsonObject = {"change": held.change}
    if held.version:
        body |= {"version": held.version, "digest": held.digest}
    return body if held.git is None else {**body, "git": held.git}


def _read(body: Mapping[str, JsonValue]) -> Held:
    git = body.get("git")
    return Held(
        change=str(body.get("change", "")),
        version=int(body.get("version", 0)),
        digest=str(body.get("digest", "")),
        git=None if git is None else str(git),
    )
