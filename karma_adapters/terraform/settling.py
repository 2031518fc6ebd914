"""What comes before anything is done with a component: an apply that outlived its Karma has to be settled."""

from __future__ import annotations

from typing import Final

from karma_adapters.terraform import failure
from karma_adapters.terraform.apply_records import ApplyRecords
from karma_core.plan.unseen import maybe_created
from karma_core.ports import Say

_MARGIN_SECONDS: Final = 30
"""After an interrupted apply must have ended, until it is not waited for any more. Ours."""


class Settling:
    """Waits for such an apply, whose Terraform has `save_seconds` to end once it is interrupted."""

    def __init__(self, records: ApplyRecords, save_seconds: int, say: Say) -> None:
        self._records = records
        self._seconds = save_seconds + _MARGIN_SECONDS
        self._say = say

    def settle(self, address: str) -> None:
        """Wait for its end; DeployFailed where it does not come, or where it is not known what it made."""
        what = f"the Terraform of a run that died, which saves the state of {address}"

        def say(waited: int) -> None:
            self._say("waiting", {"for": what, "seconds": waited})

        if not self._records.wait(address, self._seconds, say):
            raise failure.still_running(address)
        self._records.drop_settled(address)
        if names := self._records.maybe_created(address):
            raise maybe_created(address, names)
