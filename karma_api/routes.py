"""The route table: every door of the API, declared once.

A server and the OpenAPI document are made from it. A serverless function that serves one resource takes the
`ROUTES` of that resource's module and loads nothing else.
"""

from __future__ import annotations

from typing import Final

from karma_api.resources import (
    builds,
    changes,
    components,
    config,
    events,
    graph,
    graphql,
    health,
    log,
    plans,
    promotions,
    publications,
    queries,
    runs,
    tokens,
    webhooks,
)
from karma_api.route import Route

_MODULES: Final = (
    builds, changes, components, config, events, graph, graphql, health, log, plans, promotions,
    publications, queries, runs, tokens, webhooks,
)  # fmt: skip

ROUTES: Final[tuple[Route, ...]] = tuple(
    sorted(
        (route for module in _MODULES for route in module.ROUTES),
        key=lambda route: (route.path, route.method),
    )
)
"""By path and method."""
