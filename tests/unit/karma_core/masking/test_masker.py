"""Secrets are found in texts and values, in every encoding, and nothing else is masked."""

from __future__ import annotations

import base64
import json
import random
import string
import time
from itertools import product
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core.masking.masker import MASK, Masker, masker_of, searchable
from tests.secret_encodings import ENCODINGS, SECRETS


@pytest.mark.parametrize(("encoding", "secret"), list(product(ENCODINGS, SECRETS)))
def test_every_encoding_of_every_secret_is_masked(encoding: str, secret: str) -> None:
    """In a text, a value, a key: the encoded secret goes, and what stands around it stays."""
    encoded = ENCODINGS[encoding](secret)
    hidden = Masker(SECRETS)
    before, mask, after = hidden.text(f"before <{encoded}> after").partition(MASK)
    assert (before[:8], mask, after[-7:]) == ("before <", MASK, "> after")
    assert encoded not in before + after
    assert encoded not in json.dumps(hidden.value({f"{encoded}": [f"x {encoded}"]}), ensure_ascii=False)
    assert hidden.contains([{"deep": encoded}])
    assert not hidden.contains({"before": "after"})


SECRET = st.text(min_size=6, max_size=30).filter(searchable)


@given(SECRET, st.text(max_size=20))
def test_no_form_of_a_secret_survives(secret: str, around: str) -> None:
    """Whatever characters it has: in the clear, escaped for JSON once and twice, for a URL, within base64."""
    hidden = masker_of([secret])
    escaped = json.dumps({"a": secret})
    raw = f"{around}{secret}{around}".encode()
    forms = (f"{around}{secret}{around}", escaped, json.dumps(escaped), quote(secret), raw.hex())
    for form in (*forms, base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        assert hidden.contains(form)
        assert MASK in hidden.text(form)
        assert not hidden.contains(hidden.text(form).replace(MASK, ""))
    assert hidden.value({"a": [secret]}) == {"a": [MASK]}


def test_what_secrets_share_is_masked_as_one_stretch() -> None:
    """Where two secrets overlap or one begins with the other, nothing of either is left."""
    hidden = Masker(["abcdefghi", "ghijklmno", "abcdefghi-long"])
    assert hidden.text("<abcdefghijklmno> <abcdefghi-long>") == f"<{MASK}> <{MASK}>"


def test_numbers_are_secrets_too() -> None:
    """A number in a value is compared as text; booleans and null say nothing."""
    assert Masker(["123456789"]).value([123456789, 12, True, None]) == [MASK, 12, True, None]


def test_short_values_and_common_words_are_masked_by_their_attribute_only() -> None:
    """`prod`, a region or `postgres` in a sensitive attribute does not mask every text that says it."""
    words = [
        "prod",
        "12345",
        "postgres",
        "eu-west-1",
        "10.0.0.0/16",
        "------------",
        "Password",
        "2026-01-31",
    ]
    hidden = Masker(words)
    assert not hidden
    assert hidden.text(" ".join(words)) == " ".join(words)
    assert Masker(["x2345y"]).text("is x2345y") == f"is {MASK}"


def test_lines_of_a_secret_are_secrets() -> None:
    """A key in PEM form is cut line by line, as Terraform prints it: indented."""
    hidden = Masker(["BEGIN\n  kiwi-0001\nEND"])
    assert hidden.text("    BEGIN\n      kiwi-0001\n") == f"    BEGIN\n      {MASK}\n"


def test_a_secret_that_was_folded_is_masked() -> None:
    """Terraform folds its errors at blanks, within a box where it prints colours."""
    hidden = Masker(["correct horse battery staple"])
    assert hidden.text("is correct\nhorse battery\n\u2502 staple.") == f"is {MASK}."


def test_masking_costs_little() -> None:
    """200,000 characters without a secret of 40, in well under the time that a plan takes.

    Some 30 ms on the machine that this was written on; the bound allows for a loaded one.
    """
    chance = random.Random(17)
    hidden = Masker("".join(chance.choices(string.ascii_letters, k=24)) for _ in range(40))
    text = "\n".join("".join(chance.choices(string.printable, k=80)) for _ in range(2_500))
    hidden.text(text)
    began = time.perf_counter()
    assert hidden.text(text) == text
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("secret", ["\\" * 40 + "abcdef", "%25" * 30, " " * 50 + "abcdef", "+/" * 30])
def test_no_secret_makes_masking_slow(secret: str) -> None:
    """Repeated characters that have many spellings do not make the search explode."""
    text = ("\\" * 2_000 + "abc%252525") * 4 + "abcdef" + " " * 3_000 + "%25" * 2_000 + "+" * 2_000
    began = time.perf_counter()
    Masker([secret]).text(text)
    assert time.perf_counter() - began < 5.0
