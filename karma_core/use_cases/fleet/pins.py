"""The versions that a run began with, so that a resumed one works with the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from karma_core.component_types import EMPTY
from karma_core.decoding import convert
from karma_core.documents import written
from karma_core.errors import BadInput, Refused
from karma_core.json_types import JsonObject
from karma_core.model import Record
from karma_core.needs import FleetSource, HasModules, HasParameters
from karma_core.records import Parameter, Run
from karma_core.use_cases.fleet.fleet import Fleet


class Pins(Record, frozen=True, kw_only=True):
    """Config versions by address, module digests and definitions by type.

    `moves` maps components to the old addresses whose deployments they take over.
    """

    configs: dict[str, int] = {}
    modules: dict[str, str] = {}
    definitions: dict[str, JsonObject] = {}
    moves: dict[str, str] = {}

    @property
    def touched(self) -> set[str]:
        """Every address that the run may change."""
        return {*self.configs, *self.moves.values()}


NO_PINS: Final = Pins()


def pin(workspace: HasModules, fleet: Fleet, chosen: set[str]) -> Pins:
    """Return the current versions. The modules are archived, so that a resumed run finds them."""
    configs = {a: held.parameter.version for a in sorted(chosen) if (held := fleet[a].config) is not None}
    modules = {}
    for address in sorted(chosen):
        module = fleet.values.module(address)
        if module is not None:
            modules[module.type] = module.digest
            workspace.modules.archive(module)
    definitions = {name: written(fleet.definitions.get(name, EMPTY)) for name in sorted(modules)}
    moves = {address: source for address, source in fleet.moves.items() if address in chosen}
    return Pins(configs=configs, modules=modules, definitions=definitions, moves=moves)


def pinned(run: Run) -> Pins:
    """The versions that a run began with."""
    return convert(run.options.get("pins", {}), Pins)


def moved_on(workspace: FleetSource, pins: Pins) -> tuple[str, ...]:
    """Return a sentence for each version that differs from the one the run began with."""
    said = []
    for address, version in sorted(pins.configs.items()):
        now = workspace.parameters.get(workspace.config_parameter(address))
        if now is None:
            said.append(f"the config of {address} was deleted since the run began; it is left out")
        elif now.version != version:
            said.append(f"the config of {address} has version {now.version} now; the run has {version}")
    for component_type, digest in sorted(pins.modules.items()):
        if _digest_now(workspace, component_type) != digest:
            said.append(f"the module {component_type} changed since the run began; the run has the old one")
    if said:
        said.append("`karma deploy` brings what is there now, when this run has ended")
    return tuple(said)


def _digest_now(workspace: HasModules, component_type: str) -> str | None:
    try:
        module = workspace.modules.module(component_type)
    except BadInput:
        return None  # changed so that it cannot even be read
    return module.digest if module else None


def pinned_parameters(workspace: HasParameters, pins: Pins) -> Iterator[Parameter]:
    """Everything below the prefix, pinned configs in their pinned version (where the store still has it)."""
    if not pins.configs:
        return workspace.parameters.read_tree(workspace.prefix)
    return _pinned(workspace, pins)


def _pinned(workspace: HasParameters, pins: Pins) -> Iterator[Parameter]:
    wanted = {workspace.config_parameter(address): version for address, version in pins.configs.items()}
    for parameter in workspace.parameters.read_tree(workspace.prefix):
        version = wanted.get(parameter.name)
        if version is not None and version != parameter.version:
            held = workspace.parameters.get(parameter.name, version=version)
            if held is None:
                raise Refused(
                    f"{parameter.name} is not kept any more in version {version}",
                    why="the run began with it, and the parameter store keeps only so many versions",
                    next_step="abandon the run with `karma deploy --abandon`, and deploy again",
                    code="not-resumable",
                )
            yield held
        else:
            yield parameter


Overlay = Mapping[str, Parameter | None]
"""Parameters by name that stand in for those of the store; None hides one."""


def overlaid(parameters: Iterable[Parameter], overlay: Overlay) -> Iterator[Parameter]:
    """The parameters, those of the overlay in their place or added."""
    yield from (parameter for parameter in parameters if parameter.name not in overlay)
    yield from (parameter for parameter in overlay.values() if parameter is not None)
