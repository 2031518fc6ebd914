"""What the deployment must know of a function, apart from its zip: a part of functions.json."""

from __future__ import annotations

from karma_api.registry import FUNCTIONS
from karma_core.json_types import JsonObject
from karma_lambda import permissions


def described(name: str) -> JsonObject:
    """Return handler, routes and permissions of a function."""
    resource = FUNCTIONS[name]
    return {
        "handler": f"karma_lambda.functions.{name}",
        "hooks": resource.takes_webhooks,
        "orders": resource.orders_runs,
        "permissions": permissions.described(name),
        "routes": sorted(f"{route.method} {route.path}" for route in resource.function_routes()),
        "summary": resource.summary,
        "updates_graph": resource.updates_graph,
    }
