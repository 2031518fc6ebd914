"""The checksum of a parameter's value, in its description: written with it, versioned with it.

It is of one version. A value that somebody wrote by hand, where the description was left as it was, has
another version and is taken as it is, as is one without a checksum (an earlier Karma's, a module's).
SecureStrings have none: their description is not secret, and a short value could be guessed from a digest;
Parameter Store encrypts them with authentication.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from karma_core.errors import BadInput
from karma_core.records import Parameter, ParameterKind

DAMAGED: Final = "parameter-damaged"
_MARK: Final = "check"
_FORM: Final = re.compile(_MARK + r"\W{1,3}([0-9]{1,15})-([0-9a-f]{32})")
"""In JSON (`"check":"3-…"`) and in text (`check=3-…`)."""
_HEX: Final = 32
"""128 bits of SHA-256. Ours: against chance, not against a forger, who could write the description, too."""


def checksum(name: str, version: int, value: str) -> str:
    """`<version>-<32 hex digits>` of a version of a parameter."""
    digest = hashlib.sha256(f"{name}\n{value}".encode("utf-8", "surrogatepass")).hexdigest()
    return f"{version}-{digest[:_HEX]}"


def is_damaged(parameter: Parameter) -> bool:
    """Whether the description has a checksum of this version, and the value is not what was written."""
    secure = parameter.kind is ParameterKind.SECURE
    if parameter.value is None or secure or _MARK not in parameter.description:
        return False
    marks = _FORM.findall(parameter.description)
    if not marks or int(marks[-1][0]) != parameter.version:
        return False
    return checksum(parameter.name, parameter.version, parameter.value) != "-".join(marks[-1])


def intact(parameter: Parameter) -> Parameter:
    """The parameter; BadInput `parameter-damaged` where its value is not what was written."""
    if is_damaged(parameter):
        raise BadInput(
            f"{parameter.name} is damaged",
            why=f"version {parameter.version} is not what was written: its checksum differs",
            next_step="`karma config publish --reread` writes a config again; or restore a backup",
            code=DAMAGED,
            parameter=parameter.name,
            version=parameter.version,
        )
    return parameter


def renewed(parameter: Parameter, version: int) -> str:
    """The description of an intact parameter for its value as another version."""
    marks = list(_FORM.finditer(parameter.description))
    if not marks or parameter.value is None or is_damaged(parameter):
        return parameter.description
    last, text = marks[-1], parameter.description
    mark = checksum(parameter.name, version, parameter.value)
    return text[: last.start(1)] + mark + text[last.end(2) :]
