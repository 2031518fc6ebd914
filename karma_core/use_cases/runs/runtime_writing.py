"""The end of an apply: write the runtime and the applied record."""

from __future__ import annotations

from typing import Any

from karma_core import strictjson
from karma_core.errors import Conflict
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject, JsonValue
from karma_core.model import to_builtins
from karma_core.needs import HasArtifacts, PolicySource
from karma_core.outcomes import Phase
from karma_core.plan.judge import Judgement
from karma_core.plan.runtime import check_size, description_of, is_secret, runtime_of
from karma_core.records import (
    Applied,
    Module,
    ParameterKind,
    ParameterWrite,
    TerraformOutputs,
    TerraformPlan,
)
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.runs.journalling import Recorder


class RuntimeWriter:
    """Writes runtimes and records applies for one run, from several threads."""

    def __init__(self, workspace: PolicySource, fleet: Fleet, recorder: Recorder, run_id: str) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._recorder = recorder
        self._run_id = run_id

    def write(self, address: str, module: Module, outputs: TerraformOutputs) -> tuple[JsonValue, JsonObject]:
        """(the runtime before, the runtime now): written where it differs, or read back from the module."""
        values = self._fleet.values
        before = values.runtime(address)
        if module.writes_runtime and not self._writes_others_only(address):
            runtime = values.read_back(address)
        else:
            runtime = runtime_of(address, outputs.values)
            check_size(address, runtime)
            if is_secret(outputs):
                values.keep_secret(address)
            if runtime != before:
                reach("deploy.before_runtime")
                self._write(address, runtime, secret=is_secret(outputs))
        reach("deploy.after_runtime")
        return before, runtime

    def _writes_others_only(self, address: str) -> bool:
        """Whether the runtimes that the module writes are those of further addresses, not its own."""
        return bool(self._fleet.written_by(address)) and self._fleet.values.stored(address) is None

    def _write(self, address: str, runtime: JsonObject, *, secret: bool) -> None:
        """Write the runtime parameter, on the version that is there now and no other."""
        name = self._workspace.runtime_parameter(address)
        held = self._workspace.parameters.get(name)
        write = ParameterWrite(
            name=name,
            value=strictjson.canonical(runtime).decode(),
            kind=ParameterKind.SECURE if secret else ParameterKind.STRING,
            description=description_of(address, self._run_id),
            base=held.version if held else 0,
        )
        self._workspace.parameters.put([write])

    def record(self, judgement: Judgement, generation: int, step: str, **detail: JsonValue) -> None:
        """Journal a step's success together with the applied record that it makes true."""
        made = self.applied(judgement, generation)
        self._recorder.journal(judgement.address, generation, step, Phase.SUCCEEDED, applied=made, **detail)

    def applied(self, judgement: Judgement, generation: int) -> Applied:
        """Return the record of a component that was applied with its current inputs."""
        inputs = judgement.inputs
        made = self._base(judgement, generation)
        return Applied(
            **made,
            fingerprint=inputs.fingerprint,
            inputs=inputs.labels,
            keys=inputs.keys,
            edges=tuple(sorted(inputs.keys)),
            status="applied",
        )

    def failed(self, judgement: Judgement, generation: int) -> Applied:
        """Return the record of a failed apply: the actual state is unknown, so the next run re-applies.

        It consumes what it consumed before and what it should now, so that neither is destroyed under it.
        """
        earlier = self._workspace.state.applied(judgement.address)
        edges = {*judgement.inputs.keys, *(earlier.edges if earlier else ())}
        return Applied(
            **self._base(judgement, generation),
            fingerprint="",
            inputs={},
            edges=tuple(sorted(edges)),
            status="failed",
            good_config=_good_config(earlier),
        )

    def _base(self, judgement: Judgement, generation: int) -> dict[str, Any]:
        loaded = self._fleet[judgement.address]
        module = self._fleet.values.module(judgement.address)
        return {
            "address": judgement.address,
            "generation": generation,
            "run_id": self._run_id,
            "at": self._workspace.now(),
            "config": (loaded.config.value or {}) if loaded.config else {},
            "config_version": loaded.config.parameter.version if loaded.config else 0,
            "module": module.digest if module else "",
            "provenance": loaded.provenance,
        }


def _good_config(earlier: Applied | None) -> JsonObject | None:
    if earlier is None or earlier.succeeded:
        return earlier.config if earlier else None
    return earlier.good_config


def keep_plan(workspace: HasArtifacts, run_id: str, plan: TerraformPlan) -> tuple[str, ...]:
    """Store a plan's masked JSON and text in the artifact log; their keys, `…/<run>/<address>/plan.txt`.

    A run may plan a component again (a resume, a stale plan): where the plan is another one, its names carry
    a mark of its content.
    """
    body = strictjson.canonical({"action": plan.action, "resources": to_builtins(plan.resources)})
    text = plan.text.encode()
    folder = f"{workspace.name}/{workspace.now()[:10]}/{run_id}/{plan.address}"
    try:
        return _put_plan(workspace, f"{folder}/plan", body, text)
    except Conflict:
        mark = strictjson.bytes_digest(body + text).removeprefix("sha256:")[:8]
        return _put_plan(workspace, f"{folder}/plan-{mark}", body, text)


def _put_plan(workspace: HasArtifacts, name: str, body: bytes, text: bytes) -> tuple[str, ...]:
    put = workspace.artifacts.put
    return put(f"{name}.json", body), put(f"{name}.txt", text)
