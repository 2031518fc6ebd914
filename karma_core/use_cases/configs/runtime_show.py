"""One runtime as the parameter store has it, with its earlier versions and the runs that published them."""

from __future__ import annotations

from karma_core import ids, strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonValue
from karma_core.masking.configs import ConfigSecrets
from karma_core.model import Record
from karma_core.needs import HasParameters
from karma_core.plan.runtime import run_of
from karma_core.records import Parameter
from karma_core.use_cases.configs.kept_versions import choose
from karma_core.use_cases.fleet.binding import check_binding


class RuntimeVersion(Record, frozen=True, kw_only=True):
    """One kept version. `run_id` is None where no run of Karma published it, such as where a module did."""

    version: int
    modified_at: str
    run_id: str | None


class ShownRuntime(Record, frozen=True, kw_only=True):
    """A runtime version. `runtime` is None where it is `secret`; `history` is oldest first."""

    address: str
    parameter: str
    version: int
    current: bool
    secret: bool
    runtime: JsonValue
    modified_at: str
    run_id: str | None
    history: tuple[RuntimeVersion, ...]


def show(workspace: HasParameters, address: str, version: int | None = None) -> ShownRuntime:
    """A runtime by address (default: its current version); NotFound.

    Where any kept version is a SecureString no version is shown: what became secret, or was once, is not told
    by the versions beside it. Keys that look secret are masked in any case.
    """
    ids.Address.parse(address)
    check_binding(workspace)
    name = workspace.runtime_parameter(address)
    history = workspace.parameters.history(name)
    parameter = choose(history, version, address=address, what="runtime", make="deploy")
    secret = any(kept.value is None for kept in history)
    return ShownRuntime(
        address=address,
        parameter=name,
        version=parameter.version,
        current=parameter.version == history[-1].version,
        secret=secret,
        runtime=None if secret else ConfigSecrets().masked(_value(parameter)),
        modified_at=parameter.modified_at,
        run_id=run_of(parameter.description),
        history=tuple(map(_version, history)),
    )


def _value(parameter: Parameter) -> JsonValue:
    """The value; its text where a module wrote something that is not JSON."""
    text = parameter.value or ""
    try:
        return strictjson.parse(text.encode(), where=parameter.name)
    except BadInput:
        return text


def _version(parameter: Parameter) -> RuntimeVersion:
    return RuntimeVersion(
        version=parameter.version,
        modified_at=parameter.modified_at,
        run_id=run_of(parameter.description),
    )
