"""Errors of a component without its secrets, wherever they were raised."""

from __future__ import annotations

from karma_core.errors import KarmaError
from karma_core.masking.masker import Masker


def without_secrets(error: KarmaError, secrets: Masker) -> KarmaError:
    """The same error, its texts and facts masked."""
    if secrets:
        error.what, error.why = secrets.text(error.what), secrets.text(error.why)
        error.next_step = secrets.text(error.next_step)
        error.facts = {name: secrets.value(fact) for name, fact in error.facts.items()}
        error.args = (error.what,)
    return error
