"""Redaction: keeps secrets out of everything that is written to the log.

Three rules, in this order:

1. The value of a key that looks secret becomes `(sensitive)`, whatever it is; only None, booleans and empty
   text stay, which tell nothing. A key looks secret when one of its words does (`db_password`,
   `authToken`, `private_key_pem`), unless its last word says that it is *about* the secret
   (`secret_arn`, `password_length`, `token_expires_at`). `fencing_token` and the tokens of paged listings are
   numbers and positions, not secrets: they stay. A bare `token` is always taken for a secret.
2. Secret values that the caller knows are cut out of every text, keys included.
3. Private keys in PEM form, and passwords in URLs, are cut out of every text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final

import msgspec

from karma_core import strictjson
from karma_core.errors import BadInput
from karma_core.json_types import JsonValue
from karma_core.model import to_builtins
from karma_core.records import Event

SENSITIVE: Final = "(sensitive)"

SHORTEST_SECRET: Final = 4
"""Known values shorter than this are not searched for. Ours: `no` or `1` would cut up every text."""

MAX_DEPTH: Final = 2 * strictjson.MAX_DEPTH
"""Deepest structure in an event: what `strictjson` lets in, and as much again for what is put around it."""

_SECRET_ENDINGS: Final = (
    "password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "authorization", "cookie",
    "apikey", "privatekey",
)  # fmt: skip
"""What a secret word ends in: people write `dbpassword` as well as `db_password`."""
_SECRET_PAIRS: Final = frozenset({("private", "key"), ("api", "key"), ("access", "key"), ("signing", "key")})
_ABOUT: Final = frozenset({
    "arn", "arns", "name", "names", "id", "ids", "path", "paths", "length", "version", "versions", "type",
    "types", "count", "at", "days", "hours", "minutes", "seconds", "ttl", "expiry", "expires", "enabled",
    "required", "policy", "rotation", "url", "uri", "endpoint", "parameter", "digest",
})  # fmt: skip
"""Last words of keys that say something about a secret without giving it away."""

_NOT_SECRET: Final = frozenset({"fencing_token", "next_token", "page_token", "continuation_token"})

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PEM_OR_URL: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|(?<=://)[^\s/:@]*:[^\s/@]+(?=@)",
    re.DOTALL,
)


@lru_cache(maxsize=4096)
def looks_secret(key: str) -> bool:
    """Whether a key's value is taken for a secret (rule 1)."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT or "_".join(words) in _NOT_SECRET:
        return False
    stems = [word.removesuffix("s") for word in words]
    ends_secret = any(stem.endswith(_SECRET_ENDINGS) for stem in stems)
    return ends_secret or not _SECRET_PAIRS.isdisjoint(pairwise(stems))


class Redactor:
    """Redaction with a set of known secret values."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {secret for secret in secrets if len(secret) >= SHORTEST_SECRET}
        # The longest first: one secret may begin with another.
        longest_first = sorted(known, key=lambda secret: (-len(secret), secret))
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def event(self, event: Event) -> Event:
        """Return the event with secrets masked in its inputs (as JSON values) and in its other fields' texts.

        BadInput `event` where the inputs are no JSON values or too deep.
        """
        texts = {
            name: clean
            for name in _TEXT_FIELDS
            if (value := getattr(event, name)) is not None and (clean := self.text(value)) != value
        }
        artifacts = tuple(self.text(key) for key in event.artifacts)
        try:
            inputs = to_builtins(event.inputs)  # records and sets as well: nothing is passed over unseen
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise _refused(f"its inputs are no JSON values: {error}", "give only JSON values") from error
        return msgspec.structs.replace(event, inputs=self.value(inputs), artifacts=artifacts, **texts)

    def value(self, value: JsonValue) -> JsonValue:
        """A JSON value without secrets, as a new structure; BadInput `event` beyond MAX_DEPTH levels."""
        return self._walk(value, MAX_DEPTH)

    def text(self, text: str) -> str:
        """A text without known secrets, private keys and passwords in URLs."""
        if self._known is not None:
            text = self._known.sub(SENSITIVE, text)
        return _PEM_OR_URL.sub(SENSITIVE, text) if "://" in text or "-----BEGIN" in text else text

    def _walk(self, value: JsonValue, levels: int) -> JsonValue:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            below = self._descend(levels)
            return {self._key(key): self._member(key, item, below) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            below = self._descend(levels)
            return [self._walk(item, below) for item in value]
        return value

    def _member(self, key: JsonValue, value: JsonValue, levels: int) -> JsonValue:
        tells = value is not None and value is not True and value is not False and value != ""
        if tells and isinstance(key, str) and looks_secret(key):
            return SENSITIVE
        return self._walk(value, levels)

    def _key(self, key: JsonValue) -> JsonValue:
        return self.text(key) if isinstance(key, str) else key

    @staticmethod
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
