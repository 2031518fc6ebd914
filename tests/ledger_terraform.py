"""A Terraform in this process whose states are files as Terraform writes them, and a cloud beside them.

The module is that of `tests/memory/terraform.py`. A state names its resource by an id; what the resource is
stands in the cloud alone, so that a lost or altered state has the consequences that it has with a provider:
a resource whose id nobody knows is made a second time.
"""

from __future__ import annotations

import copy
import itertools
import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karma_adapters.terraform.backend import LocalBackend, height_of
from karma_core.engines import ANY, EngineChoice
from karma_core.errors import DeployFailed
from karma_core.records import (
    DriftReport,
    Module,
    StateHeight,
    TerraformJob,
    TerraformOutputs,
    TerraformPlan,
)
from tests.memory.terraform import _action, _drift, _planned, _planned_outputs, _resources

Resource = dict[str, Any]


@dataclass(frozen=True)
class Operation:
    """What was done to a component's resource, `create`, `update` or `delete`, and its config."""

    kind: str
    address: str
    config: dict[str, Any]


@dataclass
class Cloud:
    """What really exists: id → resource (`input`, `trigger`, `id`), and everything that was done."""

    resources: dict[str, Resource] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    operations: list[Operation] = field(default_factory=list)

    def copy(self) -> Cloud:
        """The same cloud, with nothing done to it yet."""
        return Cloud(copy.deepcopy(self.resources), dict(self.owners))

    def of(self, address: str) -> list[Resource]:
        """The resources that were made for a component."""
        return [self.resources[name] for name, owner in self.owners.items() if owner == address]

    def put(self, address: str, resource: Resource) -> None:
        """Create or update."""
        kind = "update" if resource["id"] in self.resources else "create"
        self.resources[resource["id"]] = resource
        self.owners[resource["id"]] = address
        self.operations.append(Operation(kind, address, resource["input"]["config"]))

    def delete(self, name: str) -> None:
        """Delete."""
        resource, address = self.resources.pop(name), self.owners.pop(name)
        self.operations.append(Operation("delete", address, resource["input"]["config"]))


class LedgerTerraform:
    """`ports.Terraform` over `cloud`, with states in `<folder>/<type>/<nickname>/terraform.tfstate`."""

    _ids = itertools.count(1)

    def __init__(self, folder: Path, cloud: Cloud) -> None:
        self.cloud = cloud
        self._folder = folder
        self._backend = LocalBackend(folder)
        self._saved: dict[str, tuple[TerraformJob, int, Resource | None]] = {}
        self._lock = threading.Lock()

    def version(self, engine: EngineChoice = ANY) -> str:
        """Always the same."""
        return "ledger 1.0.0"

    def require_engine(self, component_type: str, engine: EngineChoice) -> None:
        """Every version is taken."""

    def require_valid(self, job: TerraformJob) -> None:
        """Every module is valid."""

    def faults(self, module: Module, engine: EngineChoice = ANY) -> tuple[str, ...]:
        """None."""
        return ()

    def plan(self, job: TerraformJob) -> TerraformPlan:
        """What an apply would do, by the state's id and the cloud."""
        with self._lock:
            state = self._state(job.address)
            before = self._refreshed(state)
            after = None if job.destroy else _planned(job, before)
            action = _action(before, after)
            saved = ""
            if action != "no-op" and not (job.unknown or job.parameters):
                saved = f"plan-{next(self._ids)}"
                self._saved[saved] = (job, state.get("serial", 0), before)
            return TerraformPlan(
                address=job.address,
                action=action,
                add=int(action in {"create", "replace"}),
                change=int(action == "update"),
                destroy=int(action in {"destroy", "replace"}),
                resources=_resources(action, before, after),
                outputs=_planned_outputs(after),
                text=f"{job.address}: {action}\n",
                saved=saved,
            )

    def apply(self, job: TerraformJob, plan: TerraformPlan) -> TerraformOutputs:
        """Do what the saved plan says, in the cloud and in the state."""
        with self._lock:
            planned, serial, before = self._saved.pop(plan.saved)
            state = self._state(job.address)
            if serial != state.get("serial", 0):
                raise DeployFailed(f"the plan of {job.address} is stale", code="stale-plan")
            after = None if planned.destroy else _planned(planned, before)
            if before is not None and (after is None or after["id"] is None):
                self.cloud.delete(before["id"])
            if after is not None:
                after["id"] = after["id"] or f"id-{next(self._ids):06}"
                self.cloud.put(job.address, after)
            self._write(job.address, state, after)
        return self.outputs(job)

    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        """The outputs in the state."""
        state = self._backend.state(job.address)
        outputs = (state or {}).get("outputs", {})
        return TerraformOutputs(
            values={name: outputs[name]["value"] for name in sorted(outputs)},
            sensitive=tuple(name for name in sorted(outputs) if outputs[name].get("sensitive")),
            state=height_of(state),
        )

    def refresh(self, job: TerraformJob) -> DriftReport:
        """Compare the state with the cloud."""
        with self._lock:
            recorded = self._recorded(self._state(job.address))
            real = self.cloud.resources.get(recorded["id"]) if recorded else None
            outputs = _planned_outputs(real)
            if recorded == real:
                return DriftReport(address=job.address, outputs=outputs)
            return DriftReport(address=job.address, resources=(_drift(recorded, real),), outputs=outputs)

    def height(self, address: str) -> StateHeight | None:
        """Read from the file."""
        return height_of(self._backend.state(address))

    def has_state(self, address: str) -> bool:
        """Whether the state has a resource."""
        return bool((self._backend.state(address) or {}).get("resources"))

    def move(self, job: TerraformJob) -> None:
        """No test moves a component."""
        raise NotImplementedError

    unlock = move

    def recover(self, job: TerraformJob) -> None:
        """Do nothing: every state is saved."""

    def unsaved(self, address: str) -> bool:
        """No state is kept aside."""
        del address
        return False

    def maybe_created(self, address: str) -> tuple[str, ...]:
        """No apply is ever killed."""
        del address
        return ()

    def place(self) -> str:
        """One machine."""
        return "here"

    def digests(self, address: str, names: Sequence[str]) -> dict[str, str]:
        """Nothing is asked for it: no apply is killed."""
        del address
        return dict.fromkeys(names, "")

    def lacking(self, address: str, place: str, before: Mapping[str, str]) -> tuple[str, ...]:
        """Nothing."""
        del address, place, before
        return ()

    def accept_created(self, address: str) -> None:
        """Do nothing."""

    def unsettled(self) -> tuple[str, ...]:
        """None."""
        return ()

    def stop(self) -> None:
        """Nothing runs after its call."""

    # -- states -------------------------------------------------------------------------------------------

    def _state(self, address: str) -> dict[str, Any]:
        return self._backend.state(address) or {}

    def _recorded(self, state: dict[str, Any]) -> Resource | None:
        """The resource as the state has it."""
        instances = [one for r in state.get("resources", ()) for one in r.get("instances", ())]
        if not instances:
            return None
        attributes = instances[0].get("attributes") or {}
        return {name: attributes.get(name) for name in ("input", "trigger", "id")}

    def _refreshed(self, state: dict[str, Any]) -> Resource | None:
        """The resource as it is in the cloud; None where the state knows of none that exists."""
        recorded = self._recorded(state)
        return self.cloud.resources.get(str(recorded["id"])) if recorded else None

    def _write(self, address: str, before: dict[str, Any], resource: Resource | None) -> None:
        known = _planned_outputs(resource)
        outputs = {
            name: {"value": value, "sensitive": name in known.sensitive}
            for name, value in known.known.items()
        }
        shape = {"mode": "managed", "type": "terraform_data", "name": "this"}
        instances = [{"schema_version": 0, "attributes": resource}]
        state = {
            "version": 4,
            "terraform_version": "1.0.0",
            "serial": before.get("serial", 0) + 1,
            "lineage": before.get("lineage") or str(uuid.uuid4()),
            "outputs": outputs if resource else {},
            "resources": [{**shape, "instances": instances}] if resource else [],
            "check_results": None,
        }
        path = self._folder / address / "terraform.tfstate"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(state, indent=2))
