"""The verdict on a change, and the environment that it was reached on."""

from __future__ import annotations

from dataclasses import dataclass

from karma_core.changes import judgement
from karma_core.changes.record import Edit
from karma_core.model import Finding
from karma_core.use_cases.fleet.fleet import Fleet


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A verdict and its basis. `fleet` is the simulated environment, None if it cannot be simulated.

    `unseen` are types of edited components of whose modules nothing is known here: whoever has the modules
    judges. `plan_id` is the plan of a run that was made already, where nothing has moved since.
    """

    edits: tuple[Edit, ...]
    findings: tuple[Finding, ...]
    cone: tuple[str, ...]
    reads: tuple[str, ...]
    needs: tuple[str, ...]
    versions: dict[str, int]
    token: str
    fleet: Fleet | None
    unseen: tuple[str, ...] = ()
    plan_id: str | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that reject the change."""
        return () if self.unseen else judgement.errors(self.findings)

    @property
    def left_open(self) -> str:
        """What the verdict leaves to a process that has the modules; empty if nothing."""
        return f"{', '.join(self.unseen)} is not known here: a worker judges it" if self.unseen else ""

    @property
    def why(self) -> str:
        """The first error, in one sentence."""
        first = self.errors[0]
        more = f" (and {len(self.errors) - 1} more)" if len(self.errors) > 1 else ""
        return f"{first.said}{more}"
