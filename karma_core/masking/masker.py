"""Replaces known secrets in texts and JSON values, in every form of `karma_core.masking.forms`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property, lru_cache
from typing import Final

from karma_core.exact_numbers import NUMBERS
from karma_core.json_types import JsonValue
from karma_core.masking.common_words import is_common
from karma_core.masking.forms import Form, fold, forms_of

MASK: Final = "(sensitive)"
SHORTEST: Final = 6
"""Characters from which on a secret is looked for in texts. A shorter one is masked by its attribute only:
every other word would match."""
_KEPT: Final = 256
"""Maskers that are kept compiled. Ours: one for each component that is worked on at once, and its log."""


def searchable(secret: str) -> bool:
    """Whether a secret is looked for in texts: it is long enough, and no common word."""
    return len(secret.strip()) >= SHORTEST and not is_common(secret)


class Masker:
    """Masks a set of secrets. Its cost for a text without any is that of some searches for a fixed string."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(filter(searchable, secrets))

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """The text with every secret replaced by MASK."""
        return _replaced(text, self._present(text))

    def contains(self, value: JsonValue) -> bool:
        """Whether a JSON value has a secret in a key, a text or a number."""
        return bool(self._in_value(value))

    def value(self, value: JsonValue) -> JsonValue:
        """The JSON value with secrets replaced in keys, texts and numbers; itself where it has none."""
        present = self._in_value(value)
        return _masked(value, present) if present else value

    @cached_property
    def _forms(self) -> tuple[Form, ...]:
        return tuple(form for secret in sorted(self._secrets) for form in forms_of(secret, searchable))

    def _in_value(self, value: JsonValue) -> list[Form]:
        """The forms that occur in a value."""
        return self._present("\0".join(texts_of(value))) if self._secrets else []

    def _present(self, text: str) -> list[Form]:
        """The forms that occur in a text."""
        if not self._secrets or len(text) < SHORTEST:
            return []
        folded = fold(text)
        return [form for form in self._forms if form.occurs(text, folded)]


@lru_cache(_KEPT)
def _masker(secrets: frozenset[str]) -> Masker:
    return Masker(secrets)


def masker_of(secrets: Iterable[str]) -> Masker:
    """The masker of these secrets; the same one for the same secrets, so that it is compiled once."""
    return _masker(frozenset(secrets))


def texts_of(value: JsonValue) -> Iterator[str]:
    """Every key, text and number in a JSON value, as text. Booleans tell nothing."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from (key for key in one if isinstance(key, str))
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, (str, *NUMBERS)) and not isinstance(one, bool):
            yield str(one)


def leaves_of(value: JsonValue) -> Iterator[str]:
    """Every text and number in a JSON value, as text, without the keys."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, (list, tuple)):
            waiting += one
        elif isinstance(one, (str, *NUMBERS)) and not isinstance(one, bool):
            yield str(one)


def _masked(value: JsonValue, forms: list[Form]) -> JsonValue:
    if isinstance(value, dict):
        return {_masked_key(key, forms): _masked(item, forms) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_masked(item, forms) for item in value]
    if isinstance(value, str):
        return _replaced(value, forms)
    if isinstance(value, NUMBERS) and not isinstance(value, bool):
        text = str(value)
        return value if _replaced(text, forms) == text else MASK
    return value


def _masked_key(key: JsonValue, forms: list[Form]) -> JsonValue:
    return _replaced(key, forms) if isinstance(key, str) else key


def _replaced(text: str, forms: Iterable[Form]) -> str:
    """The text with MASK for each stretch that a form covers; stretches that overlap become one."""
    if len(text) < SHORTEST:
        return text
    folded = fold(text)
    spans = sorted(span for form in forms for span in form.spans(text, folded))
    pieces, at, end = [], 0, -1
    for start, stop in spans:
        if start >= end:
            if end >= 0:
                pieces.append(MASK)
                at = end
            pieces.append(text[at:start])
        end = max(end, stop)
    return "".join([*pieces, MASK, text[end:]]) if spans else text
