"""What people see of findings."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest

from karma_cli import progress, render
from karma_core.errors import KarmaError
from karma_core.model import Finding, Severity


def finding(severity: Severity, code: str, number: int) -> Finding:
    """One of many."""
    return Finding(code=code, severity=severity, component=f"site/n{number:03}", pointer="", message="said")


def test_every_error_is_shown_and_a_repeated_warning_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """A warning that a large fleet repeats takes 50 lines and a count; errors are never left out."""
    errors = [finding(Severity.ERROR, "self-reference", n) for n in range(60)]
    warnings = [finding(Severity.WARNING, "declared-never-read", n) for n in range(1100)]
    other = [finding(Severity.WARNING, "unresolved-reference", 1)]

    render.findings([*errors, *warnings, *other])

    said = capsys.readouterr().err
    assert said.count("error: self-reference: ") == 60
    assert said.count("warning: declared-never-read: ") == 50
    assert said.count("warning: unresolved-reference: ") == 1
    assert "… and 1,050 more of declared-never-read; --json lists them all." in said
    assert said.count("… and") == 1


def test_a_finding_about_no_component_has_no_empty_place(capsys: pytest.CaptureFixture[str]) -> None:
    """A freeze is about the environment."""
    freeze = Finding(
        code="policy-freeze", severity=Severity.ERROR, component="", pointer="", message="no changes now"
    )
    render.findings([freeze])
    assert capsys.readouterr().err == "error: policy-freeze: no changes now\n"
    assert freeze.said == "policy-freeze: no changes now"


NASTY = "x\x1b[31m\x1b]0;title\x07\x7f\x9b2J\r\u202egnp\u2066"


@pytest.mark.parametrize("is_terminal", [False, True])
def test_control_characters_of_values_are_never_sent(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    """In tables, texts, findings, errors, documents and questions, on a terminal and through a pipe."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    render.table(f"t {NASTY}", (f"c {NASTY}",), [(NASTY,), (f"{NASTY}\nsecond",)])
    render.text(NASTY)
    render.line(NASTY)
    render.note(NASTY)
    render.findings([Finding(code="x", severity=Severity.ERROR, component="a/b", pointer="", message=NASTY)])
    render.error(KarmaError(NASTY, why=NASTY, next_step=NASTY, fact=NASTY), as_json=True)
    render.document({NASTY: [NASTY]})
    assert not render.confirm(f"really {NASTY}?")
    with progress.shown(quiet=False) as say:
        say("planned", {"address": NASTY, "action": "create"})
        say("change", {"change_id": NASTY, "status": "failed", "why": NASTY})
    shown = capsys.readouterr()
    sent = (shown.out + shown.err).replace("\x1b[?25l", "").replace("\x1b[?25h", "")  # the live bar's cursor
    for code in ("\x1b[2K", "\x1b[1A", "\r\x1b[2K", "\r"):
        sent = sent.replace(code, "") if is_terminal else sent
    assert not [c for c in sent if c not in "\n\t" and unicodedata.category(c) in {"Cc", "Cf"}]
    assert "\\u001b[31m" in shown.out
    assert "\\u202e" in shown.err
