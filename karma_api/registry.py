"""Every REST resource, in the one table of them, with the Lambda function that serves it.

A resource's module in `karma_api/resources` declares its routes: method, path, role, models. The server's
routes, the OpenAPI document, the functions and their packages follow from here. A function loads its own
resource alone, so that a module is loaded when its routes are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Final

from karma_api.route import Route


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource; `name` is that of its module and of its function.

    `summary` describes the function, "" where there is none. `server_only` are routes that the function does
    not have. `orders_runs`: it starts runs; `takes_webhooks`: it needs their secrets; `updates_graph`: it
    brings the stored graph up to date. Each of the three is a permission of the function.
    """

    name: str
    summary: str = ""
    server_only: frozenset[str] = frozenset()
    orders_runs: bool = False
    takes_webhooks: bool = False
    updates_graph: bool = False

    @property
    def module(self) -> str:
        """The module with the routes."""
        return f"karma_api.resources.{self.name}"

    def routes(self) -> tuple[Route, ...]:
        """All routes."""
        routes: tuple[Route, ...] = import_module(self.module).ROUTES
        return routes

    def function_routes(self) -> tuple[Route, ...]:
        """The routes of the function; none where there is none."""
        return tuple(route for route in self.routes() if self.summary and route.name not in self.server_only)


RESOURCES: Final = (
    Resource(name="builds", summary="Builds: listed, shown, ordered.", orders_runs=True),
    Resource(
        name="changes",
        summary="Changes: requested, shown, decided on.",
        orders_runs=True,
        updates_graph=True,
    ),
    Resource(name="components", summary="Components, and why they are as they are."),
    Resource(name="config", summary="Configs and their history; the types."),
    Resource(
        name="events",
        summary="Events from outside into the log, and the log as server-sent events.",
    ),
    Resource(name="graph", summary="The graph: shown, walked, compared."),
    Resource(name="graphql", summary="GraphQL. Its library is loaded by the first query that is let in."),
    Resource(
        name="health",
        summary="Whether the function lives and its stores answer.",
        server_only=frozenset({"metrics"}),  # a function's counts are CloudWatch metrics
    ),
    Resource(name="log", summary="The log: listed, compared, verified."),
    Resource(name="plans", summary="Plans that were made."),
    Resource(
        name="promotions",
        summary="Promotions: configs of one environment requested in another.",
        orders_runs=True,
        updates_graph=True,
    ),
    Resource(name="publications"),  # they need a work tree of Git
    Resource(name="queries", summary="Questions to the graph: by name, or in Gremlin."),
    Resource(name="runs", summary="Runs: shown and ordered; deployments and drift.", orders_runs=True),
    Resource(name="sessions"),  # of the pages, which a server has
    Resource(name="tokens", summary="Who calls, and who else may."),
    Resource(
        name="webhooks",
        summary="Webhooks: signed deliveries, each taken once.",
        orders_runs=True,
        takes_webhooks=True,
    ),
)
FUNCTIONS: Final = {resource.name: resource for resource in RESOURCES if resource.summary}
"""The resources that a function serves, by name."""
