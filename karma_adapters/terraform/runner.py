"""`ports.Terraform` on a real Terraform or OpenTofu.

A component runs in a copy of its archived module, with a data directory and a state of its own: nothing is
ever written into the user's tree, and nothing that Terraform leaves can be another component's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from karma_adapters.modules.archive import copied_root
from karma_adapters.processes.children import Finished, Limits, Processes
from karma_adapters.terraform import (
    apply_events,
    checks,
    exact_json,
    failure,
    plan_json,
    plan_only,
    refresh_json,
    validation,
)
from karma_adapters.terraform import backend as backends
from karma_adapters.terraform.apply_records import ApplyRecords
from karma_adapters.terraform.backend import Backend, height_of
from karma_adapters.terraform.command_line import FLAG, CommandLine
from karma_adapters.terraform.engines import Engines
from karma_adapters.terraform.preparation import Initialiser, Preparation, keep_lock_file
from karma_adapters.terraform.private_files import PLAN, VARIABLES, PrivateFiles
from karma_adapters.terraform.runner_options import USUAL, Directories, Seconds, say_nothing
from karma_adapters.terraform.settling import Settling
from karma_adapters.terraform.unknown_providers import unknown_providers
from karma_adapters.terraform.validation import Fault, Validations
from karma_adapters.terraform.work_trees import Turn, WorkTrees, short
from karma_core import ids
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import DeployFailed, NotFound, PlanDeferred
from karma_core.json_types import JsonObject
from karma_core.masking.masker import leaves_of, masker_of
from karma_core.masking.names import credential_names
from karma_core.plan.runtime import OUTPUT as RUNTIME
from karma_core.plan.unseen import maybe_created
from karma_core.ports import Modules, Say
from karma_core.records import DriftReport, Module, StateHeight, TerraformJob, TerraformOutputs, TerraformPlan

_KEEP_CACHED: Final = {"TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "1"}
"""Else a module without checksums in its lock file installs its providers into the cache again, away under
whatever runs from there (Terraform: CLI configuration, provider plugin cache)."""
NO_CHANGES, CHANGES = 0, 2
"""Exit codes of `plan -detailed-exitcode`."""


class TerraformRunner:
    """Plans and applies one component at a time, from any thread; two of one component are never at once.

    `access` gives the variables by which Terraform reaches its cloud; it is asked anew for each component,
    because credentials expire.
    """

    def __init__(
        self,
        engines: Engines,
        *,
        modules: Modules,
        backend: Backend,
        directories: Directories,
        environment: Mapping[str, str],
        for_init: Mapping[str, str] = MappingProxyType({}),
        processes: Processes,
        seconds: Seconds = USUAL,
        access: Callable[[], Mapping[str, str]] = dict,
        say: Say = say_nothing,
    ) -> None:
        self._engines = engines
        self._modules = modules
        self._backend = backend
        self._directories = directories
        self._private = PrivateFiles(directories.private)
        self._trees = WorkTrees(
            directories.work,
            credential_names(environment),
            self._waits,
            lambda: processes.refuse_when_stopping("terraform"),
        )
        self._initialiser = Initialiser(directories.cache, backend)
        self._validations = Validations(directories.cache)
        self._processes = processes
        self._applies = ApplyRecords(directories.applies, backend.state)
        self._settling = Settling(self._applies, seconds.save, say)
        self._seconds = seconds
        self._lock_timeout = f"{seconds.lock}s"
        self._say = say
        plugins = {"TF_PLUGIN_CACHE_DIR": str(directories.cache / "plugins")}
        fixed = {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **_KEEP_CACHED}
        self._environment = {**plugins, **environment, **fixed}
        self._for_init = for_init
        self._access = access
        self._credentials = frozenset(for_init[name] for name in credential_names(for_init))
        """Those that the children got; an older one may still show in what they say."""

    def version(self, engine: EngineChoice = ANY) -> str:
        """Name and version; a process only when the program's files are new."""
        return self._engines.version(engine)

    def require_engine(self, component_type: str, engine: EngineChoice) -> None:
        """Look for the program, and compare its version with all that want one."""
        self._engines.require(component_type, engine)

    @failure.for_component
    def plan(self, job: TerraformJob) -> TerraformPlan:
        """Run init if needed, plan and show. With unknown inputs a copy is planned and no plan is saved.

        What a module will write of parameters itself is told by a plan of a copy too, where the real one
        knows it only in part.
        """
        self._engines.require(job.module.type, job.engine)
        self._settling.settle(job.address)
        if job.unknown or job.parameters or job.states or job.state_of:
            return self._speculate(job)
        terraform = self._ready(job)
        if not job.destroy:
            self._require_valid(job, terraform)
        folder = self._private.new(job.address)
        try:
            ended = self._plan(terraform, job, folder)
            document = self._show(terraform, job, folder)
            plan = plan_json.read(
                document,
                address=job.address,
                destroy=job.destroy,
                changes=ended.code == CHANGES,
                text=ended.out,
                saved=self._private.name(folder),
                hidden=self._given_secrets(job),
                work=str(self._directories.work),
            )
        except BaseException:
            self._private.drop(folder)
            raise
        if plan.saved:
            self._private.write_secrets(folder, plan_json.secrets(document))
        else:
            self._private.drop(folder)
        if job.foretell and plan_json.writes_unknown(document):
            with contextlib.suppress(PlanDeferred):  # then that much is not told
                guessed = self._speculate(job)
                return replace(
                    plan,
                    written=plan.written | guessed.written,
                    unreadable=plan.unreadable | guessed.unreadable,
                )
        return plan

    def _speculate(self, job: TerraformJob) -> TerraformPlan:
        """Plan a copy against a copy of the state; PlanDeferred where Terraform needs to know more.

        A static fault of the module is no reason to wait: DeployFailed `module-invalid`.
        """
        self._require_valid(job)
        with tempfile.TemporaryDirectory(dir=self._private.root()) as scratch:
            terraform = self._plan_only(job, Path(scratch))
            declared = {name: value for name, value in job.variables.items() if name not in job.unknown}
            ended = terraform.cmd(
                "plan",
                input=False,
                no_color=FLAG,
                lock=False,
                detailed_exitcode=FLAG,
                var_file=str(self._private.write_variables(Path(scratch), declared)),
                out=str(Path(scratch) / PLAN),
            )
            if ended.code not in {NO_CHANGES, CHANGES}:
                error = failure.failed(job.address, "plan", ended, self._secrets(job))
                if ended.stopped or error.code == failure.INVALID_VARIABLE:
                    raise error
                engine = self._engines.engine(job.engine)
                providers = unknown_providers(self._archived(job.module), job, engine)
                raise PlanDeferred(
                    f"{job.address} cannot be planned yet", why=plan_only.why_deferred(error.why, providers)
                ) from error
            if not (Path(scratch) / PLAN).is_file():
                raise failure.crashed(job.address, "plan", ended, self._secrets(job))
            document, written = plan_only.real(self._show(terraform, job, Path(scratch)))
            changes = plan_only.changes(document)
            plan = plan_json.read(
                document,
                address=job.address,
                destroy=False,
                changes=changes,
                text=plan_only.without_ours(ended.out) if changes else "No changes.",
                saved="",
                hidden=self._given_secrets(job),
                work=str(self._directories.work),
            )
            return replace(plan, written=plan.written | written)

    @failure.for_component
    def require_valid(self, job: TerraformJob) -> None:
        """Run `terraform validate` in the component's directory, unless its module is known."""
        self._require_valid(job)

    def _require_valid(self, job: TerraformJob, terraform: CommandLine | None = None) -> None:
        """DeployFailed `module-invalid` where something is wrong in the module's files.

        `terraform` is in the component's directory, initialised; it is only made where it is needed.
        """

        def validate() -> str:
            return (terraform or self._ready(job)).cmd("validate", json=FLAG, no_color=FLAG).out

        self._refuse(job, self._validations.faults(job.module.digest, self.version(job.engine), validate))

    def _refuse(self, job: TerraformJob, faults: Sequence[Fault]) -> None:
        if faults:
            raise validation.module_invalid(job.address, faults, masker_of(self._secrets(job)))

    def faults(self, module: Module, engine: EngineChoice = ANY) -> tuple[str, ...]:
        """Run `terraform validate` in a copy of the module, with a data directory of the digest's own."""

        def validate() -> str:
            with tempfile.TemporaryDirectory(dir=self._private.root()) as scratch:
                return self._validate_copy(module, engine, Path(scratch))

        self._engines.require(module.type, engine)
        faults = self._validations.faults(module.digest, self.version(engine), validate)
        return tuple(masker_of(self._credentials).text(one.said) for one in faults)

    def _validate_copy(self, module: Module, engine: EngineChoice, scratch: Path) -> str:
        archived = self._archived(module)
        root = copied_root(archived)
        shutil.copytree(root, scratch / root.name, symlinks=True)
        copy = scratch / root.name / archived.relative_to(root)
        (copy / backends.OVERRIDE).write_text(backends.LOCAL_OVERRIDE, "utf-8")
        data = self._directories.data / "validate" / short(module.digest)
        job = TerraformJob(address=f"{module.type}/any", module=module, variables={}, engine=engine)
        terraform = self._command_line(copy, self._with_access(data), job, contextlib.nullcontext)
        try:
            self._initialiser.share(copy, data, self.version(engine), lambda: self._init(terraform, job, ()))
        except DeployFailed as error:
            if error.code != validation.MODULE_INVALID:
                raise
        return terraform.cmd("validate", json=FLAG, no_color=FLAG).out

    def _plan_only(self, job: TerraformJob, scratch: Path) -> CommandLine:
        """Terraform in the copy. Copies of one module share a data directory, which is initialised once."""
        archived = self._archived(job.module)
        copy = plan_only.copy_module(archived, scratch / "tree", job, self._engines.engine(job.engine))
        (copy / backends.OVERRIDE).write_text(backends.LOCAL_OVERRIDE, "utf-8")
        state = self._backend.state(job.state_of or job.address)
        if state is not None:
            (copy / "terraform.tfstate").write_bytes(exact_json.encode(state))
        data = self._directories.data / "plan-only-2" / job.module.digest.removeprefix("sha256:")
        turn = self._trees.turn_of_copy(job.address, archived, scratch / "tree")
        where = self._trees.place(job.address, archived, job.module.digest) if turn else copy
        terraform = self._command_line(where, self._with_access(data), job, turn or contextlib.nullcontext)
        with (turn or contextlib.nullcontext)():
            self._initialiser.share(
                where,
                data,
                self.version(job.engine),
                lambda: self._init(terraform, job, ()),
            )
            keep_lock_file(where, copy)
        return terraform

    def _archived(self, module: Module) -> Path:
        """The module's archived copy."""
        archived = self._modules.archived(self._modules.archive(module), module.type)
        if archived is None:
            raise NotFound(f"the module {module.type} is not archived", next_step="run the command again")
        return Path(archived.path).absolute()

    @failure.for_component
    def apply(self, job: TerraformJob, plan: TerraformPlan) -> TerraformOutputs:
        """Apply the saved plan and read the outputs; the plan is removed when it has been applied.

        DeployFailed `plan-expired` where it is no longer kept, `stale-plan` where the state has moved.
        """
        folder = self._private.find(plan.saved)
        self._settling.settle(job.address)
        terraform = self._ready(job)
        with self._applies.recorded(job.address) as written, self._ephemeral(job, folder) as variables:
            ended = terraform.writing_to(written).cmd(
                "apply",
                str(folder / PLAN),
                json=FLAG,
                input=False,
                no_color=FLAG,
                lock_timeout=self._lock_timeout,
                var_file=variables,
            )
        if ended.code != 0 or ended.running:
            ended = dataclasses.replace(ended, out=apply_events.for_people(ended.out))
            hidden = [*self._private.secrets(folder), *self._given_secrets(job)]
            error = failure.failed(job.address, "apply", ended, hidden)
            names = self._applies.maybe_created(job.address)
            raise maybe_created(job.address, names, why=error.why) if names else error
        masker = masker_of([*self._private.secrets(folder), *self._given_secrets(job)])
        self._private.drop(folder)
        state = self._backend.state(job.address)
        warned = tuple(masker.text(said) for said in checks.of_state(state or {}))
        return replace(self._outputs(lambda: terraform, job, state), checks=warned)

    @contextlib.contextmanager
    def _ephemeral(self, job: TerraformJob, folder: Path) -> Iterator[str | None]:
        """A file with the ephemeral variables: no plan keeps them, so the apply needs them again."""
        names = job.module.ephemeral_variables
        given = {name: job.variables[name] for name in names if name in job.variables}
        (folder / VARIABLES).unlink(missing_ok=True)  # of an apply whose Karma was killed
        file = self._private.write_variables(folder, given) if given else None
        try:
            yield str(file) if file is not None else None
        finally:
            if file is not None:
                file.unlink(missing_ok=True)

    @failure.for_component
    def maybe_created(self, address: str) -> tuple[str, ...]:
        """Read from what the applies wrote that nobody saw the end of; mostly there is none."""
        return self._applies.maybe_created(address)

    def place(self) -> str:
        """A random id, kept beside the records of applies."""
        return self._applies.place()

    @failure.for_component
    def digests(self, address: str, names: Sequence[str]) -> dict[str, str]:
        """Read from the state; no process is started."""
        return self._applies.digests(address, names)

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """Compare with the state of now."""
        if not before or place == self.place():
            return ()
        now = self.digests(address, sorted(before))
        return tuple(name for name, digest in sorted(now.items()) if digest in {"", before[name]})

    @failure.for_component
    def accept_created(self, address: str) -> None:
        """Forget those applies."""
        self._applies.forget(address)

    def unsettled(self) -> tuple[str, ...]:
        """Components with resources that may have been created."""
        return tuple(a for a in self._applies.every_address() if self._applies.maybe_created(a))

    @failure.for_component
    def move(self, job: TerraformJob) -> None:
        """Push the old address's state to the new one, then an empty one to the old.

        A state that is empty was moved before, or has nothing to move.
        """
        self._settling.settle(job.state_of)
        state = self._backend.state(job.state_of)
        if not state or not state.get("resources"):
            return
        old = replace(job, address=job.state_of, state_of="")
        self._push(replace(job, state_of=""), state)
        self._push(old, {**state, "serial": state["serial"] + 1, "resources": [], "outputs": {}})

    def _push(self, job: TerraformJob, state: JsonObject) -> None:
        """Push this state to the component's backend."""
        with tempfile.TemporaryDirectory(dir=self._private.root()) as scratch:
            file = Path(scratch) / "terraform.tfstate"
            file.write_bytes(exact_json.encode(state))
            terraform = self._ready(job)
            self._run(terraform, job, "state push", str(file), lock_timeout=self._lock_timeout)

    @failure.for_component
    def unlock(self, job: TerraformJob, lock_id: str) -> None:
        """Release the lock if it has this id."""
        self._run(self._ready(job), job, "force-unlock", lock_id, force=FLAG, no_color=None)

    @failure.for_component
    def unsaved(self, address: str) -> bool:
        """Whether Terraform left a state that it could not write; no process is started."""
        return self._trees.unsaved(address) is not None

    @failure.for_component
    def recover(self, job: TerraformJob) -> None:
        """Push the unsaved state. Terraform refuses it if the stored state is newer or of another lineage."""
        state_file = self._trees.unsaved(job.address)
        if state_file is not None:
            self._run(self._ready(job), job, "state push", str(state_file), lock_timeout=self._lock_timeout)
            state_file.unlink()

    @failure.for_component
    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        """The outputs in the state."""
        return self._outputs(lambda: self._ready(job), job, self._backend.state(job.address))

    @failure.for_component
    def refresh(self, job: TerraformJob) -> DriftReport:
        """Plan a refresh and read it; the plan is not kept.

        Without the state's lock, because nothing is written; with a data directory of its own, because a
        deploy may be at work in the other one.
        """
        data = self._directories.data
        terraform = self._ready(job, data.with_name(f"{data.name}-refresh"))
        folder = self._private.new(job.address)
        try:
            self._run(
                terraform,
                job,
                "plan",
                input=False,
                no_color=FLAG,
                lock=False,
                refresh_only=FLAG,
                detailed_exitcode=FLAG,
                var_file=str(self._private.write_variables(folder, job.variables)),
                out=str(folder / PLAN),
                fine=(NO_CHANGES, CHANGES),
            )
            document = self._show(terraform, job, folder)
            return refresh_json.read(document, address=job.address, hidden=self._secrets(job))
        finally:
            self._private.drop(folder)

    @failure.for_component
    def has_state(self, address: str) -> bool:
        """Whether a state with resources exists; no process is started."""
        state = self._backend.state(address)
        return bool(state and state.get("resources"))

    @failure.for_component
    def height(self, address: str) -> StateHeight | None:
        """Read from the state's file or object; no process is started."""
        return height_of(self._backend.state(address))

    def stop(self) -> None:
        """Stop every running Terraform, letting it save its state; start no other."""
        self._processes.stop()

    def _ready(self, job: TerraformJob, data: Path | None = None) -> CommandLine:
        """Terraform in the component's copy of its module, initialised."""
        component_type, nickname, _ = ids.Address.parse(job.address)
        self._engines.require(component_type, job.engine)
        archived, hand_on = self._archived(job.module), job.provisioner_credentials
        # By module, too: while one version is applied, another may be planned.
        data = (data or self._directories.data) / short(job.module.digest) / component_type / nickname
        preparation = Preparation(
            staged=self._trees.place(job.address, archived, job.module.digest, hand_on=hand_on),
            data=data,
            module=job.module.digest,
            version=self.version(job.engine),
            backend=backends.key(self._backend, job.address, self.version(job.engine)),
        )
        turn = self._trees.turn(job.address, archived, lambda: self._beside(job, data), hand_on=hand_on)
        terraform = self._command_line(preparation.staged, self._with_access(data), job, turn)
        with turn():
            self._initialiser.prepare(preparation, lambda: self._init(terraform, job, self._settings(job)))
            keep_lock_file(preparation.staged, data)
        return terraform

    def _beside(self, job: TerraformJob, data: Path) -> dict[str, bytes]:
        """What a shared directory holds beside the module's files; DeployFailed `apply-running`.

        A Karma that was killed holds no turn any more, but its Terraform may still work in the directory.
        """
        if self._applies.running(job.address):
            raise failure.still_running(job.address)
        return self._initialiser.files(data)

    def _waits(self, seconds: int, holder: str) -> None:
        self._say("waiting", {"for": f"the working directory, which {holder} uses", "seconds": seconds})

    def _command_line(
        self, directory: Path, environment: Mapping[str, str], job: TerraformJob, turn: Turn
    ) -> CommandLine:
        """Terraform in a directory, within its time; it is said now and then that it still runs."""

        def limits_of(command: str) -> Limits:
            def beat(seconds: int) -> None:
                self._say("working", {"address": job.address, "command": command, "seconds": seconds})

            seconds = self._seconds.apply if command == "apply" else self._seconds.plan
            return Limits(seconds=seconds, save_seconds=self._seconds.save, beat=beat)

        return CommandLine(
            self._engines.binary(job.engine),
            directory,
            environment,
            self._processes,
            limits_of,
            for_init=self._for_init,
            turn=turn,
        )

    def _init(self, terraform: CommandLine, job: TerraformJob, settings: Iterable[str]) -> None:
        """Initialise a directory with settings of its backend.

        Where init fails because of what is wrong in the module's files, the error is `module-invalid`.
        """
        Path(self._environment["TF_PLUGIN_CACHE_DIR"]).mkdir(parents=True, exist_ok=True)
        backend = {"reconfigure": FLAG, "backend_config": list(settings)} if settings else {}
        try:
            self._run(terraform, job, "init", input=False, no_color=FLAG, **backend)
        except DeployFailed as error:
            if error.code == "deploy-failed":
                printed = terraform.cmd("validate", json=FLAG, no_color=FLAG).out
                self._refuse(job, validation.faults_of(printed) or ())
            raise

    def _settings(self, job: TerraformJob) -> list[str]:
        options = self._backend.options(job.address, self.version(job.engine))
        return [f"{name}={value}" for name, value in sorted(options.items())]

    def _plan(self, terraform: CommandLine, job: TerraformJob, folder: Path) -> Finished:
        variables = self._private.write_variables(folder, job.variables)
        ended = self._run(
            terraform,
            job,
            "plan",
            input=False,
            no_color=FLAG,
            lock_timeout=self._lock_timeout,
            detailed_exitcode=FLAG,
            destroy=FLAG if job.destroy else None,
            var_file=str(variables),
            out=str(folder / PLAN),
            fine=(NO_CHANGES, CHANGES),
        )
        (folder / PLAN).chmod(0o600)
        variables.unlink()
        return ended

    def _show(self, terraform: CommandLine, job: TerraformJob, folder: Path) -> JsonObject:
        ended = self._run(terraform, job, "show", str(folder / PLAN), json=FLAG, no_color=FLAG)
        return _json(ended, job.address, "show")

    def _outputs(
        self, terraform: Callable[[], CommandLine], job: TerraformJob, state: JsonObject | None
    ) -> TerraformOutputs:
        """The outputs in the state if it could be read without a process, else those of `output -json`.

        Terraform keeps no output of null: those of the module's that are missing are null, but for `runtime`.
        """
        outputs = (state or {}).get("outputs")
        if outputs is None:
            outputs = self._ask_outputs(terraform(), job)
        null = () if job.destroy else set(job.module.outputs) - outputs.keys() - {RUNTIME}
        return TerraformOutputs(
            values={
                **{name: exact_json.as_decoded(outputs[name]["value"]) for name in sorted(outputs)},
                **dict.fromkeys(sorted(null)),
            },
            sensitive=tuple(name for name in sorted(outputs) if outputs[name].get("sensitive")),
            state=height_of(state),
        )

    def _ask_outputs(self, terraform: CommandLine, job: TerraformJob) -> JsonObject:
        return _json(self._run(terraform, job, "output", json=FLAG, no_color=FLAG), job.address, "output")

    def _run(
        self,
        terraform: CommandLine,
        job: TerraformJob,
        command: str,
        *arguments: str,
        fine: tuple[int, ...] = (0,),
        **options: Any,
    ) -> Finished:
        """Run a command; DeployFailed unless it ended by itself with one of the `fine` codes."""
        ended = terraform.cmd(command, *arguments, **options)
        if ended.code not in fine:
            error = failure.failed(job.address, command, ended, self._secrets(job), self._for_init)
            lock = error.facts.get("lock")
            if isinstance(lock, dict) and not failure.is_local(lock):
                error.facts["may_save_seconds"] = self._seconds.save
            raise error
        if "out" in options and not Path(options["out"]).is_file():
            raise failure.crashed(job.address, command, ended, self._secrets(job))
        return ended

    def _secrets(self, job: TerraformJob) -> list[str]:
        """Return the secrets to mask in errors before there is a plan: what was given, sensitive outputs."""
        return [*self._sensitive_outputs(job.address), *self._given_secrets(job)]

    def _sensitive_outputs(self, address: str) -> list[str]:
        outputs = (self._backend.state(address) or {}).get("outputs", {}).values()
        return list(leaves_of([output.get("value") for output in outputs if output.get("sensitive")]))

    def _given_secrets(self, job: TerraformJob) -> list[str]:
        """Return the secrets among what the component's Terraform is given: inputs, and credentials.

        So are the sensitive outputs of states that its module reads, now and as they are planned.
        """
        named = job.module.sensitive_variables
        given = [job.variables[name] for name in named if name in job.variables]
        read = [text for address in job.reads_states_of for text in self._sensitive_outputs(address)]
        return [*leaves_of([*given, *job.secrets]), *read, *self._credentials]

    def _with_access(self, data: Path) -> dict[str, str]:
        """The environment of a Terraform with this data directory; its credentials are masked from now on."""
        environment = {**self._environment, **self._access(), "TF_DATA_DIR": str(data)}
        self._credentials |= {environment[name] for name in credential_names(environment)}
        return environment


def _json(ended: Finished, address: str, command: str) -> JsonObject:
    try:
        return exact_json.decode(ended.out.encode())
    except msgspec.MsgspecError as error:
        raise DeployFailed(
            f"terraform {command} of {address} printed what is not JSON",
            why=str(error),
            next_step="run `karma doctor`: is this Terraform 1.1 or later, or OpenTofu?",
            component=address,
            command=command,
        ) from error
