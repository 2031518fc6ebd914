"""Provenance of a config version, as JSON in its parameter's description: written with it, versioned with it.

A description that is not of this form was not written by Karma, and so the parameter was not published by it.
"""

from __future__ import annotations

import msgspec

from karma_core.model import Provenance
from karma_core.parameters import MAX_DESCRIPTION


class _Description(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of a description; `karma` is the form's version and identifies Karma's descriptions."""

    karma: int
    commit: str | None = None
    path: str | None = None
    dirty: bool = False
    change: str | None = None


_FORM = 1
_decode = msgspec.json.Decoder(_Description).decode


def describe(provenance: Provenance) -> str:
    """The description for a version; a path that SSM's 1,024 characters cannot hold is left out."""
    text = _text(provenance, provenance.path)
    return text if len(text) <= MAX_DESCRIPTION else _text(provenance, None)


def _text(provenance: Provenance, path: str | None) -> str:
    form = _Description(_FORM, provenance.commit, path, provenance.dirty, provenance.change)
    return msgspec.json.encode(form).decode()


def read_description(description: str) -> Provenance | None:
    """The provenance in a description, or None where Karma did not write it."""
    if not description.startswith("{"):
        return None
    try:
        decoded = _decode(description)
    except msgspec.MsgspecError:
        return None
    if decoded.karma != _FORM:
        return None
    return Provenance(commit=decoded.commit, path=decoded.path, dirty=decoded.dirty, change=decoded.change)
