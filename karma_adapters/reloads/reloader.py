"""`ports.Reloader`: the action that makes a running component take up new runtime values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from karma_adapters.aws.access import Access
from karma_adapters.processes.children import Processes
from karma_adapters.reloads import aws
from karma_adapters.reloads.command import CommandAction
from karma_adapters.reloads.destinations import Destinations
from karma_adapters.reloads.ecs_redeploy import EcsAction
from karma_adapters.reloads.eventbridge import EventBridgeAction
from karma_adapters.reloads.http import HttpAction
from karma_adapters.reloads.lambda_invoke import LambdaAction
from karma_adapters.reloads.order import Order
from karma_core import documents, ids
from karma_core.errors import UsageError
from karma_core.json_types import JsonObject
from karma_core.reload_actions import KINDS, Reload

Action = Callable[[Any, Order], str]
"""(what component.yaml says, the order) → one line on what was done."""


class Reloads:
    """Carries out reload actions, each by its kind; see the files in `reloads/`."""

    def __init__(
        self,
        *,
        directory: Path,
        environment: Mapping[str, str],
        processes: Processes,
        allowed_hosts: Iterable[str],
        access: Access,
    ) -> None:
        client = aws.clients(access)
        self._actions: dict[str, Action] = {
            "command": CommandAction(directory=directory, environment=environment, processes=processes),
            "http": HttpAction(Destinations(allowed_hosts)),
            "lambda_invoke": LambdaAction(client),
            "ecs_redeploy": EcsAction(client),
            "eventbridge": EventBridgeAction(client),
        }

    def reload(self, action: JsonObject, *, address: str, environment: str, idempotency_key: str) -> str:
        """Carry out the action; DeployFailed `reload-failed` or `reload-timeout`, UsageError if invalid."""
        wanted = _read(action, address)
        order = Order(
            address=address,
            nickname=ids.Address.parse(address).nickname,
            environment=ids.check_environment(environment),
            key=idempotency_key,
            seconds=wanted.timeout_seconds,
        )
        kind = next(kind for kind in KINDS if getattr(wanted, kind) is not None)
        return self._actions[kind](getattr(wanted, kind), order)


def _read(action: JsonObject, address: str) -> Reload:
    try:
        return documents.read(Reload, action)
    except documents.Faults as error:
        raise UsageError(
            f"the reload action of {address} cannot be carried out",
            why=f"{error.summary(whole='action')}; there is {', '.join(KINDS)}",
            next_step="change `reload` in the type's component.yaml",
            code="reload-kind",
        ) from error
