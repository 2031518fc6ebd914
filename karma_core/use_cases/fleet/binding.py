"""The account's binding: `<prefix>/environment` says which environment lives under the prefix."""

from __future__ import annotations

from karma_core import ids, strictjson
from karma_core.errors import Refused
from karma_core.needs import HasParameters


def check_binding(workspace: HasParameters) -> None:
    """Refused `environment-mismatch` where the binding names another environment, or none.

    Nothing is refused where there is no binding; BadInput where it is not a JSON object. One parameter read.
    """
    name = ids.binding_parameter(workspace.prefix)
    parameter = workspace.parameters.get(name, decrypt=True)
    if parameter is None or parameter.value is None:
        return
    binding = strictjson.parse_object(parameter.value.encode(), where=name)
    bound = binding.get("environment", binding.get("name"))
    if bound == workspace.name:
        return
    raise Refused(
        f"this account is not the environment {workspace.name}",
        why=f"{name} says {ids.shown(bound)}" if bound is not None else f"{name} names no environment",
        next_step="use the credentials and region of the environment that you mean, or name the other one",
        code="environment-mismatch",
        environment=workspace.name,
        bound=ids.shown(bound),
    )
