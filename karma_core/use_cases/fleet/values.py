"""The values of an environment that decide deployments: modules, runtimes as they are now, fingerprints.

Runtimes move while a run goes on; they are kept here, so that every consumer is judged with the values that
were really published.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from threading import Lock
from typing import Final

from karma_core import root_variables, strictjson
from karma_core.checksum import intact
from karma_core.component_types import EMPTY, TypeDefinition
from karma_core.errors import BadInput, NotFound
from karma_core.graph.load import NOT_UNICODE, Inventory, Loaded
from karma_core.ids import type_of
from karma_core.json_types import JsonMapping, JsonObject, JsonValue
from karma_core.model import Edge, Finding, Kind, Severity, Status, about_type
from karma_core.needs import Context, FleetSource
from karma_core.plan import fingerprint
from karma_core.plan.fingerprint import Inputs
from karma_core.plan.publishable import UNREADABLE
from karma_core.plan.runtime import counted, counted_marks, secret_keys_of, unknown_keys
from karma_core.records import Applied, Module, ParameterKind, PlannedRuntime, PlannedState, TerraformJob
from karma_core.references.lookup import VIA as LOOKUP
from karma_core.references.state import VIA as STATE
from karma_core.references.state import outputs_in, without_outputs
from karma_core.runtime_references import Resolved, resolve
from karma_core.state_places import NamedState
from karma_core.use_cases.fleet.drifted import drifted_generations
from karma_core.use_cases.fleet.input_secrets import input_secrets, secret_part
from karma_core.use_cases.fleet.outdated_secrets import (
    HMAC_KEY,
    Seal,
    applied_configs,
    outdated_parts,
    seal_under,
)
from karma_core.use_cases.fleet.state_outputs import StateOutputs

LOOKED_UP: Final = "(looked up)"
"""Stands among the consumed keys of a producer for what is looked up of it; no runtime has such a key."""
NO_DEFINITIONS: Mapping[str, TypeDefinition] = {}
NO_NAMES: Mapping[NamedState, str] = {}

Consumed = Mapping[str, tuple[str, ...] | None]
"""Producer → the keys consumed of its runtime; None: all of it."""


class Values:
    """Read as needed, then kept true by `learn`. Safe to use from the threads of one run.

    `proposed` are names of parameters that the inventory has otherwise than the parameter store.
    """

    def __init__(
        self,
        workspace: FleetSource,
        inventory: Inventory,
        module_pins: Mapping[str, str] | None = None,
        definitions: Mapping[str, TypeDefinition] = NO_DEFINITIONS,
        *,
        proposed: Collection[str] = (),
    ) -> None:
        self._workspace = workspace
        self._definitions = definitions
        self._proposed = proposed
        self._module_pins = module_pins or {}
        self._inventory = inventory
        self._lock = Lock()
        self._runtimes: dict[str, JsonObject | None] = {}
        self._foreseen: dict[str, PlannedRuntime] = {}
        self._secret: dict[str, frozenset[str] | None] = {}
        """Components with a secret runtime → its secret keys; None: all of it."""
        self._faults: dict[str, str] = {}
        self.outputs = StateOutputs(self._applied)
        """The outputs in the components' states."""
        self._states: dict[str, str] = {}
        self._modules: dict[str, Module | None] = {}
        self.unreadable: dict[str, BadInput] = {}
        """Component type → why its module cannot be read."""

    def _applied(self, address: str) -> Applied | None:
        loaded = self._inventory.components.get(address)
        return loaded.applied if loaded is not None else None

    def module(self, address: str) -> Module | None:
        """The module of the component's type; as `module_of`."""
        return self.module_of(type_of(address))

    def module_of(self, component_type: str) -> Module | None:
        """The type's module as it is now; None where there is none, or none to be read."""
        with self._lock:
            if component_type not in self._modules:
                try:
                    self._modules[component_type] = self._read_module(component_type)
                except BadInput as error:
                    self._modules[component_type] = None
                    self.unreadable[component_type] = error
            return self._modules[component_type]

    def _read_module(self, component_type: str) -> Module | None:
        """Return the pinned module, from its archive or the directory; without a pin, the current one."""
        pinned = self._module_pins.get(component_type)
        module = self._workspace.modules.archived(pinned, component_type) if pinned else None
        module = module or self._workspace.modules.module(component_type)
        if pinned and (module is None or module.digest != pinned):
            raise BadInput(
                f"the module {component_type} is not the one that the run began with",
                why=f"{pinned} is not archived, and the module has changed since",
                next_step="abandon the run with `karma deploy --abandon`, and deploy again",
                code="module-lost",
            )
        return module

    def unreadable_findings(self) -> tuple[Finding, ...]:
        """One finding for every type whose module could not be read."""
        return tuple(
            Finding(
                code=error.code,
                severity=Severity.ERROR,
                component=about_type(component_type),
                pointer=str(error.facts.get("place", "")),
                message=f"{error.what}: {error.why}; {error.next_step}",
            )
            for component_type, error in sorted(self.unreadable.items())
        )

    # -- runtimes -------------------------------------------------------------------------------------

    def runtime(self, address: str) -> JsonObject | None:
        """The runtime as it is now, decrypted if need be; None where there is none, or none to be read."""
        with self._lock:
            if address in self._runtimes:
                return self._runtimes[address]
        loaded = self._inventory.components.get(address)
        held = loaded.runtime if loaded else None
        value = held.value if held else None
        if held is not None and held.broken:
            self._faults[address] = held.why
        elif held is not None and value is None:
            value = self._readable(address)
        with self._lock:
            return self._runtimes.setdefault(address, value)

    def fault(self, address: str) -> str:
        """Why the component's runtime of now cannot be read; empty where it can, or there is none.

        A secret one is not fetched for this: its fault is known once somebody has asked for its value.
        """
        loaded = self._inventory.components.get(address)
        if loaded is not None and loaded.runtime is not None and loaded.runtime.broken:
            self.runtime(address)
        return self._faults.get(address, "")

    def _readable(self, address: str) -> JsonObject | None:
        """The runtime in the parameter store; None, and a fault, where it cannot be read."""
        try:
            return self.stored(address)
        except BadInput as error:
            self._faults[address] = error.why
            return None

    def read_again(self, address: str) -> None:
        """Forget what is known of the component's runtime, and read it as it is now."""
        self._faults.pop(address, None)
        value = self._readable(address)
        with self._lock:
            self._runtimes[address] = value

    def stored(self, address: str) -> JsonObject | None:
        """The runtime as the parameter store has it at this moment, decrypted; None where there is none.

        BadInput `runtime-unreadable` where it is not what Karma can read.
        """
        name = self._workspace.runtime_parameter(address)
        parameter = self._workspace.parameters.get(name, decrypt=True)
        if parameter is None or parameter.value is None:
            return None
        if parameter.kind is ParameterKind.SECURE:
            self.keep_secret(address, secret_keys_of(parameter.description))
        try:
            return strictjson.parse_object((intact(parameter).value or "").encode(), where=name)
        except (BadInput, UnicodeEncodeError) as error:
            why = f"{error.what}: {error.why}" if isinstance(error, BadInput) else f"it {NOT_UNICODE}"
            secret = parameter.kind is ParameterKind.SECURE
            raise BadInput(
                f"the runtime {name} cannot be read",
                why="it is a secret, and not a JSON object as Karma reads it" if secret else why,
                next_step=f"correct what writes it, then deploy {address}",
                code=UNREADABLE,
                component=address,
            ) from error

    def read_back(self, address: str) -> JsonObject:
        """The runtime that the component's own module wrote; BadInput if it wrote none, or as `stored`."""
        runtime = self.stored(address)
        if runtime is None:
            raise BadInput(
                f"{address} has no runtime after its apply",
                why="its module writes that parameter itself, and it is not there",
                next_step=f"let the module write {self._workspace.runtime_parameter(address)}",
                code="runtime-missing",
                component=address,
            )
        return runtime

    def learn(self, address: str, runtime: JsonObject | None) -> None:
        """Use this runtime for the component from now on."""
        self._faults.pop(address, None)
        with self._lock:
            self._runtimes[address] = runtime

    def keep_secret(self, address: str, keys: Collection[str] | None = None) -> None:
        """Mark keys of the component's runtime as secret, or all: jobs that receive their values say so."""
        with self._lock:
            known = self._secret.get(address, frozenset())
            self._secret[address] = None if keys is None or known is None else known.union(keys)

    def foresee(self, address: str, planned: PlannedRuntime) -> None:
        """Use the planned runtime of a component for its consumers from now on."""
        with self._lock:
            self._foreseen[address] = planned

    def forget_plans(self) -> None:
        """Drop all planned runtimes: components are evaluated with what their producers really published."""
        self.outputs.forget_plans()
        with self._lock:
            self._foreseen.clear()

    def planned(self, address: str) -> PlannedRuntime:
        """The runtime as planned; where nothing is planned, as it is now."""
        with self._lock:
            foreseen = self._foreseen.get(address)
        return foreseen or self._as_now(address)

    def _as_now(self, address: str) -> PlannedRuntime:
        return PlannedRuntime(known=self.runtime(address) or {})

    def unknown_inputs(self, consumed: Consumed, by_state: Collection[str] = ()) -> tuple[str, ...]:
        """The consumed keys that are unknown until apply, as `producer.key`, sorted."""
        return tuple(
            f"{producer}.{key}"
            for producer, keys in sorted(consumed.items())
            for key in self._unknown_of(producer, keys, by_state=producer in by_state)
        )

    def _unknown_of(self, producer: str, keys: tuple[str, ...] | None, *, by_state: bool) -> tuple[str, ...]:
        if not by_state:
            return unknown_keys(self.planned(producer), keys)
        of_runtime = unknown_keys(self.planned(producer), without_outputs(keys))
        return tuple(sorted((*of_runtime, *self.outputs.unknown(producer, keys))))

    # -- what decides a deployment ----------------------------------------------------------------------

    def inputs(
        self,
        address: str,
        consumed: Consumed,
        by_state: Collection[str] = (),
        by_lookup: Collection[str] = (),
    ) -> Inputs:
        """Return everything that decides what a deployment would do, with the current runtimes.

        `by_state` are the producers whose states the module reads, `by_lookup` those of which it looks
        something up: what that is stands in no runtime, so that every change of theirs counts.
        """
        environment = self._workspace.environment
        module = self.module(address)
        config = self._loaded(address).config
        labels = {
            "config": config.digest if config else "",
            "module": module.digest if module else "",
            "terraform": self._terraform,
            "region": environment.region,
            "prefix": environment.prefix,
            "variables": self._variables,
        }
        keys = {
            producer: self._key_digests(producer, wanted, by_state=producer in by_state)
            for producer, wanted in sorted(consumed.items())
        }
        for producer in by_lookup:
            keys[producer] = keys.get(producer, {}) | {LOOKED_UP: self._made_by(producer)}
        return Inputs(labels=labels, keys=keys)

    def _made_by(self, producer: str) -> str:
        """Stands for all that a component has made: the digest of its state, unknown where it will change."""
        if self.outputs.foreseen(producer) is not None:
            return fingerprint.UNKNOWN
        with self._lock:
            learnt = self._states.get(producer)
        applied = self._applied(producer)
        return learnt or (applied.state.digest if applied is not None and applied.state else "") or "none"

    def learn_state(self, address: str, digest: str) -> None:
        """Use this digest of the component's Terraform state from now on."""
        with self._lock:
            self._states[address] = digest

    def _key_digests(
        self, producer: str, wanted: tuple[str, ...] | None, *, by_state: bool = False
    ) -> dict[str, str]:
        if by_state:
            of_runtime = self._key_digests(producer, without_outputs(wanted))
            return of_runtime | self.outputs.key_digests(producer, wanted, self.seal)
        with self._lock:
            foreseen = self._foreseen.get(producer)
        if foreseen is None:
            return fingerprint.key_digests(self.runtime(producer), wanted, self.seal)
        digests = fingerprint.key_digests(foreseen.known, wanted, self.seal)
        return digests | dict.fromkeys(unknown_keys(foreseen, wanted), fingerprint.UNKNOWN)

    def status(self, loaded: Loaded, edges: tuple[Edge, ...]) -> tuple[Status, str | None]:
        """(status, applied fingerprint) of a configured component, judged by its fingerprint."""
        applied = loaded.applied
        if applied is None:
            return Status.ABSENT, None
        if applied.status == Status.FAILED:
            return Status.FAILED, None
        if applied.begun or self.fault(loaded.address):
            return Status.STALE, applied.fingerprint
        inputs = self.inputs(loaded.address, consumed_by(edges), read_by_state(edges), found_by_lookup(edges))
        if not inputs.matches(applied.fingerprint):
            return Status.STALE, applied.fingerprint
        return (Status.DRIFTED if self.drifted(applied) else Status.CURRENT), applied.fingerprint

    def drifted(self, applied: Applied | None) -> bool:
        """Whether the last drift check found that the cloud differs from this apply."""
        return applied is not None and self._drifted.get(applied.address) == applied.generation

    def _loaded(self, address: str) -> Loaded:
        try:
            return self._inventory.components[address]
        except KeyError:
            raise NotFound(f"there is no component {address}", component=address) from None

    @cached_property
    def _drifted(self) -> dict[str, int]:
        return drifted_generations(self._workspace)

    @cached_property
    def _terraform(self) -> str:
        return self._workspace.terraform_version()

    @cached_property
    def _variables(self) -> str:
        return strictjson.digest(dict(self._workspace.environment.variables))

    @cached_property
    def seal(self) -> Seal:
        """Gives the digest of a runtime value under the environment's key."""
        return seal_under(self._workspace.state.secret(HMAC_KEY))

    def job(
        self,
        address: str,
        module: Module,
        consumed: Consumed,
        *,
        by_value: Collection[str] = (),
        reads_parameters: bool = False,
        states: Mapping[NamedState, str] = NO_NAMES,
        as_now: bool = False,
    ) -> TerraformJob:
        """Return Terraform's job for the component, with the variables that the module declares.

        `by_value` are producers that the variable `dependencies` does not have. `reads_parameters`: the
        module reads parameters by their names, so it must be told those that are not yet as they will be.
        `states` are those that it reads, and whose they are. `as_now`: with the producers' runtimes of now,
        whatever plans foresee.
        """
        held = self._loaded(address).config
        config = (held.value if held else None) or {}
        planned = {p: self._as_now(p) if as_now else self.planned(p) for p in consumed}
        resolved = resolve(config, planned)
        by_state = frozenset(states.values()) & consumed.keys()
        of_runtimes = {p: without_outputs(k) if p in by_state else k for p, k in consumed.items()}
        parts = {p: counted(planned[p].known, keys) for p, keys in of_runtimes.items()}
        marks = {
            p: counted_marks(planned[p].unknown, keys)
            for p, keys in sorted(of_runtimes.items())
            if p not in by_value
        }
        dependencies = {p: part for p, part in parts.items() if p not in by_value}
        definition = self._definitions.get(type_of(address), EMPTY)
        offered = offered_variables(self._workspace, address, resolved.config, dependencies, definition)
        read = {p: counted(planned[p].known, outputs_in(consumed[p])) for p in by_state}
        received = {p: part | read.get(p, {}) for p, part in parts.items()}
        secrets = self._learn_secrets(address, module, resolved.config, received, by_state)
        return TerraformJob(
            address=address,
            module=module,
            variables={name: value for name, value in offered.items() if name in module.variables},
            unknown=root_variables.unknown_variables(resolved.marks, marks, definition, module.variables),
            parameters=self._planned_parameters(consumed) if reads_parameters and not as_now else {},
            provisioner_credentials=definition.provisioner_credentials,
            secrets=secrets,
            states=() if as_now else self._planned_states(states),
            reads_states_of=tuple(sorted(by_state)),
        )

    def _learn_secrets(
        self,
        address: str,
        module: Module,
        config: JsonObject,
        received: Mapping[str, JsonObject],
        by_state: Collection[str],
    ) -> tuple[JsonValue, ...]:
        """The secrets among a component's inputs, which are masked from now on.

        `received` is what counts of its producers' runtimes, and their outputs that it reads, as far as their
        runtimes have them; `by_state` are those whose states it reads.
        """
        secrets = input_secrets(
            address,
            configs=(config, *applied_configs(self._loaded(address).applied)),
            definition=self._definitions.get(type_of(address), EMPTY),
            variables=self._workspace.environment.variables,
            module=module,
            runtimes=[
                *self._secret_parts(address, received),
                *(self.outputs.planned_secrets(producer) for producer in sorted(by_state)),
            ],
        )
        self._workspace.known_secrets.learn(address, secrets)
        return secrets

    def _planned_states(self, states: Mapping[NamedState, str]) -> tuple[PlannedState, ...]:
        """The states that will have other outputs than they have, or may."""
        foreseen = ((named, self.outputs.foreseen(states[named])) for named in sorted(states))
        return tuple(PlannedState(named=n, outputs=outputs) for n, outputs in foreseen if outputs is not None)

    def resolved(self, address: str, consumed: Consumed) -> Resolved:
        """The component's config with the values that it takes of its producers' runtimes, as planned."""
        held = self._loaded(address).config
        return resolve((held.value if held else None) or {}, {p: self.planned(p) for p in consumed})

    def secret_keys(self, address: str) -> frozenset[str] | None:
        """The keys of the component's runtime that are secret, as is known by now; None: all are."""
        self.runtime(address)
        with self._lock:
            return self._secret.get(address, frozenset())

    def _secret_parts(self, address: str, dependencies: Mapping[str, JsonObject]) -> list[JsonObject]:
        """The secret parts of the runtimes that the component consumes, as planned, now, and when applied."""
        applied = self._loaded(address).applied
        before = set(applied.edges) if applied is not None else set()
        held = {p: self.runtime(p) or {} for p in sorted(before) if self._is_secure(p)}
        now = {p: self.runtime(p) or {} for p in sorted(dependencies) if p in self._secret} | held
        outdated = outdated_parts(self._workspace, applied, now, self.seal)
        parts = (*dependencies.items(), *now.items())
        return [*outdated, *(secret_part(part, self._secret[p]) for p, part in parts if p in self._secret)]

    def _is_secure(self, address: str) -> bool:
        """Whether the component's runtime is a SecureString."""
        loaded = self._inventory.components.get(address)
        held = loaded.runtime if loaded is not None else None
        return held is not None and held.parameter.kind is ParameterKind.SECURE

    def _planned_parameters(self, consumed: Consumed) -> dict[str, PlannedRuntime]:
        """Parameters that will hold something else than they do: consumed runtimes and proposed configs."""
        planned: dict[str, PlannedRuntime] = {}
        with self._lock:
            for producer in sorted(consumed.keys() & self._foreseen.keys()):
                planned[self._workspace.runtime_parameter(producer)] = self._foreseen[producer]
        return planned | self._proposed_configs

    @cached_property
    def _proposed_configs(self) -> dict[str, PlannedRuntime]:
        names = ((self._workspace.config_parameter(a), a) for a in sorted(self._inventory.components))
        configs = {name: self._inventory.components[a].config for name, a in names if name in self._proposed}
        return {
            name: PlannedRuntime(known=held.value)
            for name, held in configs.items()
            if held is not None and held.value is not None
        }


def offered_variables(
    workspace: Context,
    address: str,
    config: JsonMapping,
    dependencies: Mapping[str, JsonMapping],
    definition: TypeDefinition,
) -> JsonObject:
    """Return every variable that Karma can give a module (docs/writing-modules.md)."""
    settings = workspace.environment
    environment = root_variables.Environment(
        name=settings.name, prefix=settings.prefix, region=settings.region, variables=settings.variables
    )
    return root_variables.values(environment, address, config, dependencies, definition)


def found_by_lookup(edges: Iterable[Edge]) -> tuple[str, ...]:
    """The producers of which a component's edges say that its module looks something up."""
    return tuple(e.target for e in edges if e.kind is Kind.DEPENDS_ON and LOOKUP in e.via)


def read_by_state(edges: Iterable[Edge]) -> frozenset[str]:
    """The producers whose states a component's edges say that it reads."""
    return frozenset(edge.target for edge in edges if STATE in edge.via)


def consumed_by(edges: Iterable[Edge]) -> dict[str, tuple[str, ...] | None]:
    """Return what a component's edges say it consumes; a dependency with no visible reading counts whole."""
    consumed: dict[str, tuple[str, ...] | None] = {}
    for edge in edges:
        if edge.kind == Kind.CONSUMES:
            consumed[edge.target] = edge.keys
        elif edge.kind == Kind.DEPENDS_ON:
            consumed.setdefault(edge.target, None)
    return consumed
