"""What is kept out of the log, and what stays."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.errors import BadInput
from karma_core.masking.masker import MASK as SENSITIVE
from karma_core.masking.names import looks_secret
from karma_log import chain
from karma_log.redact import MAX_DEPTH, Redactor
from tests.make_events import make_event

CANARY = "canary-9f8e7d"


@pytest.mark.parametrize(
    "key",
    [
        "password", "PASSWORD", "db_password", "dbPassword", "dbpassword", "passwords", "secret", "secrets",
        "client-secret", "clientSecret", "token", "auth_token", "accessToken", "private_key", "privateKeyPem",
        "api_key", "apikey", "APIKey", "X-Api-Key", "Authorization", "proxy-authorization", "credentials",
        "set-cookie", "aws_secret_access_key", "passphrase", "password_hash", "secret_value", "signing_key",
        "fencing_token_password",
    ],
)  # fmt: skip
def test_keys_that_look_secret(key: str) -> None:
    """However it is written: snake, kebab, camel, one word, plural."""
    assert looks_secret(key)
    assert Redactor().value({key: "x"}) == {key: SENSITIVE}


@pytest.mark.parametrize(
    "key",
    [
        "fencing_token", "fencingToken", "next_token", "page_token", "secret_arn", "secretName",
        "password_length", "token_expires_at", "authorization_url", "token_type", "secret_id", "key",
        "public_key", "kms_key_id", "author", "tokenizer", "compass", "bypass", "", "_", "42",
    ],
)  # fmt: skip
def test_keys_that_do_not(key: str) -> None:
    """A fencing token orders writers, and what is said about a secret is none."""
    assert not looks_secret(key)
    assert Redactor().value({key: "x"}) == {key: "x"}


def test_whatever_stands_under_a_secret_key_goes() -> None:
    """Texts, numbers, lists and objects; nothing and yes or no tell nothing and stay."""
    for value in ("x", 12345, 1, 0, 1.0, ["x"], {"a": "x"}, b"x"):
        assert Redactor().value({"password": value}) == {"password": SENSITIVE}
    for value in (None, True, False, ""):
        assert Redactor().value({"password": value}) == {"password": value}


def test_structures_are_walked() -> None:
    """Objects in lists in objects; the given structure is not changed."""
    given_value = {"a": [{"b": ({"token": "x", "c": 1},)}]}
    assert Redactor().value(given_value) == {"a": [{"b": [{"token": SENSITIVE, "c": 1}]}]}
    assert given_value == {"a": [{"b": ({"token": "x", "c": 1},)}]}


def test_known_values_are_cut_out_of_texts_and_keys() -> None:
    """Inside longer texts, the longest first; very short values are not searched for."""
    redactor = Redactor([CANARY, CANARY + "-long", "no"])
    assert redactor.value({f"k-{CANARY}": f"is {CANARY}-long."}) == {f"k-{SENSITIVE}": f"is {SENSITIVE}."}
    assert redactor.text("no canary") == "no canary"
    assert Redactor(["a.c+de"]).text("abccde a.c+de") == f"abccde {SENSITIVE}"


def test_private_keys_and_passwords_in_urls_are_cut_out() -> None:
    """They are recognised by their form, under whatever key."""
    pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----"
    assert Redactor().text(f"a {pem} b") == f"a {SENSITIVE} b"
    assert Redactor().text("-----BEGIN PRIVATE KEY-----\ncut off") == SENSITIVE
    assert Redactor().text("postgres://ann:pw1@db:5432/x") == f"postgres://{SENSITIVE}@db:5432/x"
    for plain in ("https://example.org:8080/a@b", "ssh://git@example.org/x", "-----BEGIN CERTIFICATE-----"):
        assert Redactor().text(plain) == plain


def test_every_text_of_an_event_is_covered() -> None:
    """No field lets a known value through, and numbers and ids stay."""
    texts = dict.fromkeys(("component", "user", "source", "status", "before", "after"), f"x {CANARY}")
    texts |= dict.fromkeys(("change_id", "run_id", "task_run_id", "cause", "action"), f"x {CANARY}")
    event = make_event(
        1, inputs={"reason": CANARY, "list": [CANARY]}, artifacts=(f"plans/{CANARY}",), build_id=7, **texts
    )
    clean = Redactor([CANARY]).event(event)
    assert CANARY not in chain.line(clean).decode()
    assert (clean.id, clean.build_id, clean.timestamp) == (event.id, 7, event.timestamp)
    assert clean.artifacts == (f"plans/{SENSITIVE}",)


def test_records_in_inputs_are_walked() -> None:
    """Structs and sets become JSON values first: nothing is passed over unseen; other objects are refused."""
    event = make_event(1, inputs={"run": make_event(2, user=CANARY), "set": {CANARY}})
    clean = Redactor([CANARY]).event(event)
    assert clean.inputs["run"]["user"] == SENSITIVE
    assert clean.inputs["set"] == [SENSITIVE]
    with pytest.raises(BadInput):
        Redactor().event(make_event(1, inputs={"x": object()}))


def test_deep_inputs_are_refused() -> None:
    """BadInput beyond the stated depth, well before Python's own limit."""

    def nested(levels: int) -> Any:
        value: Any = 1
        for _ in range(levels):
            value = [value]
        return value

    assert Redactor().value(nested(MAX_DEPTH)) == nested(MAX_DEPTH)
    for deep in (MAX_DEPTH + 1, 100_000):
        value = nested(deep)
        with pytest.raises(BadInput):
            Redactor().value(value)
        while isinstance(value, list):  # take it apart step by step: a deep structure is freed recursively
            value = value[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from(["password", "note"]))
def test_a_known_value_never_comes_through(value: Any, key: str) -> None:
    """Whatever it is wrapped in, and redacting twice changes nothing more."""
    redactor = Redactor([CANARY])
    clean = redactor.value({"around": [value, {key: f"{CANARY}{value}"}], CANARY: value})
    assert CANARY.encode() not in msgspec.json.encode(clean)
    assert redactor.value(clean) == clean
