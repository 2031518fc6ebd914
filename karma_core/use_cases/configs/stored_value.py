"""Whether a stored config is one that Git holds, in whatever layout either is written."""

from __future__ import annotations

from karma_core import strictjson
from karma_core.checksum import is_damaged
from karma_core.errors import BadInput
from karma_core.records import Parameter


def holds(parameter: Parameter, digest: str) -> bool:
    """Whether the stored value is the config whose canonical form has this digest, and not damaged."""
    if is_damaged(parameter):
        return False
    raw = (parameter.value or "").encode()
    if strictjson.bytes_digest(raw) == digest:
        return True
    try:
        return strictjson.bytes_digest(strictjson.parse_canonical(raw, where=parameter.name)[1]) == digest
    except BadInput:
        return False
