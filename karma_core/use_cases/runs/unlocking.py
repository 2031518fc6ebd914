"""Release a state lock that a dead run left, when that run is resumed and the lock was its own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from karma_core.errors import DeployFailed
from karma_core.json_types import JsonObject
from karma_core.needs import HasTerraform
from karma_core.outcomes import Phase
from karma_core.records import TerraformJob, TerraformPlan
from karma_core.use_cases.runs.journalling import Recorder

UNLOCK: Final = "unlock_state"
"""The journal's name of this step."""
ACTION: Final = "state_unlock"


class Unlocker:
    """Plans a component; if the dead attempt at this run left the state locked, releases the lock first.

    The attempt had the component's lease from `since` (ISO 8601; None: there was no attempt) until it died:
    nobody else of Karma's took a lock in that time. One from before or after belongs to somebody else.
    """

    def __init__(self, workspace: HasTerraform, recorder: Recorder, since: str | None) -> None:
        self._workspace = workspace
        self._recorder = recorder
        self._since = since
        self._until = workspace.now()

    def plan(self, job: TerraformJob, generation: int) -> TerraformPlan:
        """Return the plan; DeployFailed `state-locked` if the lock is not the dead attempt's."""
        try:
            return self._workspace.terraform.plan(job)
        except DeployFailed as error:
            lock = error.facts.get("lock")
            if error.code != "state-locked" or not isinstance(lock, dict) or not self._is_ours(lock):
                raise
        self._release(job, generation, lock)
        return self._workspace.terraform.plan(job)

    def _is_ours(self, lock: JsonObject) -> bool:
        created = _time(str(lock.get("created", "")))
        since, until = _time(self._since or ""), _time(self._until)
        return created is not None and since is not None and until is not None and since <= created <= until

    def _release(self, job: TerraformJob, generation: int, lock: JsonObject) -> None:
        inputs = {"reason": "a dead attempt at this run had left it", "lock": lock}
        self._recorder.journal(job.address, generation, UNLOCK, Phase.STARTED, lock=lock)
        intent = self._recorder.log(ACTION, Phase.STARTED, job.address, inputs=inputs)
        self._workspace.terraform.unlock(job, str(lock["id"]))
        self._recorder.journal(job.address, generation, UNLOCK, Phase.SUCCEEDED)
        self._recorder.log(ACTION, Phase.SUCCEEDED, job.address, inputs=inputs, cause=intent)


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
