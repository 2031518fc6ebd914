"""Flow runs with and without orders on a temporary Prefect server; prints a line for each.

The environment's policy names ann as the requester. KARMA_TOKEN is a token of hers.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flows.server import temporary_server
from karma_adapters.wiring.bootstrap import open_for_person, say_nothing
from karma_adapters.wiring.reading import read_settings
from karma_core.errors import KarmaError
from karma_core.use_cases.access.vouching import vouch
from karma_core.use_cases.orders.carrying_out import Order
from karma_core.use_cases.selection.record import Selection


def main(project: str) -> None:
    """Forge what a form lets one forge, do the same with an order, and deploy as a command does."""
    settings = read_settings(Path(project))
    workspace = open_for_person(settings, "dev")
    del os.environ["KARMA_TOKEN"]  # the worker has none
    wanted = {"component": "hello/world", "proposed_change": {"greeting": "flow"}}
    with temporary_server(Path(project) / ".karma" / "prefect"):
        from flows.change_run import change_run  # noqa: PLC0415 - imports Prefect, after its settings are made
        from flows.local import run_flow  # noqa: PLC0415 - as above

        def run(**parameters: Any) -> None:
            said(lambda: change_run(project=project, **parameters))

        who = {"environment": "dev", "requested_by": "ann", "source": "cli"}
        given = vouch(workspace, "change-run", {**wanted, **who})
        run(environment="dev", **wanted, requested_by="ann", source="api")
        run(**{**given, "proposed_change": {"greeting": "forged"}})
        run(**{**given, "component": "hello/other"})
        run(**given, apply_when_approved=True)
        run(**given)
        run(**given)
        chosen = Order(kind="deploy", selection=Selection(everything=True))
        said(lambda: run_flow(chosen, settings, workspace, say_nothing).contract())


def said(call: Callable[[], dict[str, Any]]) -> None:
    """Print how it ended: its status, or the code of its error."""
    try:
        answer = {"status": call()["status"]}
    except KarmaError as error:
        answer = {"code": error.code}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
