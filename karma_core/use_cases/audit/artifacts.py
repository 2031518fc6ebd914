"""One readable artifact: a masked plan, or the versions of a publish. Nothing else in the store is shown.

A store may share its bucket with Terraform's states and with other environments. So a key is not only well
formed: it has the form of those artifacts, and is the environment's own.
"""

from __future__ import annotations

import re
from typing import Final

from karma_core.artifact_keys import check_key
from karma_core.errors import NotFound, Refused
from karma_core.model import Record
from karma_core.needs import HasArtifacts

MOST_BYTES: Final = 4 << 20
"""Largest artifact that is shown. Ours: below the 6 MB that AWS Lambda lets a function answer."""
_ID: Final = r"[A-Za-z0-9-]{1,64}"
_PLAN: Final = rf"\d{{4}}-\d\d-\d\d/{_ID}(?:/[^/]+/[^/]+)?/plan(?:-[0-9a-f]{{8}})?\.(?:json|txt)"
_PUBLISH: Final = rf"publishes/{_ID}/(?:addresses|versions)\.json"
_OPEN: Final = re.compile(rf"(?:{_PLAN}|{_PUBLISH})\Z")
"""Keys below the environment: as `store_plan`, `keep_plan` and a publish make them."""


class ShownArtifact(Record, frozen=True, kw_only=True):
    """An artifact. `size` is in bytes; `content` is text, and JSON where the media type says so."""

    key: str
    media_type: str
    size: int
    content: str


def show(workspace: HasArtifacts, key: str) -> ShownArtifact:
    """An artifact by its key. BadInput `invalid-name` for what is no key.

    NotFound, also where it is there and not one to be read; Refused `artifact-too-large`.
    """
    own = check_key(key).startswith(f"{workspace.name}/")
    is_open = own and _OPEN.match(key, len(workspace.name) + 1) is not None
    raw = workspace.artifacts.get(key) if is_open else None
    if raw is None:
        raise NotFound(
            f"there is no artifact {key} to be read",
            why="events and plans name those that there are",
            next_step="`karma log artifacts` lists them",
            key=key,
        )
    if len(raw) > MOST_BYTES:
        raise Refused(
            f"the artifact {key} is too large to be shown",
            why=f"it has {len(raw):,} bytes, more than {MOST_BYTES:,}",
            next_step="`karma log show EVENT --open` prints it",
            code="artifact-too-large",
            key=key,
        )
    media_type = "application/json" if key.endswith(".json") else "text/plain"
    return ShownArtifact(
        key=key, media_type=media_type, size=len(raw), content=raw.decode("utf-8", "replace")
    )
