"""One config as the parameter store has it, with where it came from and its earlier versions."""

from __future__ import annotations

from msgspec.structs import replace

from karma_core import ids, strictjson
from karma_core.json_types import JsonValue
from karma_core.model import Provenance, Record
from karma_core.needs import ConfigShowing, HasParameters
from karma_core.provenance import read_description
from karma_core.records import Parameter
from karma_core.use_cases.configs.kept_versions import choose
from karma_core.use_cases.fleet.binding import check_binding
from karma_core.use_cases.fleet.config_secrets import ShownConfigs


class ConfigVersion(Record, frozen=True, kw_only=True):
    """One kept version; provenance None where Karma did not write it."""

    version: int
    modified_at: str
    provenance: Provenance | None


class ShownConfig(Record, frozen=True, kw_only=True):
    """A config version. `config` is None where it is `secret`; `history` is oldest first."""

    address: str
    parameter: str
    version: int
    current: bool
    secret: bool
    config: JsonValue
    tier: str
    modified_at: str
    provenance: Provenance | None
    history: tuple[ConfigVersion, ...]


def show(workspace: ConfigShowing, address: str, version: int | None = None) -> ShownConfig:
    """As `read_version`, for people: what is secret by its key, the schema or the module is masked."""
    read = read_version(workspace, address, version)
    return replace(read, config=ShownConfigs(workspace).masked(address, read.config))


def read_version(workspace: HasParameters, address: str, version: int | None = None) -> ShownConfig:
    """A config by address (default: its current version); NotFound, or BadInput where it is not JSON.

    Where the current version is a SecureString no version is shown: what became secret is not told by the
    versions before it.
    """
    ids.Address.parse(address)
    check_binding(workspace)
    name = workspace.config_parameter(address)
    history = workspace.parameters.history(name)
    parameter = choose(history, version, address=address, what="published config", make="publish")
    secret = parameter.value is None or history[-1].value is None
    return ShownConfig(
        address=address,
        parameter=name,
        version=parameter.version,
        current=parameter.version == history[-1].version,
        secret=secret,
        config=None if secret else strictjson.parse((parameter.value or "").encode(), where=name),
        tier=parameter.tier,
        modified_at=parameter.modified_at,
        provenance=read_description(parameter.description),
        history=tuple(map(_version, history)),
    )


def _version(parameter: Parameter) -> ConfigVersion:
    return ConfigVersion(
        version=parameter.version,
        modified_at=parameter.modified_at,
        provenance=read_description(parameter.description),
    )
