"""Taking a backup, also while the environment works.

What decides is of one moment: the rows of the state store, the parameters and Terraform's states are read,
and read again where a component or a parameter has moved meanwhile, until nothing has. A component whose
apply is under way at that moment is in the backup as a crash would have left it: with its intent in the
journal and its state as Terraform had last written it. The log is cut at that moment; what only ever grows
(artifacts, archived modules) is read after it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from karma_core.errors import KarmaError, StoreUnavailable
from karma_core.events import log_event
from karma_core.json_types import JsonObject
from karma_core.model import to_builtins
from karma_core.needs import BackupSource
from karma_core.outcomes import Phase
from karma_core.records import ParameterKind, StateRow
from karma_core.strictjson import canonical
from karma_core.use_cases.backup import manifest as form
from karma_core.use_cases.backup.manifest import KeptParameter, Manifest, Others, Writer
from karma_core.use_cases.fleet.binding import check_binding

ACTION: Final = "backup"
_PASSES: Final = 50
"""How often is read again what has moved. Ours: the second pass reads a few components, and takes less time
than one step of a run; so few passes are enough."""
_ALL_BUILDS: Final = 1_000_000_000


def take(
    workspace: BackupSource, others: Others, writer: Writer, *, to: str, secure_strings: bool = False
) -> Manifest:
    """Copy all that the environment keeps to `writer`, its manifest last; the log says where `to`.

    SecureStrings are copied with their values only where `secure_strings` asks for it; else their names are
    in the manifest. LogTampered where the log does not verify; Refused `environment-mismatch`;
    StoreUnavailable `backup-busy` where the environment never stands still long enough.
    """
    check_binding(workspace)
    cause = log_event(workspace, ACTION, Phase.STARTED, inputs={"to": to, "secure_strings": secure_strings})
    try:
        taken = _Taking(workspace, others, writer, secure_strings=secure_strings).run()
    except KarmaError as error:
        said = {"code": error.code, "message": error.what}
        log_event(workspace, ACTION, Phase.FAILED, inputs=said, cause=cause)
        raise
    inputs = {"to": to, "backup": taken.id, "counts": taken.counts, "left_out": len(taken.left_out)}
    log_event(workspace, ACTION, Phase.SUCCEEDED, inputs=inputs, cause=cause)
    return taken


class _Taking:
    def __init__(
        self, workspace: BackupSource, others: Others, writer: Writer, *, secure_strings: bool
    ) -> None:
        self._workspace = workspace
        self._others = others
        self._writer = writer
        self._secure_strings = secure_strings
        self._left_out: set[str] = set()

    def run(self) -> Manifest:
        """Copy everything; the manifest, which is written, too."""
        rows, newest = self._standing_still()
        self._writer.add(form.STATE, _lines(rows))
        head = self._copy_log(max(newest, _head_seq(rows)))
        self._copy_graph()
        self._copy_growing()
        taken = self._manifest(rows, head)
        self._writer.add(form.MANIFEST, [canonical(to_builtins(taken))])
        return taken

    # -- what has to be of one moment -----------------------------------------------------------------

    def _standing_still(self) -> tuple[tuple[StateRow, ...], int]:
        """The state store's rows at a moment of which parameters and states are written; the log's newest."""
        workspace = self._workspace
        steps: dict[str, int] = {}
        versions: dict[str, tuple[int, str]] = {}
        for number in range(_PASSES):
            newest = next((e.seq for e in workspace.log.events(newest_first=True, limit=1)), 0)
            rows = tuple(workspace.state.copy_out())
            steps_now = _steps(rows)
            tree = workspace.parameters.read_tree(workspace.prefix)
            versions_now = {parameter.name: (parameter.version, parameter.modified_at) for parameter in tree}
            if number and (steps_now, versions_now) == (steps, versions):
                return rows, newest
            moved = {address for address, _ in steps_now.items() ^ steps.items()}
            self._copy_states(moved if number else {*moved, *self._others.states.addresses()})
            self._copy_parameters({name for name, _ in versions_now.items() ^ versions.items()})
            steps, versions = steps_now, versions_now
        raise StoreUnavailable(
            f"no backup of {workspace.name} could be taken",
            why=f"something was written in each of {_PASSES} passes over it",
            next_step="take it when fewer runs are under way",
            code="backup-busy",
        )

    def _copy_states(self, addresses: Iterable[str]) -> None:
        for address in sorted(addresses):
            state = self._others.states.read(address)
            if state is None:
                self._writer.drop(form.state_member(address))
            else:
                self._writer.add(form.state_member(address), [state])

    def _copy_parameters(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            kept = self._parameter(name)
            if kept is None:
                self._writer.drop(form.parameter_member(name))
            else:
                self._writer.add(form.parameter_member(name), [canonical(to_builtins(kept))])

    def _parameter(self, name: str) -> KeptParameter | None:
        """The parameter with all kept versions; None where it is gone, or secret and left out."""
        parameters = self._workspace.parameters
        versions = parameters.history(name)
        self._left_out.discard(name)
        secure = any(version.kind is ParameterKind.SECURE for version in versions)
        if secure and self._secure_strings:
            clear = (parameters.get(name, version=version.version, decrypt=True) for version in versions)
            versions = tuple(version for version in clear if version is not None)
        elif secure:
            self._left_out.add(name)
            return None
        if not versions:
            return None
        return KeptParameter(name=name, versions=versions, tags=parameters.tags(name))

    # -- what is read after that moment ---------------------------------------------------------------

    def _copy_log(self, through: int) -> str:
        """Write the log up to an event; the hash of its last."""
        self._writer.add(form.LOG, (line + b"\n" for line in self._workspace.log.copy_out(through)))
        last = self._workspace.log.events(after_seq=through - 1, before_seq=through + 1)
        return next((event.hash for event in last), "")

    def _copy_graph(self) -> None:
        """The current graph and the list of its builds up to it."""
        workspace = self._workspace
        snapshot = workspace.graph.load(workspace.name)
        if snapshot is None:
            return
        builds = workspace.graph.builds(workspace.name, limit=_ALL_BUILDS)
        earlier = [build for build in reversed(builds) if build.id < snapshot.build.id]
        lines = (canonical(to_builtins(build)) + b"\n" for build in [*earlier, snapshot.build])
        self._writer.add(form.BUILDS, lines)
        self._writer.add(form.GRAPH, [canonical(to_builtins(snapshot.graph))])

    def _copy_growing(self) -> None:
        """Artifacts and archived modules."""
        artifacts = self._workspace.artifacts
        for key in artifacts.keys(self._workspace.name):
            content = None if key.startswith(self._others.no_artifacts) else artifacts.get(key)
            if content is not None:
                self._writer.add(f"{form.ARTIFACTS}/{key}", [content])
        for digest in self._others.modules.digests():
            self._writer.add(form.module_member(digest), [self._others.modules.packed(digest)])

    def _manifest(self, rows: tuple[StateRow, ...], head: str) -> Manifest:
        workspace, members = self._workspace, self._writer.members()
        kinds = Counter(row.kind for row in rows)
        folders = Counter(member.name.partition("/")[0] for member in members)
        counts = {
            "parameters": folders[form.PARAMETERS],
            "applied": kinds["applied"],
            "runs": kinds["run"],
            "documents": kinds["document"],
            "terraform_states": folders[form.STATES],
            "artifacts": folders[form.ARTIFACTS],
            "modules": folders[form.MODULES],
            "state_rows": len(rows),
        }
        return Manifest(
            format=form.FORMAT,
            id=workspace.new_id(),
            environment=workspace.name,
            prefix=workspace.prefix,
            region=workspace.environment.region,
            taken_at=workspace.now(),
            taken_by=workspace.actor.user,
            counts=counts,
            log_head=head,
            parameters_revision=workspace.parameters.revision() or "",
            applied_revision=workspace.state.applied_revision(),
            left_out=tuple(sorted(self._left_out)),
            members=members,
        )


def _steps(rows: Iterable[StateRow]) -> dict[str, int]:
    """Component → how many entries the journal has of it."""
    return Counter(str(row.body["address"]) for row in rows if row.kind == "entry")


def _head_seq(rows: Iterable[StateRow]) -> int:
    return next((int(row.body["seq"]) for row in rows if row.kind == "head"), 0)


def _lines(rows: Iterable[StateRow]) -> Iterator[bytes]:
    for row in rows:
        document: JsonObject = to_builtins(row)
        yield canonical(document) + b"\n"
