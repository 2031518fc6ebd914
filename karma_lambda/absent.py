"""Ports of what a function has not: modules, Terraform, reload actions, a Git work tree, runs to order."""

# ruff: noqa: D102, ARG002 - karma_core.ports says what each method does and takes

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from karma_core.errors import Refused
from karma_core.inference.facts import ModuleFacts
from karma_core.model import Provenance
from karma_core.ports import Refuse
from karma_core.records import (
    ConfigFile,
    DriftReport,
    Module,
    TerraformJob,
    TerraformOutputs,
    TerraformPlan,
)


def _refuse(what: str) -> NoReturn:
    raise Refused(
        f"{what} is not done here",
        why="a function has no modules, no Terraform and no work tree",
        next_step="request a change, or use the command line; workers do it",
        code="no-terraform",
    )


class NoModules:
    """No type has a module: what is known of them is what the last builder kept."""

    def types(self) -> tuple[str, ...]:
        return ()

    def definition(self, component_type: str) -> dict[str, Any] | None:
        return None

    def module(self, component_type: str) -> Module | None:
        return None

    def facts(self, component_type: str) -> ModuleFacts | None:
        return None

    def revision(self) -> str:
        return ""

    def archive(self, module: Module) -> str:
        _refuse("archiving a module")

    def archived(self, digest: str, component_type: str) -> Module | None:
        return None

    def archived_facts(self, digest: str, component_type: str) -> ModuleFacts | None:
        return None


class NoTerraform:
    """Plans and applies nothing."""

    def version(self) -> str:
        return ""

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

    def outputs(self, job: TerraformJob) -> TerraformOutputs:
        _refuse("reading a Terraform state")

    def refresh(self, job: TerraformJob) -> DriftReport:
        _refuse("looking for drift")

    def has_state(self, address: str) -> bool:
        return False

    def stop(self) -> None:
        """Nothing runs."""


class NoReloader:
    """Reloads nothing."""

    def reload(self, action: dict[str, Any], *, address: str, environment: str, idempotency_key: str) -> str:
        _refuse("reloading")


class NoRepository:
    """No Git directory."""

    def scan(self, environment: str, *, refuse: Refuse | None = None) -> Iterator[ConfigFile]:
        _refuse("reading configs from Git")

    def read(self, file: ConfigFile) -> bytes:
        _refuse("reading configs from Git")

    def write(self, environment: str, address: str, content: bytes | None) -> str:
        _refuse("writing configs to Git")

    def config_at(self, environment: str, address: str, commit: str) -> bytes | None:
        _refuse("reading configs from Git")

    def provenance(self, files: Sequence[ConfigFile]) -> dict[str, Provenance]:
        return {}

    def head(self) -> str | None:
        return None

    def changed_since(self, environment: str, ref: str) -> tuple[set[str], set[str]]:
        _refuse("comparing with Git")


class NoPublishIndex:
    """Remembers no publish."""

    def load(self, environment: str) -> dict[str, tuple[str, str]]:
        return {}

    def save(self, environment: str, entries: Mapping[str, tuple[str, str]], revision: str) -> None:
        _refuse("publishing configs")

    def revision(self, environment: str) -> str | None:
        return None


class NoRuns:
    """Starts nothing: the functions that order runs have a starter."""

    def start(self, flow: str, parameters: Mapping[str, object], *, idempotency_key: str) -> str:
        _refuse(f"starting {flow}")
