"""Types of the names in requests: checked, and described, once.

The pattern of an address is that of its parts.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from karma_core.artifact_keys import KEY, MAX_KEY
from karma_core.documents import WHOLE
from karma_core.ids import NICKNAME, TYPE

_TYPE, _NICKNAME, _KEY = (form.pattern.removesuffix(r"\Z") for form in (TYPE, NICKNAME, KEY))

Type = Annotated[str, Meta(pattern=f"^{_TYPE}{WHOLE}", description="Component type.")]
Nickname = Annotated[str, Meta(pattern=f"^{_NICKNAME}{WHOLE}", description="The component's nickname.")]
Address = Annotated[
    str,
    Meta(
        max_length=127,
        pattern=f"^{_TYPE}/{_NICKNAME}{WHOLE}",
        description="A component's address, `type/nickname`.",
    ),
]
ArtifactKey = Annotated[
    str,
    Meta(
        max_length=MAX_KEY,
        pattern=f"^{_KEY}{WHOLE}",
        description="An artifact's key, as events and plans name it.",
    ),
]
Id = Annotated[str, Meta(pattern=f"^[A-Za-z0-9-]{{1,64}}{WHOLE}", description="An id, as answers give it.")]
Text = Annotated[str, Meta(max_length=200)]
Reason = Annotated[str, Meta(max_length=2000, description="Why; it stands in the log.")]
Moment = Annotated[
    str, Meta(min_length=1, max_length=40, description="A build's number, or an ISO 8601 time.")
]
