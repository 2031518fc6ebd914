"""Modules and Terraform in memory, for tests of what stands on them.

Every type's module is the same: one resource `terraform_data.this` whose input is the component's variables
(its nickname aside), which is replaced when `config.replace_on` changes, and these outputs: `runtime`, an
object of the config's keys and `id`, which is unknown until the resource is created; and, where the config
has `secret`, a sensitive output of that name. `tests/contract` runs the same module on real Terraform.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from karma_core import strictjson
from karma_core.errors import DeployFailed
from karma_core.inference.facts import ModuleFacts
from karma_core.json_difference import differences
from karma_core.masking.masker import leaves_of, masker_of
from karma_core.plan.unseen import maybe_created
from karma_core.records import (
    DriftedAttribute,
    DriftedResource,
    DriftReport,
    Module,
    PlannedOutputs,
    PlannedResource,
    StateHeight,
    TerraformJob,
    TerraformOutputs,
    TerraformPlan,
)

VARIABLES: Final = ("component_name", "config", "dependencies", "iac_prefix", "nickname", "region")
SECRET: Final = "secret"
MASK: Final = "(sensitive)"


class MemoryModules:
    """Modules by type. `edit` gives a type new files; `definitions` are the parsed component.yaml.

    `known_facts` are the facts of types that have any; of the others nothing is known. `children` are the
    directories of child modules, by the type that loads them.
    """

    def __init__(
        self, types: tuple[str, ...] = (), definitions: Mapping[str, dict[str, Any]] | None = None
    ) -> None:
        self._contents = dict.fromkeys(types, "1")
        self._definitions = dict(definitions or {})
        self._archive: dict[tuple[str, str], Module] = {}
        self._archived_facts: dict[tuple[str, str], ModuleFacts] = {}
        self.known_facts: dict[str, ModuleFacts] = {}
        self.children: dict[str, tuple[str, ...]] = {}

    def edit(self, component_type: str, content: str) -> None:
        """Add a type, or change its module."""
        self._contents[component_type] = content

    def types(self) -> tuple[str, ...]:
        """Types with a module or a definition, sorted."""
        return tuple(sorted({*self._contents, *self._definitions}))

    def definition(self, component_type: str) -> dict[str, Any] | None:
        """The definition, or None."""
        return self._definitions.get(component_type)

    def module(self, component_type: str) -> Module | None:
        """The module, or None."""
        content = self._contents.get(component_type)
        if content is None:
            return None
        return Module(
            type=component_type,
            digest=strictjson.digest([component_type, content]),
            path=f"memory:{component_type}",
            variables=VARIABLES,
            outputs=("runtime",),
        )

    def facts(self, component_type: str) -> ModuleFacts | None:
        """The facts, or None."""
        return self.known_facts.get(component_type)

    def parts(self, component_type: str) -> tuple[str, ...]:
        """The type's directory and those of its child modules."""
        return (component_type, *self.children.get(component_type, ()))

    def revision(self) -> str:
        """A digest of all contents and definitions."""
        return strictjson.digest([self._contents, self._definitions])

    def archive(self, module: Module) -> str:
        """Keep the module."""
        self._archive[module.digest, module.type] = module
        if module.type in self.known_facts:
            self._archived_facts[module.digest, module.type] = self.known_facts[module.type]
        return module.digest

    def archived(self, digest: str, component_type: str) -> Module | None:
        """A kept module."""
        return self._archive.get((digest, component_type))

    def archived_facts(self, digest: str, component_type: str) -> ModuleFacts | None:
        """What was known of it when it was kept."""
        return self._archived_facts.get((digest, component_type))

    def kept(self) -> dict[tuple[str, str], Module]:
        """The archive itself: (digest, type) → module."""
        return self._archive


class MemoryTerraform:
    """States, plans and failures in memory.

    `failures` maps an address to the command that shall fail (`plan` or `apply`), `failures_once` to one that
    shall fail the next time only, `failure_texts` to what a failure says; `calls` lists what was done, in
    order, as (command, address). `outside`
    maps an address to config values that somebody changed in the cloud, or to None where the resource was
    deleted there; an apply sets it right. `lost` are addresses whose state their last apply could not write,
    `locks` what is known of locks on states, `lock_facts` what a refusal because of one says beside it.
    `unseen` are the resources of a component that a killed apply may have created,
    `machine` is where it runs.
    """

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}
        self.failures_once: dict[str, str] = {}
        self.failure_texts: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.outside: dict[str, dict[str, Any] | None] = {}
        self.lost: set[str] = set()
        self.locks: dict[str, dict[str, str]] = {}
        self.lock_facts: dict[str, Any] = {}
        self.unseen: dict[str, tuple[str, ...]] = {}
        self.machine = "here"
        self._states: dict[str, dict[str, Any]] = {}
        self._saved: dict[str, tuple[TerraformJob, int]] = {}
        self._serials: dict[str, int] = {}
        self._lineages: dict[str, str] = {}
        self._count = 0
        self._lock = threading.Lock()

    def states(self) -> dict[str, dict[str, Any]]:
        """The states themselves, by address."""
        return self._states

    def version(self) -> str:
        """Always the same."""
        return "memory 1.0.0"

    def plan(self, job: TerraformJob) -> TerraformPlan:
        """What an apply would do now."""
        with self._lock:
            self._called("plan", job.address)
            if job.address in self.locks:
                lock = self.locks[job.address]
                raise DeployFailed(
                    f"the state of {job.address} is locked", code="state-locked", lock=lock, **self.lock_facts
                )
            before = self._cloud(job.state_of or job.address)
            after = None if job.destroy else _planned(job, before)
            action = _action(before, after)
            saved = ""
            if action != "no-op" and not (job.unknown or job.parameters or job.states or job.state_of):
                self._count += 1
                saved = f"plan-{self._count}"
                self._saved[saved] = (job, self._serials.get(job.address, 0))
            return TerraformPlan(
                address=job.address,
                action=action,
                add=int(action in {"create", "replace"}),
                change=int(action == "update"),
                destroy=int(action in {"destroy", "replace"}),
                resources=tuple(_without_secrets(one, job) for one in _resources(action, before, after)),
                outputs=_planned_outputs(after),
                text=f"{job.address}: {action}\n",
                saved=saved,
            )

    def apply(self, job: TerraformJob, plan: TerraformPlan) -> TerraformOutputs:
        """Do what the saved plan says; DeployFailed `plan-expired` or `stale-plan` as the real one."""
        with self._lock:
            self._called("apply", job.address)
            saved = self._saved.pop(plan.saved, None)
            if saved is None:
                raise DeployFailed(f"the plan of {job.address} is not kept any more", code="plan-expired")
            planned, serial = saved
            if serial != self._serials.get(job.address, 0):
                raise DeployFailed(f"the plan of {job.address} is stale", code="stale-plan")
            self._serials[job.address] = serial + 1
            self._lineages.setdefault(job.address, self._new_lineage())
            if job.address in self.outside and self._cloud(job.address) is None:
                self._states.pop(job.address)
            self.outside.pop(job.address, None)
            if planned.destroy:
                self._states.pop(job.address, None)
            else:
                self._states[job.address] = self._made(planned)
            return self._outputs(job.address)

    def move(self, job: TerraformJob) -> None:
        """The state is the component's from now on."""
        with self._lock:
            self._called("move", job.address)
            if job.state_of in self._states:
                self._states[job.address] = self._states.pop(job.state_of)
                self._serials[job.address] = self._serials.get(job.state_of, 0)
                self._lineages[job.address] = self._lineages[job.state_of]
                self._serials[job.state_of] = self._serials[job.address] + 1

    def unlock(self, job: TerraformJob, lock_id: str) -> None:
        """Drop the lock, if it has this id."""
        with self._lock:
            self._called("unlock", job.address)
            if self.locks[job.address]["id"] == lock_id:
                del self.locks[job.address]

    def unsaved(self, address: str) -> bool:
        """Whether it is among `lost`."""
        return address in self.lost

    def recover(self, job: TerraformJob) -> None:
        """It is no longer."""
        with self._lock:
            self._called("recover", job.address)
            self.lost.discard(job.address)

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """What `unseen` says."""
        return self.unseen.get(address, ())

    def place(self) -> str:
        """What the test says."""
        return self.machine

    def digests(self, address: str, names: Sequence[str]) -> dict[str, str]:
        """Of the one resource."""
        there = strictjson.digest(self._states[address]) if address in self._states else ""
        return {name: there if name == "terraform_data.this" else "" for name in names}

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """Compared with the state of now."""
        if not before or place == self.machine:
            return ()
        now = self.digests(address, sorted(before))
        return tuple(name for name, digest in sorted(now.items()) if digest in {"", before[name]})

    def accept_created(self, address: str) -> None:
        """They are not in doubt any more."""
        self.unseen.pop(address, None)

    def unsettled(self) -> tuple[str, ...]:
        """Components in `unseen`."""
        return tuple(sorted(self.unseen))

    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        """The outputs in the state."""
        with self._lock:
            return self._outputs(job.address)

    def refresh(self, job: TerraformJob) -> DriftReport:
        """How `outside` differs from the state."""
        with self._lock:
            self._called("refresh", job.address)
            state, cloud = self._states.get(job.address), self._cloud(job.address)
            outputs = _planned_outputs(cloud)
            if state == cloud:
                return DriftReport(address=job.address, outputs=outputs)
            return DriftReport(address=job.address, resources=(_drift(state, cloud),), outputs=outputs)

    def stop(self) -> None:
        """Nothing runs after its call."""

    def inputs(self) -> dict[str, Any]:
        """Address → what its resource was made of, for every component that exists."""
        with self._lock:
            return {address: state["input"] for address, state in self._states.items()}

    def has_state(self, address: str) -> bool:
        """Whether the component exists."""
        return address in self._states

    def height(self, address: str) -> StateHeight | None:
        """The height of the state; None before the first apply, or where it was lost."""
        with self._lock:
            return self._height(address)

    # -- what somebody does to the states behind Karma's back ----------------------------------------------

    def lose_state(self, address: str) -> None:
        """Delete the component's state."""
        self._states.pop(address, None)
        self._serials.pop(address, None)
        self._lineages.pop(address, None)

    def empty_state(self, address: str) -> None:
        """Take every resource out of the component's state, as `terraform state rm` does."""
        self._states.pop(address)
        self._serials[address] += 1

    def with_state(self) -> tuple[str, ...]:
        """Components that have a state, be it empty, sorted."""
        return tuple(sorted(self._lineages))

    def copy_of_state(self, address: str) -> tuple[dict[str, Any] | None, int, str]:
        """The component's state, to be put back later: its resource, its serial, its lineage."""
        return self._states.get(address), self._serials[address], self._lineages[address]

    def put_state(self, address: str, copied: tuple[dict[str, Any] | None, int, str]) -> None:
        """Replace the component's state."""
        resource, self._serials[address], self._lineages[address] = copied
        self._states.pop(address, None)
        if resource is not None:
            self._states[address] = resource

    def _new_lineage(self) -> str:
        self._count += 1
        return f"lineage-{self._count}"

    def _height(self, address: str) -> StateHeight | None:
        if address not in self._lineages:
            return None
        return StateHeight(
            lineage=self._lineages[address],
            serial=self._serials[address],
            resources=int(address in self._states),
        )

    def _cloud(self, address: str) -> dict[str, Any] | None:
        """The resource as it really is."""
        state = self._states.get(address)
        changed = self.outside.get(address, {})
        if state is None or changed is None:
            return None
        config = {**state["input"].get("config", {}), **changed}
        return {**state, "input": {**state["input"], "config": config}} if changed else state

    def _called(self, command: str, address: str) -> None:
        self.calls.append((command, address))
        if command in {"plan", "apply"} and address in self.unseen:
            raise maybe_created(address, self.unseen[address])
        once = self.failures_once.get(address) == command
        if once:
            del self.failures_once[address]
        if once or self.failures.get(address) == command:
            raise DeployFailed(
                f"terraform {command} of {address} failed",
                why=self.failure_texts.get(address, ""),
                component=address,
                command=command,
            )

    def _made(self, job: TerraformJob) -> dict[str, Any]:
        state = _planned(job, self._states.get(job.address))
        if state["id"] is None:
            self._count += 1
            state["id"] = f"id-{self._count}"
        return state

    def _outputs(self, address: str) -> TerraformOutputs:
        state = self._states.get(address)
        height = self._height(address)
        if state is None:
            return TerraformOutputs(values={}, state=height)
        known = _planned_outputs(state)
        return TerraformOutputs(values=known.known, sensitive=known.sensitive, state=height)


def _planned(job: TerraformJob, before: dict[str, Any] | None) -> dict[str, Any]:
    """The resource after an apply; its id is None where it will be a new one."""
    inputs = {
        name: value for name, value in job.variables.items() if name not in {"nickname", "component_name"}
    }
    trigger = inputs.get("config", {}).get("replace_on")
    kept = before is not None and before["trigger"] == trigger
    return {"input": inputs, "trigger": trigger, "id": before["id"] if before and kept else None}


def _action(before: dict[str, Any] | None, after: dict[str, Any] | None) -> str:
    if after is None:
        return "destroy" if before else "no-op"
    if before is None:
        return "create"
    if after["id"] is None:
        return "replace"
    return "no-op" if after == before else "update"


def _planned_outputs(state: dict[str, Any] | None) -> PlannedOutputs:
    if state is None:
        return PlannedOutputs(known={})
    config = state["input"].get("config", {})
    shown = {key: value for key, value in sorted(config.items()) if key not in {SECRET, "replace_on"}}
    secret = {SECRET: config[SECRET]} if SECRET in config else {}
    if state["id"] is None:
        runtime = {**shown, "id": None}
        return PlannedOutputs(
            known={"runtime": runtime, **secret}, unknown={"runtime": {"id": True}}, sensitive=tuple(secret)
        )
    return PlannedOutputs(known={"runtime": {**shown, "id": state["id"]}, **secret}, sensitive=tuple(secret))


def _resources(
    action: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> tuple[PlannedResource, ...]:
    if before is None and after is None:
        return ()
    return (
        PlannedResource(
            address="terraform_data.this",
            type="terraform_data",
            action=action,
            before=_shown(before),
            after=_shown(after),
            unknown={"id": True} if after and after["id"] is None else {},
        ),
    )


def _without_secrets(resource: PlannedResource, job: TerraformJob) -> PlannedResource:
    """The resource with the secrets of the job's inputs masked, whether or not they are marked."""
    hidden = masker_of(leaves_of(list(job.secrets)))
    return replace(resource, before=hidden.value(resource.before), after=hidden.value(resource.after))


def _shown(state: dict[str, Any] | None) -> dict[str, Any] | None:
    """The resource's values, its secret masked."""
    if state is None:
        return None
    config = state["input"].get("config", {})
    masked = {**config, SECRET: MASK} if SECRET in config else config
    return {"id": state["id"], "input": {**state["input"], "config": masked}}


def _drift(state: dict[str, Any] | None, cloud: dict[str, Any] | None) -> DriftedResource:
    """The one resource as a refresh shows it."""
    shown, real = _shown(state) or {}, _shown(cloud)
    attributes = tuple(
        DriftedAttribute(pointer=d.pointer, state=d.before, cloud=d.after) for d in differences(shown, real)
    )
    return DriftedResource(
        address="terraform_data.this",
        type="terraform_data",
        change="deleted" if real is None else "changed",
        attributes=() if real is None else attributes,
    )
