"""From the table of resources to the handlers of functions."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Final

from karma_api.registry import FUNCTIONS, Resource
from karma_lambda.entry import READY, Handler, serve

STARTER: Final = "karma_lambda.ordering"
"""What a function that orders runs has beside the others."""
HOOKS: Final = "karma_lambda.hooks"
"""What a function that takes webhooks has beside the others."""
QUEUE_AGE: Final = "karma_lambda.queue_age"
"""What the function that is asked for readiness has beside the others."""


@cache
def handler_of(name: str) -> Handler:
    """The handler of the function; KeyError for none. Its resource is loaded now."""
    resource = FUNCTIONS[name]
    return serve(
        resource.function_routes(),
        make_starter=_loaded(STARTER, "make_starter") if resource.orders_runs else None,
        make_hooks=_loaded(HOOKS, "make_hooks") if resource.takes_webhooks else None,
        after_ready=_loaded(QUEUE_AGE, "tell") if _is_asked(resource) else None,
    )


def modules_of(resource: Resource) -> tuple[str, ...]:
    """The modules that the function's package begins with: imports lead from them to everything else."""
    further = (
        (STARTER, resource.orders_runs),
        (HOOKS, resource.takes_webhooks),
        (QUEUE_AGE, _is_asked(resource)),
    )
    return ("karma_lambda.functions", resource.module, *(module for module, needed in further if needed))


def _is_asked(resource: Resource) -> bool:
    return any(route.name == READY for route in resource.function_routes())


def _loaded(module: str, name: str) -> Any:
    """By its name and not by an import: a package holds what is imported, and most functions need neither."""
    return getattr(import_module(module), name)
