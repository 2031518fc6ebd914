"""Writing the configs of a change: one or several, all or none.

Parameter Store writes one parameter at a time. So a set is noted durably before its first write, and rolled
forward by whoever comes next if its writer dies. Until it is whole, builds see what was there before it.
Writing it again does nothing to what is written already.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.changes.record import Edit
from karma_core.checksum import checksum
from karma_core.decoding import convert
from karma_core.errors import Conflict
from karma_core.events import log_event
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject
from karma_core.model import Provenance, Record, to_builtins
from karma_core.needs import ConfigStore, HasLog, HasParameters, HasState, PolicySource
from karma_core.outcomes import Phase
from karma_core.provenance import describe, read_description
from karma_core.records import Parameter, ParameterKind, ParameterWrite
from karma_core.three_way import ABSENT
from karma_core.use_cases import leasing
from karma_core.use_cases.configs.common_version import common_version
from karma_core.use_cases.configs.git_holds import GitNotes
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import bind
from karma_core.use_cases.fleet.pins import Overlay

KIND: Final = "config-set"
UNFINISHED: Final = "unfinished"
"""The one document: all writers of configs hold one lease, so at most one set is being written."""


REMOVED: Final = "removed-config"
"""Documents that remember, by address, which config a change removed: no parameter is left to say so."""


class ConfigSet(Record, frozen=True, kw_only=True):
    """A set that is being written. `cause` is the event that announced it."""

    change_id: str
    edits: tuple[Edit, ...]
    cause: str


class Noted(Record, frozen=True, kw_only=True):
    """A set with the revision of its note, by which it is known from a later writer's."""

    wanted: ConfigSet
    revision: int


def unfinished(workspace: HasState) -> Noted | None:
    """The set that is noted and not written whole, if any."""
    document = workspace.state.document(KIND, UNFINISHED)
    if document is None or not document.body:
        return None
    return Noted(wanted=convert(document.body, ConfigSet), revision=document.revision)


def mark(workspace: HasState) -> str:
    """Return a token that differs while a set is being written: the graph is built of other configs then."""
    unfinished_set = unfinished(workspace)
    return unfinished_set.wanted.change_id if unfinished_set else ""


def as_before(workspace: PolicySource) -> Overlay:
    """The parameters of an unfinished set as they were before it; empty where there is none."""
    unfinished_set = unfinished(workspace)
    edits = unfinished_set.wanted.edits if unfinished_set else ()
    return {workspace.config_parameter(edit.address): _before(workspace, edit) for edit in edits}


def _before(workspace: HasParameters, edit: Edit) -> Parameter | None:
    if edit.before is None:
        return None
    name = workspace.config_parameter(edit.address)
    kept = workspace.parameters.get(name, version=edit.base_version)
    text = strictjson.canonical(edit.before).decode()
    return kept or Parameter(name=name, value=text, version=edit.base_version)  # deleted with its history


def write(
    workspace: ConfigStore, change_id: str, edits: Sequence[Edit], cause: str | None
) -> tuple[Edit, ...]:
    """Write the edits, each on its base and no other version; the edits with the versions they got.

    What is removed is deployed by nobody meanwhile: its component's lease is held, too.
    Conflict before anything is written where a base has moved, or afterwards, with all others written,
    where somebody outside Karma came between.
    """
    removed = [leasing.component_lease(edit.address) for edit in edits if edit.after is None]
    with leasing.held(workspace, [leasing.PARAMETERS, *removed], wait_seconds=600):
        finish(workspace)
        heights.require_level(workspace)
        reach("change.under_lease")
        _check_bases(workspace, change_id, edits)
        bind(workspace)
        addresses = [edit.address for edit in edits]
        announced = _log(workspace, change_id, "started", None, cause, inputs={"components": addresses})
        wanted = ConfigSet(change_id=change_id, edits=tuple(edits), cause=announced)
        revision = workspace.state.put_document(KIND, UNFINISHED, to_builtins(wanted))
        reach("change.set_noted")
        return _roll_forward(workspace, Noted(wanted=wanted, revision=revision))


def finish(workspace: ConfigStore) -> None:
    """Finish writing a set whose writer died. The caller holds the lease of all writers."""
    unfinished_set = unfinished(workspace)
    if unfinished_set is not None:
        with suppress(Conflict):  # its own change finds that out, and says it
            _roll_forward(workspace, unfinished_set)


def _roll_forward(workspace: ConfigStore, noted: Noted) -> tuple[Edit, ...]:
    wanted = noted.wanted
    written, overtaken = [], []
    for edit in wanted.edits:
        try:
            version = _write(workspace, wanted.change_id, edit)
        except Conflict:
            overtaken.append(edit.address)
            continue
        reach("change.config_written")
        written.append(replace(edit, written=version))
        _log_written(workspace, wanted, edit, version)
    with suppress(Conflict):  # a writer that slept past its lease: another has finished the set
        workspace.state.put_document(KIND, UNFINISHED, {}, revision=noted.revision)
    heights.note(workspace)
    reach("change.set_finished")
    if overtaken:
        raise Conflict(
            f"{', '.join(overtaken)} moved while the change was written",
            why="somebody outside Karma wrote it at the same time; that was kept",
            next_step="look at it with `karma config show`, then propose anew",
            addresses=overtaken,
            written={edit.address: edit.written for edit in written},
        )
    return tuple(written)


def _write(workspace: PolicySource, change_id: str, edit: Edit) -> int:
    """The version that holds the edit (0: deleted), written now or before; Conflict where another came."""
    done = _done(workspace, change_id, edit)
    if done is not None:
        return done
    _check_base(workspace, change_id, edit)
    name = workspace.config_parameter(edit.address)
    if edit.after is None:
        mark_removed = {"change": change_id, "digest": strictjson.digest(edit.before)}
        workspace.state.put_document(REMOVED, edit.address, mark_removed | _common(workspace, edit.address))
        workspace.parameters.delete([name])
        return 0
    value = strictjson.canonical(edit.after).decode()
    text = describe(Provenance(change=change_id), checksum(name, edit.base_version + 1, value))
    put = ParameterWrite(name=name, value=value, description=text, base=edit.base_version)
    version = workspace.parameters.put([put])[0]
    if version != edit.base_version + 1:
        raise Conflict(f"{edit.address} moved while it was written", version=version)
    if edit.before is None:
        workspace.state.put_document(REMOVED, edit.address, {})
    return version


def _common(workspace: PolicySource, address: str) -> dict[str, str]:
    """The digest of what Git last had in common with a config that is going to be removed, if it is known."""
    common = common_version(workspace, address, GitNotes(workspace))
    return {"git": strictjson.digest(common.value)} if common and common.value is not ABSENT else {}


def removed_by_changes(workspace: HasState) -> dict[str, frozenset[str]]:
    """Address → digests of the config that a change removed, as far as no change created it again.

    They are that of the removed config and that of what Git had at that time.
    """
    return {
        document.id: frozenset(str(document.body[key]) for key in ("digest", "git") if key in document.body)
        for document in workspace.state.documents(REMOVED)
        if document.body
    }


def keep_removed(workspace: HasState, files: Mapping[str, str]) -> None:
    """Somebody said that these configs stay removed although Git has them: address → digest of the file."""
    for address in sorted(files):
        document = workspace.state.document(REMOVED, address)
        body = document.body if document else {}
        workspace.state.put_document(REMOVED, address, {**body, "git": files[address]})


def forget_removed(workspace: HasState, addresses: Sequence[str]) -> None:
    """Forget removals that Git has followed: a file that returns there is a request to create it again."""
    for address in addresses:
        workspace.state.put_document(REMOVED, address, {})


def _done(workspace: HasParameters, change_id: str, edit: Edit) -> int | None:
    """Return the stored version if the store already holds the edit, else None."""
    stored = workspace.parameters.get(workspace.config_parameter(edit.address))
    if stored is None:
        return 0 if edit.after is None else None
    provenance = read_description(stored.description)
    mine = provenance is not None and provenance.change == change_id
    return stored.version if mine and stored.version == edit.base_version + 1 else None


def _check_bases(workspace: HasParameters, change_id: str, edits: Sequence[Edit]) -> None:
    """`_check_base` for each; a Conflict says what was `written` already, by a writer that was taken up."""
    try:
        for edit in edits:
            _check_base(workspace, change_id, edit)
    except Conflict as moved:
        done = {edit.address: _done(workspace, change_id, edit) for edit in edits if edit.after is not None}
        moved.facts["written"] = {address: version for address, version in done.items() if version}
        raise


def _check_base(workspace: HasParameters, change_id: str, edit: Edit) -> None:
    """Conflict unless the store holds what the edit was made from, or the edit itself."""
    stored = workspace.parameters.get(workspace.config_parameter(edit.address), decrypt=True)
    current = stored.version if stored else 0
    if current == edit.base_version and (edit.before is None or _same(stored, edit.before)):
        return
    if _done(workspace, change_id, edit) is not None:
        return
    raise Conflict(
        f"the config of {edit.address} has moved",
        why=f"the change was made from version {edit.base_version}, version {current} is there",
        next_step="propose the change anew",
        component=edit.address,
        expected=edit.base_version,
        found=current,
    )


def _same(stored: Parameter | None, value: JsonObject) -> bool:
    if stored is None or stored.value is None or stored.kind is ParameterKind.SECURE:
        return False
    raw = stored.value.encode()
    return strictjson.parse_canonical(raw, where=stored.name)[1] == strictjson.canonical(value)


def _log_written(workspace: HasLog, noted: ConfigSet, edit: Edit, version: int) -> None:
    digests = [strictjson.digest(value) if value is not None else None for value in (edit.before, edit.after)]
    _log(
        workspace,
        noted.change_id,
        Phase.SUCCEEDED,
        edit.address,
        noted.cause,
        inputs={"base": edit.base_version, "version": version},
        before=digests[0],
        after=digests[1],
    )


def _log(
    workspace: HasLog, change_id: str, status: str, address: str | None, cause: str | None, **fields: Any
) -> str:
    return log_event(workspace, "config_write", status, address, change_id=change_id, cause=cause, **fields)
