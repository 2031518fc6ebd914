"""Putting a backup back: nothing is written before all of it was examined and the target was seen to fit.

The order is such that a restore that is broken off does no harm: the log first, with the intent; then what is
never read by itself (artifacts, modules), Terraform's states, the parameters, the graph; the state store, by
which everything else counts as applied, last, and then what the stores know of each other. The same restore,
over what is there, goes on from anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Final

import msgspec
from msgspec.structs import replace

from karma_core import ids
from karma_core.decoding import decode
from karma_core.errors import KarmaError, LeaseHeld, Refused
from karma_core.events import log_event
from karma_core.graph.delta import diff
from karma_core.json_types import JsonObject
from karma_core.model import Delta, Record, to_builtins
from karma_core.needs import BackupSource
from karma_core.outcomes import Phase
from karma_core.records import Lease, StateRow
from karma_core.use_cases import leasing
from karma_core.use_cases.backup import manifest as form
from karma_core.use_cases.backup import parameter_writes
from karma_core.use_cases.backup.admins import require_admin
from karma_core.use_cases.backup.examining import Copied, examine
from karma_core.use_cases.backup.manifest import Manifest, Others, Reader
from karma_core.use_cases.fleet import heights
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.graph.last_build import note_build

ACTION: Final = "restore"
_NOT_CONTENT: Final = frozenset({"fence", "head", "secret"})
"""Rows that a state store has of itself, before anything was done in its environment."""


class Restored(Record, frozen=True, kw_only=True):
    """What a restore did. `left_out`: SecureStrings whose values the backup does not have.

    `newer_states` are components whose Terraform state is newer than the backup's, and was kept;
    `other_states` are those that the backup does not know, and that were kept, too.
    """

    manifest: Manifest
    left_out: tuple[str, ...] = ()
    newer_states: tuple[str, ...] = ()
    other_states: tuple[str, ...] = ()


def restore(
    workspace: BackupSource,
    others: Others,
    reader: Reader,
    *,
    source: str,
    over_existing: bool = False,
    token: str = "",
) -> Restored:
    """Put a backup's content into the environment's stores; `token` proves who asks, where a policy wants it.

    Refused, with nothing written: `backup-elsewhere` for another environment, prefix or region,
    `environment-mismatch`, `stores-not-empty` unless `over_existing`, `log-diverged`, `role-too-low`.
    LeaseHeld where anybody works there. BadInput and LogTampered as `examine`.
    """
    copied = examine(workspace, reader)
    _check_target(workspace, copied.manifest)
    workspace = require_admin(workspace, copied, token)
    held = workspace.state.leases()
    if held:
        raise _somebody_works(workspace.name, held[0])
    if not over_existing:
        _check_empty(workspace, others)
    _prepare_state(workspace, copied)
    with leasing.held(workspace, _lease_names(workspace, copied), wait_seconds=0) as heartbeat:
        return _Restoring(workspace, others, copied, heartbeat).run(source)


class _Restoring:
    def __init__(
        self, workspace: BackupSource, others: Others, copied: Copied, heartbeat: leasing.Heartbeat
    ) -> None:
        self._workspace = workspace
        self._others = others
        self._copied = copied
        self._heartbeat = heartbeat

    def run(self, source: str) -> Restored:
        """Everything, between the log's intent and outcome."""
        workspace, manifest = self._workspace, self._copied.manifest
        with closing(self._copied.log()) as lines:
            workspace.log.copy_in(lines)
        said: JsonObject = {"from": source, "backup": manifest.id, "taken_at": manifest.taken_at}
        cause = log_event(workspace, ACTION, Phase.STARTED, inputs=said)
        try:
            result = self._put_back()
        except KarmaError as error:
            failed = {**said, "code": error.code, "message": error.what}
            log_event(workspace, ACTION, Phase.FAILED, inputs=failed, cause=cause)
            raise
        counts = {**manifest.counts, "newer_states": len(result.newer_states)}
        log_event(workspace, ACTION, Phase.SUCCEEDED, inputs={**said, "counts": counts}, cause=cause)
        return result

    def _put_back(self) -> Restored:
        workspace, copied = self._workspace, self._copied
        for key in copied.artifacts():
            workspace.artifacts.put(key, copied.reader.read(f"{form.ARTIFACTS}/{key}"))
        for digest in copied.modules():
            self._others.modules.unpack(digest, copied.reader.read(form.module_member(digest)))
        self._heartbeat.check()
        newer, other = self._put_states()
        self._heartbeat.check()
        parameter_writes.put_back(workspace, copied)
        self._heartbeat.check()
        self._put_graph()
        head = workspace.state.chain_head()
        rows = [row for row in copied.rows() if row.kind != "head"]
        rows += [StateRow(kind="head", body=to_builtins(head))] if head else []
        self._heartbeat.check()
        workspace.state.copy_in(rows)
        heights.accept(workspace)
        current = workspace.graph.current(workspace.name)
        if current is not None:
            note_build(workspace, current)
        left_out = copied.manifest.left_out
        return Restored(manifest=copied.manifest, left_out=left_out, newer_states=newer, other_states=other)

    def _put_states(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(components whose state there is newer, components of no state in the backup); both were kept."""
        states, newer = self._others.states, []
        wanted = list(self._copied.states())
        for address in wanted:
            content = self._copied.reader.read(form.state_member(address))
            there = states.read(address)
            if there == content:
                continue
            if there is not None and _is_newer(there, content):
                newer.append(address)
            else:
                states.write(address, content)
        return tuple(newer), tuple(sorted(set(states.addresses()) - set(wanted)))

    def _put_graph(self) -> None:
        """The builds one by one, the newest with the whole graph; over another graph, as the next build."""
        workspace, builds = self._workspace, self._copied.builds()
        if not builds:
            return
        graph = self._copied.graph()
        lease, there = self._heartbeat.lease, workspace.graph.load(workspace.name)
        if there is not None:
            if there.build.digest != builds[-1].digest:
                number = max(builds[-1].id, there.build.id + 1)
                build = replace(builds[-1], id=number, base=there.build.id)
                workspace.graph.commit(build, diff(there.graph, graph), lease)
            return
        base = None
        for build in builds[:-1]:
            workspace.graph.commit(replace(build, base=base), Delta(), lease)
            base = build.id
        workspace.graph.commit(replace(builds[-1], base=base), diff(None, graph), lease)


def _check_target(workspace: BackupSource, manifest: Manifest) -> None:
    """Refused where the backup is of another environment, or the account is."""
    ours = {
        "environment": workspace.name,
        "prefix": workspace.prefix,
        "region": workspace.environment.region,
    }
    for name, mine in ours.items():
        theirs = getattr(manifest, name)
        if theirs != mine:
            raise Refused(
                f"the backup was not restored into {workspace.name}",
                why=f"its {name} is {ids.shown(theirs)}, and here it is {mine}",
                next_step="name the environment that it was taken of, with the settings of that time",
                code="backup-elsewhere",
            )
    check_binding(workspace)


def _check_empty(workspace: BackupSource, others: Others) -> None:
    """Refused `stores-not-empty` with the stores that hold something. Artifacts are not looked at."""
    binding = ids.binding_parameter(workspace.prefix)
    parameters = (p.name for p in workspace.parameters.read_tree(workspace.prefix) if p.name != binding)
    rows = (row.kind for row in workspace.state.copy_out() if row.kind not in _NOT_CONTENT)
    first = {
        "parameters": next(parameters, None),
        "state store": next(rows, None),
        "graph": workspace.graph.current(workspace.name),
        "log": next(iter(workspace.log.events(limit=1)), None),
        "Terraform states": next(iter(others.states.addresses()), None),
    }
    full = [name for name, content in first.items() if content is not None]
    if full:
        raise Refused(
            f"the backup was not restored into {workspace.name}",
            why=f"it is not empty: {', '.join(full)}",
            next_step="look at what is there; `--over-existing` puts the backup in its place",
            code="stores-not-empty",
            stores=full,
        )


def _somebody_works(environment: str, lease: Lease) -> LeaseHeld:
    return LeaseHeld(
        f"the backup was not restored into {environment}",
        why=f"{lease.holder} holds {lease.names[0]} and may be writing",
        next_step="wait until it has finished, or end it",
        names=list(lease.names),
        holder=lease.holder,
    )


def _lease_names(workspace: BackupSource, copied: Copied) -> list[str]:
    """Whatever a run, a build or a writer of configs would need."""
    rows = [*copied.rows(), *workspace.state.copy_out()]
    addresses = {row.key for row in rows if row.kind == "applied"} | set(copied.states())
    return [leasing.GRAPH, leasing.PARAMETERS, *sorted(map(leasing.component_lease, addresses))]


def _prepare_state(workspace: BackupSource, copied: Copied) -> None:
    """Let tokens go on where the backup's end, and take a head away that the restored log will not reach.

    Else the stores that survived would refuse these tokens, and the log could not be appended to.
    """
    there = list(workspace.state.copy_out())
    fence = max(_number(there, "fence"), _number(copied.rows(), "fence"))
    newest = next((event.seq for event in workspace.log.events(newest_first=True, limit=1)), 0)
    head = workspace.state.chain_head()
    lost = head is not None and head.seq > newest
    if fence > _number(there, "fence") or lost:
        kept = [row for row in there if row.kind != "fence" and not (lost and row.kind == "head")]
        workspace.state.copy_in([*kept, StateRow(kind="fence", body=fence)])


def _number(rows: Iterator[StateRow] | list[StateRow], kind: str) -> int:
    return next((int(row.body) for row in rows if row.kind == kind), 0)


class _Height(msgspec.Struct):
    lineage: str = ""
    serial: int = 0


def _is_newer(there: bytes, copied: bytes) -> bool:
    """Whether the state that is there is a later one of the copied one's line: it may know more resources."""
    try:
        now, then = (decode(raw, _Height) for raw in (there, copied))
    except (msgspec.MsgspecError, UnicodeError):
        return False
    return now.lineage == then.lineage and now.serial > then.serial
