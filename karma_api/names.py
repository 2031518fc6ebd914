"""Types of the names in requests: checked, and described, once.

In these patterns `$` is the end of the text and lets no newline through (Rust's `regex`, ECMA-262).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from karma_core import ids
from karma_core.artifact_keys import MAX_KEY, check_key
from karma_core.errors import BadInput, UsageError


def _address(value: str) -> str:
    try:
        ids.split_address(value)
    except UsageError as error:
        raise ValueError(f"{error.what}: {error.why}") from error
    return value


def _key(value: str) -> str:
    try:
        return check_key(value)
    except BadInput as error:
        raise ValueError(f"{error.what}: {error.why}") from error


Type = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$", description="Component type.")]
Nickname = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", description="The component's nickname.")
]
Address = Annotated[
    str,
    Field(max_length=127, description="A component's address, `type/nickname`."),
    AfterValidator(_address),
]
ArtifactKey = Annotated[
    str,
    Field(max_length=MAX_KEY, description="An artifact's key, as events and plans name it."),
    AfterValidator(_key),
]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$", description="An id, as answers give it.")]
Text = Annotated[str, Field(max_length=200)]
Reason = Annotated[str, Field(max_length=2000, description="Why; it stands in the log.")]
Moment = Annotated[
    str, Field(min_length=1, max_length=40, description="A build's number, or an ISO 8601 time.")
]
