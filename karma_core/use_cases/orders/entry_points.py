"""Every entry point that can start a deploy or destroy, and how it reaches the gate.

Whoever adds a command, a flow, a route or an order of the event bus says here what it leads to; a test holds
these lists against those of the code.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Leads(StrEnum):
    """The kinds of work that an entry point can lead to."""

    ORDER = "order"
    """The entry point gives an order itself: `orders.carry_out`."""
    CHANGE = "change"
    """The entry point requests, decides on or applies a change; `changes/applying.py` gives the orders."""
    STARTS = "starts"
    """The entry point starts a flow that is one itself, and applies nothing here."""
    NOTHING = "nothing"
    """No deploy or destroy ever follows from it."""


COMMANDS: Final[dict[str, Leads]] = {
    "apply": Leads.CHANGE,
    "aws create": Leads.NOTHING,
    "backup": Leads.NOTHING,
    "change approve": Leads.NOTHING,
    "change cancel": Leads.NOTHING,
    "change list": Leads.NOTHING,
    "change promote": Leads.CHANGE,
    "change reject": Leads.NOTHING,
    "change request": Leads.CHANGE,
    "change retry": Leads.CHANGE,
    "change rollback": Leads.CHANGE,
    "change show": Leads.NOTHING,
    "config diff": Leads.NOTHING,
    "config publish": Leads.CHANGE,
    "config pull": Leads.NOTHING,
    "config show": Leads.NOTHING,
    "deploy": Leads.ORDER,
    "destroy": Leads.ORDER,
    "doctor": Leads.NOTHING,
    "drift": Leads.NOTHING,
    "graph build": Leads.NOTHING,
    "graph copy": Leads.NOTHING,
    "graph diff": Leads.NOTHING,
    "graph export": Leads.NOTHING,
    "graph history": Leads.NOTHING,
    "graph explain": Leads.NOTHING,
    "graph impact": Leads.NOTHING,
    "graph path": Leads.NOTHING,
    "graph query": Leads.NOTHING,
    "graph show": Leads.NOTHING,
    "graph validate": Leads.NOTHING,
    "init": Leads.NOTHING,
    "log artifacts": Leads.NOTHING,
    "log diff": Leads.NOTHING,
    "log export": Leads.NOTHING,
    "log grep": Leads.NOTHING,
    "log list": Leads.NOTHING,
    "log show": Leads.NOTHING,
    "log verify": Leads.NOTHING,
    "plan": Leads.NOTHING,
    "policy publish": Leads.NOTHING,
    "policy show": Leads.NOTHING,
    "propose-change": Leads.CHANGE,
    "restore": Leads.NOTHING,
    "token create": Leads.NOTHING,
    "token list": Leads.NOTHING,
    "token revoke": Leads.NOTHING,
    "up": Leads.STARTS,
    "why": Leads.NOTHING,
}
"""Commands of `karma`."""

FLOWS: Final[dict[str, Leads]] = {
    "change-run": Leads.CHANGE,
    "deploy": Leads.ORDER,
    "destroy": Leads.ORDER,
    "drift-check": Leads.NOTHING,
    "graph-rebuild": Leads.NOTHING,
    "pull-request-check": Leads.NOTHING,
    "push-run": Leads.CHANGE,
    "reconcile": Leads.CHANGE,
}
"""Deployments of prefect.yaml, started by forms, schedules, Prefect's API, an event bus, or in threads."""

ROUTES: Final[dict[str, Leads]] = {
    "build-start": Leads.NOTHING,
    "change-apply": Leads.STARTS,
    "change-approve": Leads.STARTS,
    "change-cancel": Leads.STARTS,
    "change-reject": Leads.STARTS,
    "change-retry": Leads.STARTS,
    "change-rollback": Leads.STARTS,
    "changes-apply": Leads.STARTS,
    "cone-rollback": Leads.STARTS,
    "deploy": Leads.STARTS,
    "destroy": Leads.STARTS,
    "drift-check": Leads.NOTHING,
    "event-give": Leads.NOTHING,
    "graph-query": Leads.NOTHING,
    "graphql": Leads.NOTHING,
    "issuer-begin": Leads.NOTHING,
    "issuer-finish": Leads.NOTHING,
    "plan-make": Leads.NOTHING,
    "promotion": Leads.STARTS,
    "publication": Leads.NOTHING,
    "publication-request": Leads.STARTS,
    "request-change": Leads.STARTS,
    "run-abandon": Leads.NOTHING,
    "session-begin": Leads.NOTHING,
    "session-end": Leads.NOTHING,
    "token-revoke": Leads.NOTHING,
    "webhook-generic": Leads.STARTS,
    "webhook-github": Leads.STARTS,
}
"""Routes of the API that are no GET, of a server and, where it has them, of a function."""
