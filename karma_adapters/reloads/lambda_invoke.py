"""The reload action `lambda_invoke`: the invocation of a Lambda function."""

from __future__ import annotations

from typing import Final

from karma_adapters.reloads.aws import MakeClient, translated
from karma_adapters.reloads.order import Order
from karma_core import strictjson
from karma_core.reload_actions import LambdaInvoke

REPLY_BYTES: Final = 16 * 1024
"""So much of a failed function's answer is read."""


class LambdaAction:
    """Invokes a function; Lambda has no idempotency key of its own, so the payload carries it."""

    def __init__(self, client: MakeClient) -> None:
        self._client = client

    def __call__(self, action: LambdaInvoke, order: Order) -> str:
        """Invoke the function; DeployFailed if it cannot be called, or if a call that waits fails."""
        function = order.filled(action.function)
        what = f"the reload function {function}"
        request = {
            "FunctionName": function,
            "InvocationType": "RequestResponse" if action.wait else "Event",
            "Payload": strictjson.canonical(order.message(action.payload)),
        }
        if action.qualifier is not None:
            request["Qualifier"] = order.filled(action.qualifier)
        with translated(what, order):
            answer = self._client("lambda", action.region, order.seconds).invoke(**request)
            failed = answer.get("FunctionError")
            said = answer["Payload"].read(REPLY_BYTES).decode("utf-8", "replace") if failed else ""
        if failed:
            raise order.failed(what, said or str(failed))
        return f"{'invoked' if action.wait else 'queued'} {function}"
