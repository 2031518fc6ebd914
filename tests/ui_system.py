"""A small shop in memory, served with its pages."""

from __future__ import annotations

import json
from typing import Any, Final

import httpx

from benchmarks import corpus
from karma_core.issuers import Person
from karma_core.roles import Role
from karma_core.use_cases.access.sessions import begin
from karma_core.use_cases.access.tokens import recognise
from karma_core.workspace import Workspace
from karma_ui.app import make_app
from karma_ui.session import SESSION
from tests.served_system import ServedSystem

TYPES: Final = "network zone cluster database queue service site"
SHOP: Final[dict[str, dict[str, Any]]] = {
    "network_core": {"cidr": "10.0.0.0/16", "zones": ["a", "b"]},
    "zone_public": {"domain": "shop.example.org"},
    "cluster_main": {"network_nickname": "core", "size": 3},
    "database_orders": {"network_nickname": "core", "engine": "postgres", "size": 20},
    "database_users": {"network_nickname": "core", "engine": "postgres", "size": 10},
    "queue_orders": {"name": "orders"},
    "service_checkout": {
        "cluster_nickname": "main",
        "database_nickname": "orders",
        "queue_nickname": "orders",
    },
    "service_accounts": {"cluster_nickname": "main", "database_nickname": "users"},
    "service_mail": {"cluster_nickname": "main", "queue_nickname": "orders"},
    "site_shop": {"zone_nickname": "public", "service_nicknames": ["checkout", "accounts"]},
}
DEFINITIONS: Final[dict[str, dict[str, Any]]] = {
    "cluster": {
        "description": "Where services run",
        "schema": {
            "type": "object",
            "required": ["network_nickname"],
            "properties": {
                "network_nickname": {"type": "string", "description": "The network it stands in"},
                "size": {"type": "integer", "minimum": 1, "description": "Machines"},
                "spot": {"type": "boolean"},
                "tier": {"type": "string", "enum": ["small", "large"]},
                "tags": {"type": "object"},
            },
        },
    }
}


class UiSystem(ServedSystem):
    """The shop, deployed and served with pages. Whoever may approve approves every change."""

    def __init__(self, **options: Any) -> None:
        options = {"configs": SHOP, "definitions": DEFINITIONS, "types": TYPES, **options}
        super().__init__(**options)
        make_app(self.app, self.services.names, prefect_url="http://prefect.example.org")

    @property
    def pages(self) -> str:
        """Where the environment's pages are."""
        return f"{self.server.url}/ui/test"

    def session(self, role: Role) -> str:
        """The text of a new session of somebody of that role."""
        return begun_session(self.workspace, self.tokens[role])

    def visitor(self, role: Role | None) -> Visitor:
        """Somebody with a browser's cookies and no browser."""
        return Visitor(self, role)


def begun_session(workspace: Workspace, token: str) -> str:
    """The text of a session that a token began."""
    known = recognise(workspace, token)
    assert known is not None
    return begin(workspace, Person(user=known.user, role=known.role, proof="token", token_id=known.id))[1]


def fleet(count: int) -> UiSystem:
    """A served system of so many components that are configured and not deployed, with three edges each."""
    configs = {address.replace("/", "_", 1): json.loads(config) for address, config in corpus.configs(count)}
    return UiSystem(configs=configs, definitions={}, types=" ".join(corpus.TYPES), deployed=False)


class Visitor:
    """Keeps cookies, and can read the seal out of a page."""

    def __init__(self, system: UiSystem, role: Role | None) -> None:
        self.http = httpx.Client(base_url=system.pages, timeout=60, trust_env=False, verify=False)  # noqa: S501 - loopback
        if role is not None:
            self.http.cookies.set(SESSION, system.session(role), path="/ui/test")

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET a page."""
        return self.http.get(path, headers=headers)

    def seal(self, form: str = "/signin") -> str:
        """The seal of the session's forms, as this one has it."""
        text = self.get(form).text
        return text.partition('data-seal="')[2].partition('"')[0]

    def post(self, path: str, form: dict[str, str] | None = None, *, sealed: bool = True) -> httpx.Response:
        """Send a form as a page would, or without its seal."""
        seal = {"seal": self.seal()} if sealed else {}
        return self.http.post(path, data={**seal, **(form or {})})

    def close(self) -> None:
        """Let go of the connection."""
        self.http.close()
