"""The OpenAPI document against the server, as each role: no server error, nothing that it does not say.

Schemathesis makes the requests, right and wrong ones, from the document alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from karma_adapters.oidc.issuers import OidcIssuers
from karma_adapters.wiring.settings import IssuerSettings
from karma_api import openapi
from karma_api.route import Route
from karma_api.routes import ROUTES
from karma_core import documents
from karma_core.roles import Role
from tests.local_issuer import LocalIssuer, connect
from tests.served_system import ServedSystem

SOAK = bool(os.environ.get("KARMA_SOAK"))
EXAMPLES = 200 if SOAK else 5
"""Requests for each route and role."""
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
DOORS = [route for route in ROUTES if not route.streams]
"""Streams do not end; they have their own tests."""
SCHEMA = schemathesis.openapi.from_dict(openapi.document(ROUTES, "1"))


GROUPS = {role: f"karma-{role}" for role in Role}
RULES = [{"claims": {"groups": group}, "role": str(role)} for role, group in GROUPS.items()]
PROOFS = ("token", "issuer")


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """An issuer whose tokens count, with a group for each role."""
    made = LocalIssuer()
    yield made
    made.close()


@pytest.fixture(scope="module")
def served(issuer: LocalIssuer) -> Iterator[ServedSystem]:
    """One server; what the requests leave in it is part of the test."""
    section = documents.read(IssuerSettings, issuer.settings(rules=RULES))
    made = ServedSystem(issuers=OidcIssuers({"corp": section}, ("test",), connect=connect))
    yield made
    made.close()


@pytest.mark.soak
@pytest.mark.parametrize("door", DOORS, ids=lambda route: route.name)
@pytest.mark.parametrize("role", list(Role))
def test_the_document_says_all_that_happens(
    served: ServedSystem, issuer: LocalIssuer, role: Role, door: Route
) -> None:
    """Status, media type and body of every answer are in the document, and none is a server error.

    Each role calls now by a token of Karma's, now by one of an issuer.
    """
    operation = SCHEMA[door.path][door.method]
    modes = [operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)]

    @seed(7)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=st.one_of(modes), proof=st.sampled_from(PROOFS))
    def check(case: Any, proof: str) -> None:
        headers = served.headers(role)
        if proof == "issuer":
            headers = {"authorization": f"Bearer {issuer.token(groups=[GROUPS[role]])}"}
        answer = case.call(base_url=served.server.url, headers=headers)
        case.validate_response(answer, checks=CHECKS)

    check()
