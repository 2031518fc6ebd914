"""The ports of the core: everything that it needs from outside, as Protocols.

Each port has one contract suite in `tests/contract`, named after it, which every adapter passes, the
in-memory one (`tests/memory`) included. Adapters raise only KarmaError and its children.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from karma_core.engines import ANY, EngineChoice
from karma_core.errors import BadInput
from karma_core.inference.facts import ModuleFacts
from karma_core.json_types import JsonObject
from karma_core.model import Build, Delta, Provenance, Snapshot
from karma_core.records import (
    Applied,
    ChainHead,
    CommitState,
    ConfigFile,
    Document,
    DriftReport,
    Event,
    GitChanges,
    JournalEntry,
    Lease,
    Module,
    Parameter,
    ParameterPage,
    ParameterWrite,
    PullRequest,
    Run,
    StateHeight,
    StateRow,
    TerraformJob,
    TerraformOutputs,
    TerraformPlan,
)

Refuse = Callable[[BadInput], None]
"""Takes one refused place; the caller decides what becomes of the rest."""


class Clock(Protocol):
    """The current time, aware, in UTC."""

    def __call__(self) -> datetime:
        """Now."""
        ...


class ParameterStore(Protocol):
    """AWS SSM Parameter Store, or a stand-in with its semantics: versions from 1, history, tiers, pages."""

    def revision(self) -> str | None:
        """A token that changes with every write to the store; None where the store has no such thing."""
        ...

    def page(self, prefix: str, *, token: str | None = None, decrypt: bool = False) -> ParameterPage:
        """Current parameters below prefix (recursive), at most 10 a page; SSM promises no order."""
        ...

    def read_tree(self, prefix: str) -> Iterator[Parameter]:
        """All current parameters below prefix, sorted by name, SecureString not decrypted (value None)."""
        ...

    def get(self, name: str, *, version: int | None = None, decrypt: bool = False) -> Parameter | None:
        """One version (default: the current one), or None."""
        ...

    def history(self, name: str) -> tuple[Parameter, ...]:
        """All kept versions, oldest first (SSM keeps 100); empty if there is no such parameter."""
        ...

    def put(self, writes: Sequence[ParameterWrite]) -> list[int]:
        """Write in the given order and return the new versions.

        Sizes and names are checked before the first write. Conflict where a base does not match; BadInput
        `too-large` beyond the tier (tier None: the smallest that fits).
        """
        ...

    def delete(self, names: Sequence[str]) -> list[str]:
        """Delete; return those that existed."""
        ...

    def tags(self, name: str) -> dict[str, str]:
        """Tags of a parameter; empty if it has none or does not exist."""
        ...


class ConfigRepository(Protocol):
    """The Git directory `iac/<environment>/<type>/<nickname>/config.json`."""

    def scan(self, environment: str, *, refuse: Refuse | None = None) -> Iterator[ConfigFile]:
        """Every config file, sorted by address; NotFound where the environment has no directory.

        Names, links and devices that are refused go to `refuse`, each as BadInput with code, `file` and,
        where one is meant, `address`; without it the first one is raised.
        """
        ...

    def read(self, file: ConfigFile) -> bytes:
        """The file's bytes; BadInput if it is too large, not a regular file, or leaves the root."""
        ...

    def write(self, environment: str, address: str, content: bytes | None) -> str:
        """Write a component's config file (None: remove it) and return its path.

        BadInput where the place leaves the root or may not be written.
        """
        ...

    def absences(self, environment: str, addresses: Sequence[str]) -> dict[str, str]:
        """Why files that Git holds are not in the work tree, by address; nothing of what Git does not hold.

        `deleted`: HEAD holds the file, somebody deleted it, and that is not committed. Otherwise it was never
        checked out: `sparse-checkout`, `skip-worktree`, `assume-unchanged`, `submodule` or `no-checkout`.
        """
        ...

    def config_at(self, environment: str, address: str, commit: str) -> bytes | None:
        """A component's config file as it is in a commit; None where the commit has none.

        NotFound `unknown-ref` where the commit is not known, and cannot be fetched.
        """
        ...

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        """Commit, path and dirty flag by address; commit None outside a Git work tree."""
        ...

    def head(self) -> str | None:
        """The commit of the work tree, None outside Git."""
        ...

    def is_behind(self, commit: str) -> bool:
        """Whether the work tree's commit comes before another one; False where that is not known here."""
        ...

    def changed_since(self, environment: str, ref: str) -> GitChanges:
        """What changed between ref and the work tree, and of what Git cannot tell that.

        NotFound `unknown-ref` where ref names no commit; in a shallow clone Git cannot tell instead.
        """
        ...


class PublishIndex(Protocol):
    """The index of the last publish, so that the next one reads only files that may have changed."""

    def load(self, environment: str) -> dict[str, tuple[str, str]]:
        """Address → (file stamp, digest of the published value)."""
        ...

    def save(self, environment: str, entries: dict[str, tuple[str, str]], revision: str) -> None:
        """Replace the index; `revision` is the parameter store's right after that publish."""
        ...

    def revision(self, environment: str) -> str | None:
        """The revision given to the last save."""
        ...


class GraphStore(Protocol):
    """The current graph of an environment, and the list of its builds.

    A reader sees one whole build. `commit` is all or nothing, and refuses (StaleLease) a lease whose token
    is lower than the highest this store has seen for the environment, and (Conflict) a build whose `base` is
    not the current build's id.
    """

    def current(self, environment: str) -> Build | None:
        """The current build, or None before the first. Cheap."""
        ...

    def load(self, environment: str) -> Snapshot | None:
        """The whole current graph with its build."""
        ...

    def commit(self, build: Build, delta: Delta, lease: Lease) -> None:
        """Apply the delta and make the build current, in one step."""
        ...

    def builds(self, environment: str, *, limit: int = 100) -> tuple[Build, ...]:
        """Newest first."""
        ...

    def build(self, environment: str, build_id: int) -> Build | None:
        """One build's record."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class StateStore(Protocol):
    """Durable truth of one environment: leases, runs, journal, applied records, documents, chain head.

    Every write is durable when the call returns.
    """

    def acquire(self, names: Sequence[str], holder: str, seconds: float) -> Lease:
        """Take all names or none. LeaseHeld names what is held, by whom, until when.

        An expired lease is taken over; the new token is higher than every earlier one.
        """
        ...

    def renew(self, lease: Lease, seconds: float) -> Lease:
        """Extend; StaleLease if any name has been taken over since."""
        ...

    def release(self, lease: Lease) -> None:
        """Release the names that are still held under this token."""
        ...

    def leases(self) -> tuple[Lease, ...]:
        """Leases that have not expired, by name (one Lease a name)."""
        ...

    def fence(self) -> int:
        """The newest token that was granted; 0 before the first. It only ever rises."""
        ...

    def raise_fence(self, token: int) -> None:
        """Grant only higher tokens from now on; nothing happens where that is so already."""
        ...

    def put_run(self, run: Run) -> None:
        """Insert or replace by id."""
        ...

    def run(self, run_id: str) -> Run | None:
        """One run."""
        ...

    def runs(self, *, limit: int = 100) -> tuple[Run, ...]:
        """Newest first."""
        ...

    def next_generation(self, address: str) -> int:
        """A new, higher generation of a component."""
        ...

    def journal(
        self, entry: JournalEntry, *, applied: Applied | None = None, forget: str | None = None
    ) -> None:
        """Append an entry; in the same step store an applied record, or drop that of the address `forget`."""
        ...

    def entries(self, *, run_id: str | None = None, address: str | None = None) -> tuple[JournalEntry, ...]:
        """Entries in the order they were written."""
        ...

    def applied(self, address: str) -> Applied | None:
        """The applied record of a component."""
        ...

    def all_applied(self) -> dict[str, Applied]:
        """All applied records by address."""
        ...

    def applied_revision(self) -> str:
        """A token that changes whenever an applied record does."""
        ...

    def put_document(
        self, kind: str, document_id: str, body: JsonObject, *, revision: int | None = None
    ) -> int:
        """Write and return the new revision; Conflict unless `revision` (0: new) is the stored one."""
        ...

    def document(self, kind: str, document_id: str) -> Document | None:
        """One document."""
        ...

    def documents(self, kind: str) -> tuple[Document, ...]:
        """All of a kind, by id."""
        ...

    def chain_head(self) -> ChainHead | None:
        """The log's newest event as last said by `move_chain_head`."""
        ...

    def move_chain_head(self, head: ChainHead) -> None:
        """Move the head forward; a head with a lower number than the stored one is ignored."""
        ...

    def reset_chain_head(self, head: ChainHead | None) -> None:
        """Put the head where it is said, also back, or take it away: a person took the log as it is."""
        ...

    def secret(self, name: str) -> bytes:
        """32 random bytes of this environment, made at the first call, the same ever after (HMAC keys)."""
        ...

    def copy_out(self) -> Iterator[StateRow]:
        """Everything but the leases, for a backup; journal entries in the order they were written.

        A store that cannot read all of it at one moment reads it while others write.
        """
        ...

    def copy_in(self, rows: Iterable[StateRow]) -> None:
        """Replace everything but the leases by these rows. Fencing tokens go on from the higher of both.

        The applied revision is a new one. BadInput `backup-damaged` for a row that is none.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


class EventLog(Protocol):
    """The log as the use cases write it: one ordered, hash-chained stream per environment."""

    def append(self, event: Event) -> Event:
        """Store the event durably and return it with seq, prev and hash."""
        ...

    def append_all(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Store events as `append` does, all in one step."""
        ...

    def events(
        self,
        *,
        component: str | None = None,
        action: str | None = None,
        user: str | None = None,
        run_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        after_seq: int = 0,
        before_seq: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Iterable[Event]:
        """Events that match, by seq, between `after_seq` and `before_seq`, both left out.

        `action` may be a prefix ending in `*`; times are ISO 8601 UTC.
        """
        ...

    def event(self, event_id: str) -> Event | None:
        """One event."""
        ...

    def doubt(self) -> str:
        """Why the log does not agree with its head in the state store; empty where it does.

        Then nothing can be appended, and so nothing be done.
        """
        ...

    def accept(self) -> str:
        """Set a doubted log right, and say how: from a copy that is whole, or by taking it as it is.

        LogTampered where its own chain is broken.
        """
        ...

    def copy_out(self, through: int) -> Iterator[bytes]:
        """The events up to that number as lines in the form that is hashed, for a backup.

        LogTampered where their chain does not verify.
        """
        ...

    def check_copy(self, lines: Iterable[bytes]) -> int:
        """The number of the last event of a copied log; LogTampered where its chain does not verify."""
        ...

    def copy_in(self, lines: Iterable[bytes]) -> None:
        """Append what the log does not have of a copied log that was checked; its own newer events stay.

        Refused `log-diverged`, and nothing is appended, where neither is the beginning of the other.
        """
        ...


class ArtifactStore(Protocol):
    """Immutable files of the audit trail, by key (`plans/<id>/plan.txt`)."""

    def put(self, key: str, content: bytes) -> str:
        """Store and return the key. The same bytes again are fine; other bytes under a used key: Conflict."""
        ...

    def get(self, key: str) -> bytes | None:
        """The content, or None."""
        ...

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Keys below prefix, sorted."""
        ...


class Modules(Protocol):
    """The Terraform modules `components/<type>/`."""

    def types(self) -> tuple[str, ...]:
        """Types that have a directory with at least one .tf file or a component.yaml, sorted."""
        ...

    def definition(self, component_type: str) -> JsonObject | None:
        """The parsed `component.yaml`, or None; BadInput if it is not a YAML mapping."""
        ...

    def module(self, component_type: str) -> Module | None:
        """The module now, or None where the type has no .tf file."""
        ...

    def facts(self, component_type: str) -> ModuleFacts | None:
        """Return the module's symbolic facts, its reads and writes; None as `module`."""
        ...

    def parts(self, component_type: str) -> tuple[str, ...]:
        """Paths below the modules' root that the module's digest covers: directories with all in them, files.

        They are the type's own directory, those of its child modules, and what links in them lead to.
        BadInput as `module`.
        """
        ...

    def revision(self) -> str:
        """A token that changes whenever a file below the modules' root may have changed."""
        ...

    def archive(self, module: Module) -> str:
        """Keep a copy of the module's files, and return its name (the module's digest)."""
        ...

    def archived(self, digest: str, component_type: str) -> Module | None:
        """The module from its archive."""
        ...

    def archived_facts(self, digest: str, component_type: str) -> ModuleFacts | None:
        """The facts of an archived module; None as `archived`."""
        ...


class Terraform(Protocol):
    """Terraform (or OpenTofu) on one component at a time.

    Failures are DeployFailed with the tool's last lines.
    """

    def version(self, engine: EngineChoice = ANY) -> str:
        """Name and version of the engine that is chosen so, e.g. `terraform 1.11.4`.

        SettingsError `engine-missing` where it is not there.
        """
        ...

    def require_engine(self, component_type: str, engine: EngineChoice) -> None:
        """SettingsError `engine-missing` or `engine-version` where modules of the type cannot be run here.

        The constraints of project, environment and type must all hold. Every other call requires it, too.
        """
        ...

    def plan(self, job: TerraformJob) -> TerraformPlan:
        """Init where needed, plan, show. The binary plan is kept privately under `saved`.

        Unless it is to be destroyed, its module must be valid, as for `require_valid`.
        """
        ...

    def require_valid(self, job: TerraformJob) -> None:
        """DeployFailed `module-invalid`, with file and line, where the job's module has a static fault.

        Asked once for each digest of a module and version of the engine, and remembered.
        """
        ...

    def faults(self, module: Module, engine: EngineChoice = ANY) -> tuple[str, ...]:
        """The static faults of a module, each as `FILE:LINE: what is wrong`, whatever components it has."""
        ...

    def apply(self, job: TerraformJob, plan: TerraformPlan) -> TerraformOutputs:
        """Apply the saved plan and read the outputs."""
        ...

    def move(self, job: TerraformJob) -> None:
        """Move the state of `job.state_of` to the component; another call ends what was left half done."""
        ...

    def unlock(self, job: TerraformJob, lock_id: str) -> None:
        """Release the lock of this id on the state; a DeployFailed `state-locked` has it in its facts."""
        ...

    def unsaved(self, address: str) -> bool:
        """Whether the component's last apply could not write its state, which was kept aside."""
        ...

    def recover(self, job: TerraformJob) -> None:
        """Push the state that was kept aside to the backend. It stays where it is if that fails."""
        ...

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Resources whose creation began and did not end, and that the component's state lacks, sorted.

        Their Terraform was killed: each may exist. While there are any, `plan` and `apply` refuse the
        component with DeployFailed `maybe-created`. No process is started.
        """
        ...

    def place(self) -> str:
        """An id of the machine and folder where applies are recorded: `maybe_created` knows those alone."""
        ...

    def digests(self, address: str, names: Sequence[str]) -> dict[str, str]:
        """Each of these resources → a digest of what the component's state has of it; empty where nothing."""
        ...

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """Resources that an apply at that place began to create and the state has as `before`, sorted.

        None where the place is this one: there `maybe_created` knows how far it came.
        """
        ...

    def accept_created(self, address: str) -> None:
        """Take the component's state as it is from now on: somebody has looked after those resources."""
        ...

    def unsettled(self) -> tuple[str, ...]:
        """Every component with such resources, sorted."""
        ...

    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        """The outputs in the state."""
        ...

    def refresh(self, job: TerraformJob) -> DriftReport:
        """Compare the cloud with the state. It changes neither, takes no lock and disturbs no other call."""
        ...

    def has_state(self, address: str) -> bool:
        """Whether a state with resources exists for the component."""
        ...

    def height(self, address: str) -> StateHeight | None:
        """How far the component's state has come; None where there is none. No process is started.

        StoreError where it cannot be read.
        """
        ...

    def stop(self) -> None:
        """Ask everything that runs to save its state and end; end by force what does not."""
        ...


class TerraformStates(Protocol):
    """Terraform's states as they are stored, for backups: bytes that Karma does not look into."""

    def addresses(self) -> tuple[str, ...]:
        """Components that have a state, sorted."""
        ...

    def read(self, address: str) -> bytes | None:
        """The newest state of a component, also where its last apply could not save it; None without one.

        StoreError where it is being written for longer than a write can take.
        """
        ...

    def write(self, address: str, state: bytes) -> None:
        """Replace the component's state. Nobody else may work on it."""
        ...


class ModuleCopies(Protocol):
    """The archived modules, each as one sequence of bytes, for backups."""

    def digests(self) -> tuple[str, ...]:
        """Digests of the modules that are archived, sorted."""
        ...

    def packed(self, digest: str) -> bytes:
        """An archived module with all its files; NotFound."""
        ...

    def unpack(self, digest: str, packed: bytes) -> None:
        """Archive a packed module, unless it is archived. BadInput `backup-damaged` for another form."""
        ...


class Reloader(Protocol):
    """Runs a type's reload action for one component."""

    def reload(self, action: JsonObject, *, address: str, environment: str, idempotency_key: str) -> str:
        """Carry out the action and return one line on what was done; DeployFailed if it failed."""
        ...


class CodeHost(Protocol):
    """Pull requests of a code host: reading them, and reporting checks on them.

    NotFound `no-pull-request`; StoreUnavailable `code-host` for every other failure.
    """

    def pull_request(self, repository: str, number: int) -> PullRequest:
        """The pull request now, with the files that it changes (a rename: both paths), sorted."""
        ...

    def file(self, repository: str, path: str, commit: str) -> bytes | None:
        """A file as it is in a commit, None where it is not there."""
        ...

    def comment(self, repository: str, number: int, mark: str, body: str) -> None:
        """Write one comment: an existing comment that begins with `mark` (an HTML comment) is replaced."""
        ...

    def set_status(
        self, repository: str, commit: str, state: CommitState, *, context: str, description: str
    ) -> None:
        """Set the status of a commit under a name of its own (`context`)."""
        ...


class RunStarter(Protocol):
    """Starts a flow somewhere else, and does not wait for it: Prefect's API, or a thread of this process."""

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        """The run's id. The same key again starts nothing, and gives the first run's id.

        `flow` is a deployment's name (`deploy`, `change-run`, `graph-rebuild`), `parameters` are those of the
        flow without `project`, JSON values. StoreUnavailable where nobody takes the order in time.
        """
        ...


Say = Callable[[str, JsonObject], None]
"""Progress: an event's name and its facts. Called from any thread; never raises."""
