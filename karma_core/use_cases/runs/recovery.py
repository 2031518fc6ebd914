"""Recover Terraform states that an apply could not write, before anything is planned on older ones."""

from __future__ import annotations

from typing import Final

from karma_core.errors import DeployFailed
from karma_core.failpoints import reach
from karma_core.needs import HasTerraform
from karma_core.outcomes import Phase
from karma_core.records import TerraformJob
from karma_core.use_cases.runs.journalling import Recorder

RECOVER: Final = "recover_state"
"""The journal's name of this step."""
ACTION: Final = "state_recover"


def recover_state(
    workspace: HasTerraform, recorder: Recorder, job: TerraformJob, generation: int
) -> str | None:
    """Push the component's unwritten state to its backend, with intent and outcome in journal and log.

    The id of the outcome's event; None where every state was written. DeployFailed where it cannot be
    brought there: nothing is planned then, and the state stays kept.
    """
    address = job.address
    if not workspace.terraform.unsaved(address):
        return None
    inputs = {"reason": "an apply could not write its state", "generation": generation}
    recorder.journal(address, generation, RECOVER, Phase.STARTED)
    intent = recorder.log(ACTION, Phase.STARTED, address, inputs=inputs)
    try:
        workspace.terraform.recover(job)
    except DeployFailed as error:
        document = error.document()
        recorder.journal(address, generation, RECOVER, Phase.FAILED, error=document)
        recorder.log(ACTION, Phase.FAILED, address, inputs={"error": document}, cause=intent)
        raise
    reach("deploy.after_recover")
    recorder.journal(address, generation, RECOVER, Phase.SUCCEEDED)
    return recorder.log(ACTION, Phase.SUCCEEDED, address, inputs=inputs, cause=intent)
