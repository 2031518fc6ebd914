"""Keys and variables that are secret by their names.

A key looks secret when one of its words does (`db_password`, `authToken`, `private_key_pem`), unless its last
word says that it is *about* the secret (`secret_arn`, `password_length`, `token_expires_at`).
`fencing_token` and the tokens of paged listings are numbers and positions, not secrets. A bare `token` is
always taken for a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Final

_SECRET_ENDINGS: Final = (
    "password", "passwd", "pwd", "passphrase", "secret", "token", "credential", "authorization", "cookie",
    "apikey", "privatekey",
)  # fmt: skip
"""What a secret word ends in: people write `dbpassword` as well as `db_password`."""
_SECRET_PAIRS: Final = frozenset({("private", "key"), ("api", "key"), ("access", "key"), ("signing", "key")})
_ABOUT: Final = frozenset({
    "arn", "arns", "name", "names", "id", "ids", "path", "paths", "length", "version", "versions", "type",
    "types", "count", "at", "days", "hours", "minutes", "seconds", "ttl", "expiry", "expires", "enabled",
    "required", "policy", "rotation", "url", "uri", "endpoint", "parameter", "digest", "nickname",
    "nicknames", "scope", "scopes", "status", "source", "mode", "algorithm", "size", "format", "lifetime",
    "expiration", "validity", "issuer", "audience", "domain", "region",
})  # fmt: skip
"""Last words of keys that say something about a secret without giving it away."""
_NOT_SECRET: Final = frozenset({"fencing_token", "next_token", "page_token", "continuation_token"})
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_ACCESS_KEY_ID: Final = "AWS_ACCESS_KEY_ID"
"""Half of a credential; what it ends in says nothing else."""
_REGISTRY: Final = "TF_TOKEN_"
"""Terraform's tokens for a host, whose name stands behind it."""
_FOLDERS: Final = frozenset({"OLDPWD", "PWD"})
"""What shells keep the current folder in, by a word that means a password elsewhere."""
_FILE_OR_URI: Final = ("_FILE", "_URI")
"""Last words of environment variables that say where a secret is."""


@lru_cache(maxsize=4096)
def looks_secret(key: str) -> bool:
    """Whether a key's value is taken for a secret."""
    words = [word.lower() for word in _WORD.findall(key)]
    if not words or words[-1] in _ABOUT or "_".join(words) in _NOT_SECRET:
        return False
    stems = [word.removesuffix("s") for word in words]
    ends_secret = any(stem.endswith(_SECRET_ENDINGS) for stem in stems)
    return ends_secret or not _SECRET_PAIRS.isdisjoint(pairwise(stems))


def credential_names(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the environment variables that hold credentials or tokens, sorted."""
    return tuple(
        name
        for name in sorted(environment)
        if name == _ACCESS_KEY_ID
        or name.startswith(_REGISTRY)
        or (name not in _FOLDERS and looks_secret(name) and not name.endswith(_FILE_OR_URI))
    )
