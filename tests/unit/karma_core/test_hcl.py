"""Terraform's language."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from karma_core import hcl
from karma_core.errors import BadInput
from karma_core.hcl import nodes
from tests.hcl_faults import FAULTS


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
    """Replacing its characters replaces the expression."""
    document = hcl.parse('é = "ü" /* ö */ + var.x # end\n'.encode(), "main.tf")
    [attribute] = document.body.attributes.values()
    start, end = attribute.expression.start, attribute.expression.end
    assert document.text[start:end] == '"ü" /* ö */ + var.x'


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
    ("text", "line", "column"),
    [
        (b'variable "a" {\n  x = "abc\n}\n', 2, 11),
        (b"a {\n  x = [1,\n}\n", 3, 1),
        (b"a {\n", 1, 3),
        (b"a = 1\nb = 2 ]\n", 2, 7),
        (b'\na = "\xff"', 2, 6),
        (b"x {\n" * 100 + b"}\n" * 100, 33, 1),
        (b"{" * 10_000, 1, 1),
        (b"a = " + b"(" * 10_000, 1, 105),
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
        assert hcl.parse(text, "main.tf").text == text.decode()


@pytest.mark.parametrize(("text", "line"), FAULTS)
def test_a_fault_stands_on_the_line_where_terraform_reports_it(text: str, line: int) -> None:
    """People compare what both say; tests/integration holds the lines against Terraform itself."""
    with pytest.raises(BadInput) as caught:
        hcl.parse(text.encode(), "main.tf")
    assert caught.value.facts["line"] == line


@pytest.mark.parametrize(
    "text",
    [
        "1e9", "1.5E-3", "2e+3", "a.0.1.b", "a.*.b.0", "a[*].b[0].c", "provider::x::y(1)", "f(x...)",
        "f(a,\n b,\n)",
        "{ (a) = 1, \"b\" : 2\n c = 3 }", "{ for k, v in x : k => v... if v != \"\" }", "a ? b : c ? d : e",
        '"%{ if a }x%{ else }y%{ endif }"', '"%{ for i, x in y ~}\n ${x} %{~ endfor }"'.replace("\n", " "),
        "<<E\n  x ${~ a ~}\n%{ for x in y ~}\n${x}\n%{ endfor ~}\nE", "<<-E\n\tx\n\tE", '"${<<I\nx\nI\n}"',
        "(\n a\n ?\n b :\n c\n)", "!a == -b", '"$${x} %%{y} $ % \\u00e9"', "[1, /* x */ 2, # y\n 3]",
        '"${\n a\n}"',
    ],
)  # fmt: skip
def test_every_form_of_an_expression_is_read(text: str) -> None:
    """HCL's native syntax specification, form by form; what follows is read, too."""
    document = hcl.parse(f"a = {text}\nb = 1\n".encode(), "main.tf")
    expression = document.body.attributes["a"].expression
    assert document.text[expression.start : expression.end] == text
    assert all(0 <= node.start <= node.end <= len(document.text) for node in nodes.walk(expression))
    assert "b" in document.body.attributes
