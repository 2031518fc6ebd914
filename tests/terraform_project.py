"""A project with modules of its own, real Terraform and the embedded stores, in one folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.model import Finding
from karma_core.plan.document import Plan, PlannedComponent
from karma_core.records import PlannedResource
from karma_core.use_cases.configs.publish import publish
from karma_core.use_cases.graph.build import read_fleet
from karma_core.use_cases.plans.plan import plan
from karma_core.use_cases.runs.deploy import deploy
from karma_core.use_cases.runs.destroy import destroy
from karma_core.use_cases.selection.record import Selection
from karma_core.walk import ThreadExecutor
from karma_core.workspace import Workspace
from tests.memory_system import statuses

ALL = Selection(everything=True)


class TerraformProject:
    """The environment `test` of a project below `root`."""

    def __init__(self, root: Path, settings: str = "") -> None:
        self.root = root
        (root / "karma.toml").write_text(f'[environments.test]\nregion = "eu-central-1"\n{settings}')

    def module(self, component_type: str, text: str, definition: dict[str, Any] | None = None) -> None:
        """Give a type this module, and this component.yaml."""
        folder = self.root / "components" / component_type
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.tf").write_text(text)
        if definition is not None:
            (folder / "component.yaml").write_text(json.dumps(definition))

    def config(self, address: str, config: dict[str, Any]) -> None:
        """Give a component this config."""
        path = self.root / "iac" / "test" / address / "config.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(config, ensure_ascii=False))

    def publish(self) -> None:
        """Publish the configs."""
        publish(self.workspace())

    def workspace(self) -> Workspace:
        """What a new process would open."""
        return open_workspace(read_settings(self.root), "test", user="tester")

    def findings(self) -> tuple[Finding, ...]:
        """The findings of a build."""
        return read_fleet(self.workspace()).findings

    def plan(self) -> Plan:
        """A plan of everything."""
        return plan(self.workspace(), ALL)

    def planned(self) -> dict[str, PlannedComponent]:
        """The components of a plan of everything, by address."""
        return {one.address: one for one in self.plan().components}

    def deploy(self) -> dict[str, str]:
        """Deploy everything; how each component ended."""
        return statuses(deploy(self.workspace(), ALL, ThreadExecutor))

    def destroy(self) -> dict[str, str]:
        """Destroy everything; how each component ended."""
        return statuses(destroy(self.workspace(), ALL, ThreadExecutor))

    def runtime(self, address: str) -> Any:
        """A component's runtime, or None."""
        held = self.workspace().parameters.get(f"/iac/{address}/runtime", decrypt=True)
        return json.loads(held.value) if held and held.value else None


def resources(component: PlannedComponent) -> dict[str, PlannedResource]:
    """The planned resources by address."""
    return {one.address: one for one in component.resources}
