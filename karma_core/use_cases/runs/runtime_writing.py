"""The end of an apply: write the runtime and the applied record."""

from __future__ import annotations

from typing import Any

from karma_core import strictjson
from karma_core.checksum import checksum
from karma_core.errors import Conflict, KarmaError
from karma_core.failpoints import reach
from karma_core.json_types import JsonObject, JsonValue
from karma_core.masking.masker import leaves_of, masker_of
from karma_core.model import to_builtins
from karma_core.needs import HasArtifacts, StateKeeping
from karma_core.outcomes import Phase
from karma_core.plan.judge import Judgement
from karma_core.plan.passed_on import passed_on
from karma_core.plan.publishable import check_runtime
from karma_core.plan.runtime import (
    changed_keys,
    description_of,
    is_secret,
    marked_keys,
    names_keys,
    runtime_of,
    secret_keys_of,
)
from karma_core.records import (
    Applied,
    ParameterKind,
    ParameterWrite,
    StateHeight,
    TerraformOutputs,
    TerraformPlan,
)
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.fleet.state_outputs import output_digests
from karma_core.use_cases.runs.journalling import Recorder


class RuntimeWriter:
    """Writes runtimes and records applies for one run, from several threads."""

    def __init__(self, workspace: StateKeeping, fleet: Fleet, recorder: Recorder, run_id: str) -> None:
        self._workspace = workspace
        self._fleet = fleet
        self._recorder = recorder
        self._run_id = run_id

    def write(self, address: str, outputs: TerraformOutputs) -> tuple[JsonObject | None, JsonObject]:
        """(the runtime before, the runtime now): written where it differs, or read back from the module.

        What was before is None where there was none, or none that could be read. BadInput where it cannot be
        published, or what the module wrote not be read.
        """
        values = self._fleet.values
        before = values.runtime(address)
        if self._fleet.module_writes(address):
            runtime = values.read_back(address)
        else:
            runtime = runtime_of(address, outputs.values)
            check_runtime(address, runtime)
            secret = self._secret_keys(address, outputs, runtime)
            if secret is not None:
                values.keep_secret(address, secret)
            if before is None or changed_keys(before, runtime) or self._fleet.lost_runtime(address):
                reach("deploy.before_runtime")
                self._write(address, runtime, secret)
            elif secret is not None and self._is_due_as_secret(address, secret):
                self._write(address, runtime, secret)
        self._fleet.published_again(address)
        reach("deploy.after_runtime")
        return before, runtime

    def passed_on(self, address: str, outputs: TerraformOutputs, runtime: JsonObject) -> tuple[str, ...]:
        """The keys of the runtime that contain a secret of the component's inputs, and are not marked."""
        job = self._fleet.job(address, self._fleet.module(address))
        secrets = masker_of(leaves_of(list(job.secrets)))
        return passed_on(runtime, secrets, marked_keys(outputs, runtime))

    def _secret_keys(
        self, address: str, outputs: TerraformOutputs, runtime: JsonObject
    ) -> frozenset[str] | None:
        """The keys that are secret, marked or passed on; None where none is, and the runtime is no secret."""
        keys = marked_keys(outputs, runtime).union(self.passed_on(address, outputs, runtime))
        self._workspace.known_secrets.learn(address, leaves_of([runtime[key] for key in keys]))
        return keys if keys or is_secret(outputs) else None

    def _is_due_as_secret(self, address: str, keys: frozenset[str]) -> bool:
        """Whether a runtime whose value stays is to be written again: as a secret, or with its secret keys.

        An earlier Karma took it for no secret, or did not say which keys are.
        """
        held = self._workspace.parameters.get(self._workspace.runtime_parameter(address))
        if held is None:
            return False
        said = secret_keys_of(held.description)
        return held.kind is not ParameterKind.SECURE or (said is None and names_keys(keys))

    def _write(self, address: str, runtime: JsonObject, secret: frozenset[str] | None) -> None:
        """Write the runtime parameter, on the version that is there now and no other.

        `secret` are the keys for which it is a SecureString; None: it is none.
        """
        name = self._workspace.runtime_parameter(address)
        held = self._workspace.parameters.get(name)
        base, value = held.version if held else 0, strictjson.canonical(runtime).decode()
        check = "" if secret is not None else checksum(name, base + 1, value)
        write = ParameterWrite(
            name=name,
            value=value,
            kind=ParameterKind.STRING if secret is None else ParameterKind.SECURE,
            description=description_of(address, self._run_id, check, secret or ()),
            base=base,
        )
        self._workspace.parameters.put([write])

    def write_again(self, address: str, outputs: TerraformOutputs) -> JsonObject:
        """Publish a runtime that is gone from the outputs in the state; the runtime."""
        return self.write(address, outputs)[1]

    def record(
        self,
        judgement: Judgement,
        generation: int,
        step: str,
        *,
        outputs: TerraformOutputs | None = None,
        **detail: JsonValue,
    ) -> None:
        """Journal a step's success together with the applied record that it makes true.

        `outputs` are those in the Terraform state, with its height, where the step has read it; else what the
        earlier record knows of them stays, and the height is read now where it knows none.
        """
        made = self.applied(judgement, generation, outputs)
        self._recorder.journal(judgement.address, generation, step, Phase.SUCCEEDED, applied=made, **detail)

    def _height(self, address: str) -> StateHeight | None:
        """The height that the applied record knows; of the state of now where it knows none."""
        earlier = self._workspace.state.applied(address)
        known = earlier.state if earlier is not None else None
        return known or self._workspace.terraform.height(address)

    def _height_after_failure(self, address: str) -> StateHeight | None:
        """The height of the state of now; unknown where it cannot be read: the failure is what counts."""
        try:
            return self._workspace.terraform.height(address)
        except KarmaError:
            return None

    def applied(
        self, judgement: Judgement, generation: int, outputs: TerraformOutputs | None = None
    ) -> Applied:
        """Return the record of a component that was applied with its current inputs."""
        inputs = judgement.inputs
        state = outputs.state if outputs is not None else None
        made = self._base(judgement, generation)
        height = state or self._height(judgement.address)
        if height is not None:
            self._fleet.values.learn_state(judgement.address, height.digest)
        return Applied(
            **made,
            fingerprint=inputs.fingerprint,
            inputs=inputs.labels,
            keys=inputs.keys,
            edges=tuple(sorted(inputs.keys)),
            status="applied",
            state=height,
            outputs=self._output_digests(judgement.address, outputs),
        )

    def _output_digests(self, address: str, outputs: TerraformOutputs | None) -> dict[str, str] | None:
        """The digests of the outputs, which count from now on; else those that are known."""
        values = self._fleet.values
        if outputs is None:
            earlier = self._workspace.state.applied(address)
            return earlier.outputs if earlier is not None else None
        digests = output_digests(outputs.values, values.seal)
        values.outputs.learn(address, digests)
        return digests

    def failed(self, judgement: Judgement, generation: int, *, unpublished: str = "") -> Applied:
        """Return the record of a failed apply: the actual state is unknown, so the next run re-applies.

        `unpublished`: the apply went through, and this is why its runtime was not published. The component
        consumes what it consumed before and what it should now, so that neither is destroyed under it.
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
            outputs=earlier.outputs if earlier is not None else None,
            unpublished=unpublished,
            state=self._height_after_failure(judgement.address),
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
            "by_value": self._fleet.by_value(judgement.address),
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
