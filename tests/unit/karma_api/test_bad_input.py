"""Bad input over HTTP: always a 4xx with a code, nothing executed, nothing lost."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest

from karma_core.roles import Role
from tests.served_system import ServedSystem

NAMES = {
    "traversal": "..%2F..%2Fetc%2Fpasswd",
    "double encoded": "%252e%252e%252fetc",
    "absolute": "%2Fetc%2Fpasswd",
    "dot": "%2E",
    "dots": "%2E%2E",
    "leading dash": "-rf",
    "NUL": "a%00b",
    "newline": "core%0A",
    "long": "x" * 5000,
    "unicode twin": "c%D0%BEre",
    "invalid UTF-8": "%ff%fe",
    "shell": "%3Brm%20-rf%20%2F",
    "gremlin": "x')%2Edrop()%2F%2F",
    "SQL": "'%20OR%201%3D1%20--",
    "SSM": "%7B%7Bssm%3Ay%7D%7D",
}
BODIES: dict[str, bytes] = {
    "duplicate key": b'{"component": "a/one", "component": "b/two", "proposed_change": {}}',
    "NaN": b'{"component": "a/one", "proposed_change": {"size": NaN}}',
    "1e5000": b'{"component": "a/one", "proposed_change": {"size": 1e5000}}',
    "5,000 digits": b'{"component": "a/one", "proposed_change": {"size": ' + b"9" * 5000 + b"}}",
    "lone surrogate": b'{"component": "a/one", "proposed_change": {"s": "\\ud800"}}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "invalid UTF-8": b'{"component": "\xff"}',
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a list": b"[]",
    "a string": b'"x"',
    "nothing": b"",
    "half": b'{"component": ',
    "unknown field": b'{"component": "a/one", "proposed_change": {}, "policy": {}}',
    "two ways": b'{"component": "a/one", "proposed_change": {}, "remove": true}',
    "wrong address": b'{"component": "../../etc", "proposed_change": {}}',
    "not an object": b'{"component": "a/one", "replace": [1]}',
}


@pytest.fixture(scope="module")
def served() -> Iterator[ServedSystem]:
    """One for all: nothing may change it."""
    made = ServedSystem()
    before = (made.state.documents("change"), made.parameters.page("/iac"))
    yield made
    assert (made.state.documents("change"), made.parameters.page("/iac")) == before
    assert made.runs.started == []
    assert made.log.verify().verified
    made.close()


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "path",
    [
        "/components/a/{}",
        "/components/{}/one",
        "/config/a/{}",
        "/runtime/a/{}",
        "/types/{}",
        "/changes/{}",
        "/log/{}",
    ],
)
def test_names_in_paths(served: ServedSystem, path: str, name: str) -> None:
    """Refused by their form, or not found; never a server error."""
    answer = served.get(path.format(name))
    assert 400 <= answer.status_code < 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] in {"query", "not-found", "invalid-name"}


@pytest.mark.parametrize(
    "path", ["/components/a%2Fone", "/components%2fa/one", "/graph%2Fimpact?component=a/one"]
)
def test_an_encoded_slash_parts_nothing(served: ServedSystem, path: str) -> None:
    """What a proxy in front sees as one part of a path is no other resource here."""
    answer = served.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize(
    "path",
    [
        "/graph/impact?component={}",
        "/why?component=a/{}",
        "/builds?after={}",
        "/log?since={}",
        "/graph?at={}",
        "/artifacts?key=test/2026-01-02/{}/plan.txt",
        "/runtime/a/one?version={}",
    ],
)
def test_values_in_queries(served: ServedSystem, path: str, name: str) -> None:
    """The same for what stands in a query."""
    answer = served.get(path.format(name))
    assert 400 <= answer.status_code < 500
    assert answer.json()["code"] in {"query", "not-found", "usage", "invalid-time", "invalid-text"}


@pytest.mark.parametrize("raw", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("path", ["/request-change", "/graph/query", "/events", "/deployments", "/graphql"])
def test_bodies(served: ServedSystem, path: str, raw: bytes) -> None:
    """422 (413 beyond the size), whatever the resource."""
    headers = {**served.headers(Role.ADMIN), "content-type": "application/json"}
    answer = served.http.post(path, content=raw, headers=headers)
    assert answer.status_code in {413, 422}
    assert answer.json()["code"] in {"invalid-json", "invalid-request", "too-large"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("5,000 digits", "a number has more than 4,000 digits"),
        ("lone surrogate", "surrogate pair"),
    ],
)
def test_a_body_is_refused_in_the_callers_words(served: ServedSystem, name: str, why: str) -> None:
    """Not in those of the library that gave up first."""
    headers = {**served.headers(Role.ADMIN), "content-type": "application/json"}
    assert why in served.http.post("/request-change", content=BODIES[name], headers=headers).json()["why"]


def test_other_media_types(served: ServedSystem) -> None:
    """A form that a foreign page could send is no request of ours: 415."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"):
        headers = {**served.headers(Role.ADMIN), "content-type": kind}
        answer = served.http.post("/request-change", content=b"{}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (415, "media-type")
    headers = {**served.headers(Role.ADMIN), "content-encoding": "gzip"}
    answer = served.http.post("/request-change", content=gzip.compress(b"{}"), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type")


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "odd=1", "after=x%00"]
)
def test_queries_are_strict(served: ServedSystem, query: str) -> None:
    """A mistyped name or value is said, not passed over."""
    assert served.get(f"/builds?{query}").status_code == 400


def test_values_stay_values() -> None:
    """What looks like code in a config is kept as text, and answered as text."""
    served = ServedSystem()
    odd: dict[str, Any] = {"x": '${file("/etc/passwd")}', "y": "; rm -rf /", "z": "`id`", "w": "<script>"}
    asked = {"component": "a/one", "proposed_change": odd}
    assert served.post("/request-change?apply=false", asked).json()["status"] == "approved"
    change = served.get("/changes").json()["items"][0]["change_id"]
    shown = served.get(f"/changes/{change}").json()
    assert {name: shown["edits"][0]["after"][name] for name in odd} == odd
    served.close()
