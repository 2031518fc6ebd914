"""The account's binding: `<prefix>/environment` says which environment lives under the prefix.

The first who writes a config under a prefix writes the binding with it. From then on every environment
of another name is refused there, whatever settings led it to this account and region.
"""

from __future__ import annotations

from contextlib import suppress

from karma_core import ids, strictjson
from karma_core.errors import Conflict, Refused
from karma_core.needs import HasParameters
from karma_core.records import ParameterWrite

DESCRIPTION = "Karma: the environment that lives under this prefix"


def bound_to(workspace: HasParameters) -> str | None:
    """The environment that the prefix is bound to, None where there is no binding yet. One parameter read.

    Empty where the binding names none; BadInput where it is not a JSON object.
    """
    name = ids.binding_parameter(workspace.prefix)
    parameter = workspace.parameters.get(name, decrypt=True)
    if parameter is None or parameter.value is None:
        return None
    binding = strictjson.parse_object(parameter.value.encode(), where=name)
    bound = binding.get("environment", binding.get("name"))
    return "" if bound is None else str(bound)


def check_binding(workspace: HasParameters) -> None:
    """Refused `environment-mismatch` where the binding names another environment, or none.

    Nothing is refused where there is no binding; BadInput where it is not a JSON object. One parameter read.
    """
    _require_ours(workspace, bound_to(workspace))


def bind(workspace: HasParameters) -> None:
    """Check the binding, and write it where there is none yet. Call it before the first write of configs.

    Of two environments that come at once, one is refused: the write is on the base that nobody has written.
    """
    bound = bound_to(workspace)
    if bound is None:
        name = ids.binding_parameter(workspace.prefix)
        value = strictjson.canonical({"environment": workspace.name}).decode()
        with suppress(Conflict):  # somebody was faster: then that counts
            workspace.parameters.put(
                [ParameterWrite(name=name, value=value, description=DESCRIPTION, base=0)]
            )
        bound = bound_to(workspace)
    _require_ours(workspace, bound)


def _require_ours(workspace: HasParameters, bound: str | None) -> None:
    if bound is None or bound == workspace.name:
        return
    name = ids.binding_parameter(workspace.prefix)
    raise Refused(
        f"this account is not the environment {workspace.name}",
        why=f"{name} says {ids.shown(bound)}" if bound else f"{name} names no environment",
        next_step="use the credentials and region of the environment that you mean, or name the other one; "
        f"where both are to live in this account and region, give {workspace.name} a prefix of its own",
        code="environment-mismatch",
        environment=workspace.name,
        bound=ids.shown(bound),
    )
