"""ports.Terraform of a process that has none: others plan and apply."""

# ruff: noqa: D102, ARG002 - karma_core.ports says what each method does and takes

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from karma_core.errors import Refused
from karma_core.records import DriftReport, TerraformJob, TerraformOutputs, TerraformPlan
from karma_core.use_cases.graph.kept_modules import KeptModules
from karma_core.workspace import Workspace


def without_terraform(workspace: Workspace) -> Workspace:
    """The workspace of a process that has no modules and no Terraform: it knows of modules what was kept."""
    kept = KeptModules(workspace.state, workspace.environment)
    return replace(workspace, modules=kept, terraform=PlannedElsewhere(kept), plans_here=False)


class PlannedElsewhere:
    """Plans and applies nothing. Its version is that of those who do."""

    def __init__(self, kept: KeptModules) -> None:
        self._kept = kept

    def version(self) -> str:
        return self._kept.terraform_version()

    def plan(self, job: TerraformJob) -> TerraformPlan:
        _refuse("planning")

    def apply(self, job: TerraformJob, plan: TerraformPlan) -> TerraformOutputs:
        _refuse("applying")

    def move(self, job: TerraformJob) -> None:
        _refuse("moving a Terraform state")

    def unlock(self, job: TerraformJob, lock_id: str) -> None:
        _refuse("unlocking a Terraform state")

    def unsaved(self, address: str) -> bool:
        return False

    def recover(self, job: TerraformJob) -> None:
        _refuse("recovering a Terraform state")

    def maybe_created(self, address: str) -> tuple[str, ...]:
        return ()

    def accept_created(self, address: str) -> None:
        _refuse("settling an apply")

    def unsettled(self) -> tuple[str, ...]:
        return ()

    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        _refuse("reading a Terraform state")

    def refresh(self, job: TerraformJob) -> DriftReport:
        _refuse("looking for drift")

    def has_state(self, address: str) -> bool:
        return False

    def stop(self) -> None:
        """Nothing runs."""


def _refuse(what: str) -> NoReturn:
    raise Refused(
        f"{what} is not done here",
        why="this process has no modules and no Terraform",
        next_step="request a change, or use the command line; workers do it",
        code="no-terraform",
    )
