"""Redaction: keeps secrets out of everything that is written to the log.

Three rules, in this order:

1. The value of a key that looks secret becomes `(sensitive)`, whatever it is; only None, booleans and empty
   text stay, which tell nothing (`karma_core.masking.names`).
2. Secret values that are known, the process's own and those of the event's component, are cut out of every
   text in every form (`karma_core.masking.forms`), keys included.
3. Private keys in PEM form, and passwords in URLs, are cut out of every text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.exact_numbers import NUMBERS
from karma_core.json_types import JsonValue
from karma_core.masking.known import KnownSecrets
from karma_core.masking.masker import MASK, Masker
from karma_core.masking.names import looks_secret
from karma_core.model import to_builtins
from karma_core.records import Event

MAX_DEPTH: Final = 2 * strictjson.MAX_DEPTH
"""Deepest structure in an event: what `strictjson` lets in, and as much again for what is put around it."""

_PEM_OR_URL: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",
    re.DOTALL,
)


class Redactor:
    """Redaction with the secret values that are known when an event is written."""

    def __init__(self, secrets: Iterable[str] = (), *, known: KnownSecrets | None = None) -> None:
        self._known = known or KnownSecrets(secrets)

    def event(self, event: Event) -> Event:
        """Return the event with secrets masked in its inputs (as JSON values) and in its other fields' texts.

        BadInput `event` where the inputs are no JSON values or too deep.
        """
        secrets = self._known.masker(event.component)
        texts = {
            name: clean
            for name in _TEXT_FIELDS
            if (value := getattr(event, name)) is not None and (clean := _text(value, secrets)) != value
        }
        artifacts = tuple(_text(key, secrets) for key in event.artifacts)
        try:
            inputs = to_builtins(event.inputs)  # records and sets as well: nothing is passed over unseen
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _refused(f"its inputs are no JSON values: {error}", "give only JSON values") from error
        clean_inputs = _walk(inputs, MAX_DEPTH, secrets)
        return msgspec.structs.replace(event, inputs=clean_inputs, artifacts=artifacts, **texts)

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value without secrets, as a new structure; BadInput `event` beyond MAX_DEPTH levels."""
        return _walk(value, MAX_DEPTH, self._known.masker())

    def text(self, text: str) -> str:
        """A text without known secrets, private keys and passwords in URLs."""
        return _text(text, self._known.masker())


def _text(text: str, secrets: Masker) -> str:
    text = secrets.text(text)
    return _PEM_OR_URL.sub(MASK, text) if "://" in text or "-----BEGIN" in text else text


def _walk(value: JsonValue, levels: int, secrets: Masker) -> JsonValue:
    if isinstance(value, str):
        return _text(value, secrets)
    if isinstance(value, dict):
        below = _descend(levels)
        return {_key(key, secrets): _member(key, item, below, secrets) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        below = _descend(levels)
        return [_walk(item, below, secrets) for item in value]
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        return secrets.value(value)
    return value


def _member(key: JsonValue, value: JsonValue, levels: int, secrets: Masker) -> JsonValue:
    tells = value is not None and value is not True and value is not False and value != ""
    if tells and isinstance(key, str) and looks_secret(key):
        return MASK
    return _walk(value, levels, secrets)


def _key(key: JsonValue, secrets: Masker) -> JsonValue:
    return _text(key, secrets) if isinstance(key, str) else key


def _descend(levels: int) -> int:
    if levels == 0:
        raise _refused(f"its inputs are nested deeper than {MAX_DEPTH} levels", "give flatter inputs")
    return levels - 1


def _refused(why: str, next_step: str) -> BadInput:
    return BadInput("an event cannot be written to the log", why=why, next_step=next_step, code="event")


_TEXT_FIELDS: Final = tuple(
    name
    for name in Event.__struct_fields__
    if name not in {"id", "timestamp", "inputs", "artifacts", "build_id", "seq", "prev", "hash"}
)
