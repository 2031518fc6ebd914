"""The versions that a run began with, so that a resumed one works with the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from karma_core.model import Record
from karma_core.records import Parameter, Run
from karma_core.use_cases.fleet import Fleet
from karma_core.workspace import Workspace


class Pins(Record, frozen=True, kw_only=True):
    """Config versions by address, module digests by type."""

    configs: dict[str, int] = {}
    modules: dict[str, str] = {}


NO_PINS: Final = Pins()


def pins_of(fleet: Fleet, chosen: set[str]) -> Pins:
    """The versions of now."""
    configs = {a: held.parameter.version for a in sorted(chosen) if (held := fleet[a].config) is not None}
    modules = {}
    for address in sorted(chosen):
        module = fleet.values.module(address)
        if module is not None:
            modules[module.type] = module.digest
    return Pins(configs=configs, modules=modules)


def pinned(run: Run) -> Pins:
    """The versions that a run began with."""
    found: dict[str, Any] = run.options.get("pins", {})
    return Pins(configs=dict(found.get("configs", {})), modules=dict(found.get("modules", {})))


def pinned_parameters(workspace: Workspace, pins: Pins) -> Iterator[Parameter]:
    """Everything below the prefix, pinned configs in their pinned version (where the store still has it)."""
    if not pins.configs:
        return workspace.parameters.read_tree(workspace.prefix)
    return _pinned(workspace, pins)


def _pinned(workspace: Workspace, pins: Pins) -> Iterator[Parameter]:
    wanted = {workspace.config_parameter(address): version for address, version in pins.configs.items()}
    for parameter in workspace.parameters.read_tree(workspace.prefix):
        version = wanted.get(parameter.name)
        if version is not None and version != parameter.version:
            yield workspace.parameters.get(parameter.name, version=version) or parameter
        else:
            yield parameter


Overlay = Mapping[str, Parameter | None]
"""Parameters by name that stand in for those of the store; None hides one."""


def overlaid(parameters: Iterable[Parameter], overlay: Overlay) -> Iterator[Parameter]:
    """The parameters, those of the overlay in their place or added."""
    yield from (parameter for parameter in parameters if parameter.name not in overlay)
    yield from (parameter for parameter in overlay.values() if parameter is not None)
