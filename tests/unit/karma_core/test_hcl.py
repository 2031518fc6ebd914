"""Terraform's language."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core import hcl
from karma_core.errors import BadInput


def _attribute(text: str) -> hcl.Attribute:
    return hcl.parse(f"a = {text}\n".encode(), "main.tf").body.attributes["a"]


def test_blocks_have_type_labels_place_and_content() -> None:
    """Labels may be quoted or bare; nested blocks and attributes are found where they stand."""
    body = hcl.parse(b'# one\nresource "a" b {\n  x = 1\n  inner {\n    y = 2\n  }\n}\n', "main.tf").body
    [block] = body.blocks
    assert (block.type, block.labels, block.line, block.column) == ("resource", ("a", "b"), 2, 1)
    assert (block.attributes["x"].line, block.attributes["x"].column) == (3, 3)
    [inner] = block.of_type("inner")
    assert list(inner.attributes) == ["y"]


def test_an_expression_is_what_stands_behind_the_sign_and_nothing_else() -> None:
    """Replacing its bytes replaces the expression; columns count characters, places bytes."""
    document = hcl.parse('é = "ü" /* ö */ + var.x # end\n'.encode(), "main.tf")
    [attribute] = document.body.attributes.values()
    start, end = attribute.expression.start_byte, attribute.expression.end_byte
    assert document.text[start:end].decode() == '"ü" /* ö */ + var.x'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"plain"', "plain"),
        ('""', ""),
        (r'"a\n\t\"\\ \u00e9 \U0001F600"', 'a\n\t"\\ é 😀'),
        ('"$${x} %%{y}"', "${x} %{y}"),
        ('"${var.x}"', None),
        ('"a${var.x}"', None),
        ("var.x", None),
        ("1", None),
        ("<<E\nx\nE", None),
    ],
)
def test_literals_are_plain_strings_only(text: str, value: str | None) -> None:
    """Escapes are resolved; what depends on anything is no literal."""
    assert hcl.literal(_attribute(text).expression) == value


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ('"${var.p}/vpc/${var.n}/runtime"', "/runtime"),
        ('"/iac/x/runtime"', "/iac/x/runtime"),
        ('"/runtime${var.x}"', ""),
        ('"${var.x}"', ""),
        ('"a%{ if x }b%{ endif }"', ""),
        ("<<-E\n  ${var.p}/runtime\n  E", "/runtime"),
        ("var.x", ""),
    ],
)
def test_the_literal_tail_is_what_always_ends_the_text(text: str, tail: str) -> None:
    """Only text after the last interpolation counts."""
    assert hcl.literal_tail(_attribute(text).expression) == tail


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        (b'variable "a" {\n  x = "abc\n}\n', 2, 7),
        (b"a {\n  x = [1,\n}\n", 2, 9),
        (b"a {\n", 2, 1),
        (b"a = 1\nb = 2 ]\n", 2, 7),
        (b'\na = "\xff"', 2, 6),
        (b"x {" * 100 + b"}" * 100, 1, 97),
        (b"{" * 10_000, 1, 10_000),
        (b"a = " + b"(" * 10_000, 1, 10_004),
    ],
)
def test_what_is_not_hcl_is_refused_with_its_place(text: bytes, line: int, column: int) -> None:
    """Line and column of the token at which reading stuck."""
    with pytest.raises(BadInput) as caught:
        hcl.parse(text, "main.tf")
    assert caught.value.code == "module-unreadable"
    assert (caught.value.facts["file"], caught.value.facts["line"], caught.value.facts["column"]) == (
        "main.tf",
        line,
        column,
    )


@given(st.binary(max_size=60) | st.text("{}[]\"'$%=<>\nab ./#", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(text: bytes) -> None:
    """No input ends in anything but a document or BadInput."""
    with contextlib.suppress(BadInput):
        assert hcl.parse(text, "main.tf").text == text
