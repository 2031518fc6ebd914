"""Answers that do not fit into a response: put into the artifact bucket, and fetched from there."""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

from karma_api.exchange import Outgoing
from karma_core.ports import ArtifactStore

SECONDS: Final = 300
"""How long the address of an answer is good. Ours: time to follow a redirect, not to pass it on."""


class Linked(ArtifactStore, Protocol):
    """Artifacts that can be fetched by an address: `karma_adapters.aws.s3_artifacts`."""

    def put_passing(self, key: str, content: bytes) -> str:
        """Store what may expire, and return the key."""
        ...

    def link(self, key: str, *, seconds: int, media_type: str) -> str:
        """An address that gives the artifact to whoever has it, for a while."""
        ...


def placed(artifacts: Linked, environment: str, made: Outgoing) -> Outgoing:
    """A 303 to an address that gives the same bytes (RFC 9110, 15.4.4).

    The same bytes are kept once. A rule of the bucket lets them expire.
    """
    key = f"{environment}/answers/{hashlib.sha256(made.body).hexdigest()}.json"
    artifacts.put_passing(key, made.body)
    place = artifacts.link(key, seconds=SECONDS, media_type=made.headers["content-type"])
    kept = {name: value for name, value in made.headers.items() if name not in {"content-type", "etag"}}
    return Outgoing(status=303, headers={**kept, "location": place, "cache-control": "no-store"})
