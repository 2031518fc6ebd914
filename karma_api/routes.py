"""Every route of the API, of which a server and the OpenAPI document are made."""

from __future__ import annotations

from typing import Final

from karma_api.registry import RESOURCES
from karma_api.route import Route

ROUTES: Final[tuple[Route, ...]] = tuple(
    sorted(
        (route for resource in RESOURCES for route in resource.routes()),
        key=lambda route: (route.path, route.method),
    )
)
"""By path and method."""
