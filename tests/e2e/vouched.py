"""Orders of flow runs for somebody, as the API would give them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from karma_adapters.wiring.bootstrap import open_workspace
from karma_adapters.wiring.reading import read_settings
from karma_core.json_types import JsonObject
from karma_core.use_cases.access.vouching import vouch
from karma_core.workspace import Actor


def vouched_for(project: Path, user: str, flow: str, parameters: dict[str, Any]) -> JsonObject:
    """The parameters of a run that the user has ordered through Karma's API, proven by nothing."""
    workspace = open_workspace(read_settings(project), str(parameters["environment"]))
    given = {**parameters, "requested_by": user, "source": "api"}
    return vouch(workspace.acting_as(Actor(user=user, source="api")), flow, given)
