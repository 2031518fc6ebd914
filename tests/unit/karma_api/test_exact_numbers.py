"""Numbers of configs and runtimes over HTTP: every digit, in answers and in proposed changes."""

from __future__ import annotations

from decimal import Decimal

from karma_core.exact_numbers import dumps
from karma_core.roles import Role
from tests.served_system import ServedSystem

DIGITS = "12345678901234567890.123456789"


def test_no_digit_is_lost_over_http() -> None:
    """REST, GraphQL, a change and its record; a JSON reader with decimals gets what the config has."""
    served = ServedSystem(
        configs={"a_one": {"size": Decimal(DIGITS), "wide": 2**70, "power": Decimal("1e400")}}
    )
    try:
        expected = f'"size":{DIGITS},"wide":1180591620717411303424,"power":1E+400'
        for path in ("/config/a/one", "/components/a/one"):
            assert expected in served.get(path).text
        headers = {**served.headers(Role.ADMIN), "content-type": "application/json"}
        asked = dumps({"query": '{ component(id: "a/one") { config runtime } }'})
        answer = served.http.post("/graphql", content=asked.encode(), headers=headers).text
        assert expected in answer
        assert answer.count(DIGITS) == 2
        proposed = '{"component": "a/one", "proposed_change": {"size": 0.12345678901234567890123}}'
        made = served.http.post("/request-change", content=proposed.encode(), headers=headers).json()
        assert "0.12345678901234567890123" in served.get(f"/changes/{made['change_id']}").text
    finally:
        served.close()
