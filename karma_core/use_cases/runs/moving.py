"""Moving a renamed component's deployment to its new address: state, runtime, records, config."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from karma_core.errors import DeployFailed
from karma_core.failpoints import reach
from karma_core.needs import DestroyPlanning, HasParameters
from karma_core.outcomes import Phase
from karma_core.records import ParameterWrite, TerraformJob
from karma_core.use_cases import leasing
from karma_core.use_cases.fleet.fleet import Fleet
from karma_core.use_cases.runs.journalling import Recorder
from karma_core.use_cases.runs.recovery import recover_state

MOVE: Final = "move"
"""The journal's name of this step."""
ACTION: Final = "component_move"


def move_component(
    workspace: DestroyPlanning, fleet: Fleet, recorder: Recorder, job: TerraformJob, generation: int
) -> str | None:
    """Carry out the move that the component's config asks for; the id of the outcome's event.

    None where there is none. Every part can be done again, and the records move last: a run that died in
    between is resumed here. DeployFailed where the state cannot be moved.
    """
    address, source = job.address, job.state_of
    if not source or workspace.state.applied(source) is None:
        return None
    recover_state(workspace, recorder, replace(job, address=source, state_of=""), generation)
    inputs = {"moved_from": source, "generation": generation}
    recorder.journal(address, generation, MOVE, Phase.STARTED, moved_from=source)
    intent = recorder.log(ACTION, Phase.STARTED, address, inputs=inputs)
    try:
        workspace.terraform.move(job)
    except DeployFailed as error:
        document = error.document()
        recorder.journal(address, generation, MOVE, Phase.FAILED, error=document)
        recorder.log(ACTION, Phase.FAILED, address, inputs={"error": document}, cause=intent)
        raise
    reach("deploy.after_state_move")
    if not job.module.writes_runtime:  # else Terraform replaces the parameter, as any other resource
        _move_runtime(workspace, fleet, source, address)
    with leasing.held(workspace, [leasing.PARAMETERS]):
        workspace.parameters.delete([workspace.config_parameter(source)])
    reach("deploy.before_record_move")
    record = workspace.state.applied(source)
    moved = replace(record, address=address) if record is not None else None
    recorder.journal(address, generation, MOVE, Phase.SUCCEEDED, applied=moved, forget=source)
    return recorder.log(ACTION, Phase.SUCCEEDED, address, inputs=inputs, cause=intent)


def _move_runtime(workspace: HasParameters, fleet: Fleet, source: str, address: str) -> None:
    """Write the runtime under the new name; consumers wait for the component, so none misses it."""
    old, new = workspace.runtime_parameter(source), workspace.runtime_parameter(address)
    held = workspace.parameters.get(old, decrypt=True)
    if held is None or held.value is None:
        return
    there = workspace.parameters.get(new)
    write = ParameterWrite(
        name=new,
        value=held.value,
        kind=held.kind,
        description=f"Runtime of {address}, moved by Karma from {source}",
        base=there.version if there else 0,
    )
    workspace.parameters.put([write])
    fleet.values.learn(address, fleet.values.stored(address))
    workspace.parameters.delete([old])
